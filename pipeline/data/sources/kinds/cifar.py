"""List the source `cifar`: CIFAR-10 and CIFAR-100, in the binary and the Python version.

The files are unpacked or as they are downloaded.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath

from pipeline.base.errors import UserError
from pipeline.data.sources.cifar_batch import BatchFile, Column, count_images, read_batch, read_names
from pipeline.data.sources.location import Location
from pipeline.data.sources.source import Listing, OfficialSplit, Part, RawImage, Request, SourceKind, wrong_kind
from pipeline.data.sources.tar_members import TARS, BrokenTarError, members, open_tar

PART_IMAGES = 10_000
MOST_MEMBERS = 1_000  # of the archive, which has about ten
_PEEKED = 4  # members of an archive by which it is recognised


@dataclass(frozen=True)
class Version:
    """Describe one of the four forms of CIFAR, by the names of its files."""

    title: str
    folder: str  # that the archive makes
    train: tuple[str, ...]
    test: str
    names: Mapping[Column, str]  # where class names are, by the column of labels
    marks: frozenset[str]  # the files by which it is known


_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
VERSIONS = (
    Version(
        "CIFAR-10", "cifar-10-batches-py", _BATCHES, "test_batch",
        {"label": "batches.meta"}, frozenset({"data_batch_1", "test_batch"}),
    ),
    Version(
        "CIFAR-10", "cifar-10-batches-bin", tuple(f"{name}.bin" for name in _BATCHES), "test_batch.bin",
        {"label": "batches.meta.txt"}, frozenset({"data_batch_1.bin", "test_batch.bin"}),
    ),
    Version(
        "CIFAR-100", "cifar-100-python", ("train",), "test",
        {"fine": "meta", "coarse": "meta"}, frozenset({"train", "test", "meta"}),
    ),
    Version(
        "CIFAR-100", "cifar-100-binary", ("train.bin",), "test.bin",
        {"fine": "fine_label_names.txt", "coarse": "coarse_label_names.txt"}, frozenset({"train.bin", "test.bin"}),
    ),
)  # fmt: skip
WANTED = "the files of CIFAR-10 or CIFAR-100, e.g. data_batch_1, …, test_batch and batches.meta"


@dataclass(frozen=True)
class CifarPart:
    """Hold a range of the images of a batch, as a `Part`."""

    batch: BatchFile
    column: Column
    split: OfficialSplit
    first: int
    count: int
    identity: str

    def images(self) -> Iterator[RawImage]:
        """Yield the images of the range; see `Part`."""
        pixels, labels = read_batch(self.batch, self.column, self.first, self.count)
        for number, (image, label) in enumerate(zip(pixels, labels.tolist(), strict=True), self.first):
            yield RawImage(f"{self.batch.name}/{number}", image, label, split=self.split)


def _recognises(location: Location) -> bool:
    if location.file is None:
        return bool(_versions(location.entries))
    if location.kind_of_file not in TARS:
        return False
    try:
        with open_tar(location.folder, location.file) as file:
            first = list(islice(members(file, location.entries[location.file].size), _PEEKED))
    except BrokenTarError:
        return False
    known = {version.folder for version in VERSIONS}.union(*(version.marks for version in VERSIONS[:2]))
    return any(known.intersection(PurePosixPath(member.name).parts) for member in first)


def _versions(files: Iterable[str]) -> list[tuple[str, Version]]:
    """Return the versions of which there are files, each with the folder that they are in."""
    names: dict[str, set[str]] = {}
    for file in files:
        folder, _, name = file.rpartition("/")
        names.setdefault(folder, set()).add(name)
    return [(folder, version) for folder in sorted(names) for version in VERSIONS if version.marks <= names[folder]]


def _list(request: Request) -> Listing:
    location = request.location
    files = _in_folder(location) if location.file is None else _in_tar(request, location.file)
    found = _versions(files)
    if not found:
        raise wrong_kind(request, f"has {', '.join(list(files)[:10]) or 'no files'}", WANTED)
    if len(found) > 1:
        listed = ", ".join(f"{folder or '.'} ({version.folder})" for folder, version in found)
        raise UserError(
            f"data.source.path: {location} holds CIFAR {len(found)} times: {listed}. Set path to one of them."
        )
    ((folder, version),) = found
    below = {name.rpartition("/")[2]: file for name, file in files.items() if name.rpartition("/")[0] == folder}
    column = _column(request, version)
    batches = [name for name in (*version.train, version.test) if name in below]
    names = below.get(version.names[column])
    missing = [name for name in (*version.train, version.names[column]) if name not in below]
    counts = count_images([below[name] for name in batches], column)
    return Listing(
        [
            part
            for name in batches
            for part in _parts(request, below[name], column, _split(name, version), counts[below[name].name])
        ],
        classes=None if names is None else read_names(names, column),
        splits=("train", "holdout"),
        warnings=[f"{name} is missing; a whole copy of {version.title} has it." for name in missing],
        name=version.title,
    )


def _split(name: str, version: Version) -> OfficialSplit:
    return "holdout" if name == version.test else "train"


def _parts(request: Request, batch: BatchFile, column: Column, split: OfficialSplit, count: int) -> Iterator[Part]:
    seen = f"{request.location.identity_of(batch.file)}\0{batch.name}\0{column}"
    for first in range(0, count, PART_IMAGES):
        identity = hashlib.sha256(f"{seen}\0{first}".encode(errors="surrogateescape")).hexdigest()
        yield CifarPart(batch, column, split, first, min(PART_IMAGES, count - first), identity)


def _column(request: Request, version: Version) -> Column:
    requested = request.source.label
    for column in version.names:
        if requested in (column, f"{column}s", f"{column}_label", f"{column}_labels"):
            return column
    if requested is not None:
        raise UserError(
            f"data.source.label: {requested!r}, but the labels of {version.title} are {' and '.join(version.names)}; "
            f"use {' or '.join(version.names)}, or leave it out."
        )
    return next(iter(version.names))


def _in_folder(location: Location) -> dict[str, BatchFile]:
    return {
        name: BatchFile(location.folder, name, name, entry.size, None, f"{location}/{name}")
        for name, entry in location.entries.items()
    }


def _in_tar(request: Request, tar: str) -> dict[str, BatchFile]:
    location = request.location
    if location.kind_of_file not in TARS:
        raise wrong_kind(request, f"is {location.kind_of_file or 'a file of no known kind'}", WANTED)
    files: dict[str, BatchFile] = {}
    try:
        with open_tar(location.folder, tar) as file:
            for number, member in enumerate(members(file, location.entries[tar].size)):
                if member.reason is not None or number == MOST_MEMBERS:
                    why = member.reason or f"has more than {MOST_MEMBERS} members"
                    raise UserError(f"data.source.path: {location} is refused: {member.name}: {why}. Get it again.")
                if not member.folder:
                    files[member.name] = BatchFile(
                        location.folder, tar, member.name, member.size, member.offset, f"{location}: {member.name}"
                    )
    except BrokenTarError as error:
        raise UserError(f"data.source.path: {location} cannot be read: {error}. Get it again.") from None
    return files


KIND = SourceKind("cifar", 20, _recognises, _list)
