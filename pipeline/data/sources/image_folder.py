"""The source `folder`: image files in the folders of their classes, or all in one."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from pipeline.config.sources import ImageFolderSource
from pipeline.data.sources.source import Listing, OfficialSplit, Part, RawImage
from pipeline.errors import UserError
from pipeline.folders import Entry, Folder, folder_at
from pipeline.junk import is_junk

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")
SPLIT_FOLDERS: dict[str, OfficialSplit] = {
    "train": "train", "validation": "validation", "valid": "validation", "val": "validation", "test": "holdout", "holdout": "holdout",
}  # fmt: skip
# A part ends behind a file whose name says so, so that a file more or less changes its own part alone.
PART_IMAGES = 500
LARGEST_PART = 4 * PART_IMAGES


@dataclass(frozen=True)
class FilesPart:
    """Some files of one folder, of one class."""

    folder: Folder
    names: tuple[str, ...]
    label: str | None
    split: OfficialSplit
    identity: str

    def images(self) -> Iterator[RawImage]:
        """See `Part`."""
        for name, content in zip(self.names, self.folder.read_many(self.names), strict=True):
            reason = "unreadable" if content is None else None
            yield RawImage(name, content or b"", self.label, split=self.split, reason=reason)


def list_image_folder(source: ImageFolderSource) -> Listing:
    """Class folders, sorted by name, or one flat folder; `train`, `validation` and `test` above them where they are."""
    folder = folder_at(source.path)
    entries = {name: entry for name, entry in folder.entries("").items() if not _hidden(name)}
    images = {name: entry for name, entry in entries.items() if name.lower().endswith(ENDINGS)}
    if not images:
        raise UserError(
            f"data.source.path: {source.path}: no image files below it ({', '.join(ENDINGS)}). Point it at the folder that holds the "
            "images, or the folders of the classes."
        )
    tops = {PurePosixPath(name).parts[0] for name in images}
    with_splits = "train" in tops and tops <= set(SPLIT_FOLDERS)
    groups: dict[tuple[OfficialSplit, str | None], list[str]] = defaultdict(list)
    for name in images:
        steps = PurePosixPath(name).parts
        split: OfficialSplit = SPLIT_FOLDERS[steps[0]] if with_splits else "train"
        inner = steps[1:] if with_splits else steps
        groups[split, inner[0] if len(inner) > 1 else None].append(name)
    labels = {label for _, label in groups}
    if None in labels and len(labels) > 1:
        loose = next(names[0] for (_, label), names in groups.items() if label is None)
        raise UserError(
            f"data.source.path: {source.path} has folders ({', '.join(sorted(filter(None, labels))[:5])}) and images beside them ({loose}): "
            "which class are these? Move them into the folder of one."
        )
    parts: list[Part] = [
        _part(folder, chunk, images, label, split)
        for (split, label), names in sorted(groups.items(), key=lambda group: (group[0][0], group[0][1] or ""))
        for chunk in _chunks(sorted(names))
    ]
    left_out = [(name, "no image, by its name") for name in entries if name not in images]
    splits = tuple(sorted({split for split, _ in groups}))
    return Listing(parts, splits=splits, left_out=left_out)


def _hidden(name: str) -> bool:
    return is_junk(name) or any(step.startswith(".") for step in name.split("/"))


def _chunks(names: list[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    for name in names:
        chunk.append(name)
        ends = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % PART_IMAGES == 0
        if ends or len(chunk) == LARGEST_PART:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _part(
    folder: Folder, names: list[str], entries: dict[str, Entry], label: str | None, split: OfficialSplit
) -> FilesPart:
    seen = hashlib.sha256(f"{folder}\0{label}\0{split}".encode())
    for name in names:
        entry = entries[name]
        seen.update(f"\0{name}\0{entry.size}\0{entry.modified!r}".encode(errors="surrogateescape"))
    return FilesPart(folder, tuple(names), label, split, seen.hexdigest())
