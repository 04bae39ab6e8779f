"""List the source `celeba`: CelebA's aligned photographs with its lists of attributes and of splits.

The source is a folder or a ZIP archive.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from pipeline.base.errors import UserError
from pipeline.data.sources.annotations import Annotations
from pipeline.data.sources.archive_files import list_zip
from pipeline.data.sources.archive_tree import ArchiveTree
from pipeline.data.sources.celeba_lists import read_attributes, read_partition
from pipeline.data.sources.location import KEY, Location
from pipeline.data.sources.source import Listing, OfficialSplit, Part, Request, SourceKind, wrong_kind
from pipeline.data.sources.tree import JUNK, NO_IMAGE, Tree, is_hidden, parts_of, shown
from pipeline.store.files import readable
from pipeline.store.folder import Entry

FOLDER = "img_align_celeba"
ZIP = f"{FOLDER}.zip"
ATTRIBUTES = "list_attr_celeba"
PARTITION = "list_eval_partition"
SUFFIXES = (".txt", ".csv")
IMAGES = (".jpg", ".jpeg", ".png")
WANTED = f"the folder or ZIP archive of {FOLDER}/*.jpg (or {ZIP}) with {ATTRIBUTES}.txt and {PARTITION}.txt"


@dataclass(frozen=True)
class Found:
    """Hold where the images are, and the lists."""

    tree: Tree  # of the images
    entries: Mapping[str, Entry]
    lists: Mapping[str, Entry]  # all files among which the lists may be
    read: Callable[[str], bytes]  # one of these
    left_out: list[tuple[str, str]]

    def list_of(self, stem: str) -> tuple[str, bytes] | None:
        """Return the name and the content of a list; None where there is no such list."""
        for suffix in SUFFIXES:
            for name in self.lists:
                if PurePosixPath(name).name == f"{stem}{suffix}":
                    return name, self.read(name)
        return None


def _recognises(location: Location) -> bool:
    if location.file is not None:
        return "celeba" in location.file.lower() and location.kind_of_file == "a ZIP archive"
    marks = {ZIP, *(f"{ATTRIBUTES}{suffix}" for suffix in SUFFIXES)}
    return any(name.rpartition("/")[2] in marks for name in location.entries)


def _has_marks(location: Location) -> bool:
    """Return whether a folder can be CelebA's: it has one of its lists, its ZIP archive or its folder of images."""
    stems = (ATTRIBUTES, PARTITION, FOLDER)
    return FOLDER in PurePosixPath(str(location)).parts or any(
        part.partition(".")[0] in stems for name in location.entries for part in PurePosixPath(name).parts
    )


def _list(request: Request) -> Listing:
    location = request.location
    if location.file is None and not _has_marks(location):
        raise wrong_kind(request, f"has neither {FOLDER} nor lists of CelebA's", WANTED)
    if request.text not in ("auto", "none"):
        raise UserError(f"data.text: {request.text!r}, but CelebA has no captions; use auto or none.")
    found = _found(request)
    named, left_out = _images(found, str(location))
    label = request.source.label
    wanted = label.split("+") if isinstance(label, str) else label
    classes, warnings = _classes(found, location, wanted)
    splits = _splits(found, location)
    if splits is None:
        warnings.append(f"{location}: has no {PARTITION}.txt, so the same person may be in two splits.")
    for rows, name in ((classes, ATTRIBUTES), (splits, PARTITION)):
        if rows is not None:
            left_out += [(file, f"in {name}, but there is no such image") for file in rows.keys() - named.keys()]
            for file in named.keys() - rows.keys():
                left_out.append((shown(named.pop(file)), f"no row in {name}"))
    groups: dict[OfficialSplit, list[str]] = defaultdict(list)
    for file, name in named.items():
        groups["train" if splits is None else splits[file]].append(name)
    if not groups:
        raise UserError(
            f"data.source.path: {location}: no image has a row in its lists. The lists name files such as 000001.jpg."
        )
    annotated = {name: (None if classes is None else classes[file], None) for file, name in named.items()}
    annotations = Annotations(of=annotated, labels=classes is not None)
    parts: list[Part] = [
        part
        for split, names in sorted(groups.items())
        for part in parts_of(found.tree, dict.fromkeys(names), found.entries, annotations, split)
    ]
    return Listing(parts, splits=tuple(sorted(groups)), left_out=sorted(left_out), warnings=warnings)


def _found(request: Request) -> Found:
    location = request.location
    if location.file is not None:
        if location.kind_of_file != "a ZIP archive":
            raise wrong_kind(request, f"is {location.kind_of_file or 'a file of no known kind'}", WANTED)
        return _in_zip(location, location.file)
    zipped = [name for name in location.entries if PurePosixPath(name).name == ZIP]
    if zipped and not any(FOLDER in PurePosixPath(name).parts for name in location.entries):
        return _in_zip(location, zipped[0])
    return Found(location.folder, location.entries, location.entries, location.folder.read, list(location.left_out))


def _in_zip(location: Location, file: str) -> Found:
    """Return the images of an archive, with the lists in it, or else the lists next to it."""
    where = str(location) if location.file is not None else f"{location}/{file}"
    with readable(KEY), location.folder.open(file) as opened:
        entries, spans, left_out = list_zip(opened, where).listed()
    tree = ArchiveTree(location.folder, file, where, spans)
    if any(PurePosixPath(name).stem in (ATTRIBUTES, PARTITION) for name in entries):
        return Found(tree, entries, entries, lambda name: next(tree.read_many([name])) or b"", left_out)
    lists = location.entries
    if location.file is not None:
        names = [f"{stem}{suffix}" for stem in (ATTRIBUTES, PARTITION) for suffix in SUFFIXES]
        lists = {name: entry for name in names if (entry := location.folder.entry(name)) is not None}
    return Found(tree, entries, lists, location.folder.read, left_out)


def _images(found: Found, where: str) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return the names of the images by their file names, which the lists use, and what is no image.

    What is no image has its reason.
    """
    named: dict[str, str] = {}
    left_out = list(found.left_out)
    for name in found.entries:
        file = PurePosixPath(name)
        if is_hidden(name):
            left_out.append((shown(name), JUNK))
        elif file.suffix.lower() not in IMAGES:
            if file.stem not in (ATTRIBUTES, PARTITION):
                left_out.append((shown(name), NO_IMAGE))
        elif file.name in named:
            raise UserError(
                f"data.source.path: {where}: has both {shown(named[file.name])} and {shown(name)}, but the lists "
                "identify images by file name. Remove one of the two."
            )
        else:
            named[file.name] = name
    if not named:
        raise UserError(f"data.source.path: {where}: no images below it. Point it at {WANTED}.")
    return named, left_out


def _classes(found: Found, location: Location, wanted: list[str] | None) -> tuple[dict[str, str] | None, list[str]]:
    if wanted is None:
        return None, []
    listed = found.list_of(ATTRIBUTES)
    if listed is None:
        raise UserError(
            f"data.source.label: {', '.join(wanted)}, but {location} has no {ATTRIBUTES}.txt. Put it there, or leave label out."
        )
    name, content = listed
    return read_attributes(content, f"{location}: {name}", wanted)


def _splits(found: Found, location: Location) -> dict[str, OfficialSplit] | None:
    listed = found.list_of(PARTITION)
    return None if listed is None else read_partition(listed[1], f"{location}: {listed[0]}")


KIND = SourceKind("celeba", 30, _recognises, _list)
