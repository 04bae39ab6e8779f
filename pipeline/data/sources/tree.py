"""Image files in a tree of folders, wherever the tree is kept: the folder of a file is its class."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from pipeline.data.sources.annotations import Annotations
from pipeline.data.sources.captions import first_line
from pipeline.data.sources.source import Listing, OfficialSplit, Part, RawImage
from pipeline.errors import UserError
from pipeline.folders import Entry
from pipeline.junk import is_junk

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")
# What is never opened in search of images; anything else may be one, whatever its name.
OTHER_ENDINGS = (
    ".txt", ".json", ".jsonl", ".csv", ".tsv", ".parquet", ".xml", ".yaml", ".yml", ".md", ".html", ".pdf", ".py", ".zip", ".tar",
    ".gz", ".npy", ".npz", ".mp4", ".mov", ".avi", ".db", ".log",
)  # fmt: skip
SPLIT_FOLDERS: dict[str, OfficialSplit] = {
    "train": "train", "validation": "validation", "valid": "validation", "val": "validation", "test": "holdout", "holdout": "holdout",
}  # fmt: skip
JUNK = "ignored: what desktops and editors leave behind"
NO_IMAGE = "ignored: no image, by its name"
# A part ends behind a file whose name says so, so that a file more or less changes its own part alone.
PART_IMAGES = 500
LARGEST_PART = 4 * PART_IMAGES


class Tree(Protocol):
    """Where the files are. It can be sent to other processes, and its text names it to people and in identities."""

    def __str__(self) -> str: ...

    def read_many(self, names: Sequence[str]) -> Iterator[bytes | None]:
        """The contents of files, in the order of `names`; None for one that cannot be read."""
        ...


@dataclass(frozen=True)
class TreePart:
    """Some files of one folder and split."""

    tree: Tree
    names: tuple[str, ...]
    labels: tuple[str | None, ...]  # one for each name, as are the texts and captions
    texts: tuple[str | None, ...]
    captions: tuple[str | None, ...]  # names of the files that hold the texts of images that have none here
    split: OfficialSplit
    identity: str

    def images(self) -> Iterator[RawImage]:
        """See `Part`."""
        contents = self.tree.read_many(self.names)
        for name, label, text, content in zip(self.names, self.labels, self._all_texts(), contents, strict=True):
            reason = "unreadable" if content is None else None
            surely = name.lower().endswith(IMAGE_ENDINGS)
            yield RawImage(name, content or b"", label, text, self.split, reason, surely)

    def _all_texts(self) -> list[str | None]:
        """The files of captions are small, and those of a part few: they are read before its images."""
        files = [caption for caption in self.captions if caption is not None]
        lines = {
            file: None if content is None else first_line(content)
            for file, content in zip(files, self.tree.read_many(files), strict=True)
        }
        return [
            lines[caption] if text is None and caption is not None else text
            for text, caption in zip(self.texts, self.captions, strict=True)
        ]


def list_tree(
    tree: Tree, entries: Mapping[str, Entry], where: str, *, annotations: Annotations | None = None
) -> Listing:
    """Class folders, sorted by name, or one flat folder; `train`, `validation` and `test` above them where nothing else is.

    Args:
        tree: where workers read the files.
        entries: all files by their names, with forward slashes.
        where: the source, in messages.
        annotations: what files among them say of the images.
    """
    told = annotations or Annotations()
    left_out = [(name, JUNK) for name in entries if is_hidden(name)]
    files = [name for name in entries if not is_hidden(name) and name not in told.files]
    left_out += [(name, NO_IMAGE) for name in files if name.lower().endswith(OTHER_ENDINGS)]
    images = [name for name in files if not name.lower().endswith(OTHER_ENDINGS)]
    if not images:
        raise UserError(
            f"data.source.path: {where}: no image files below it. Point it at the folder that holds the images, or the folders of the classes."
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
    if None in labels and len(labels) > 1 and not told.labels:
        loose = next(names[0] for (_, label), names in groups.items() if label is None)
        raise UserError(
            f"data.source.path: {where} has folders ({', '.join(sorted(filter(None, labels))[:5])}) and images beside them ({loose}): "
            "which class are these? Move them into the folder of one."
        )
    parts: list[Part] = [
        _part(tree, chunk, entries, told, label, split)
        for (split, label), names in sorted(groups.items(), key=lambda group: (group[0][0], group[0][1] or ""))
        for chunk in _chunks(sorted(names))
    ]
    splits = tuple(sorted({split for split, _ in groups}))
    return Listing(parts, splits=splits, left_out=[*left_out, *told.left_out], warnings=told.warnings)


def is_hidden(name: str) -> bool:
    """Return whether a file is junk, or hidden, or lies in a folder that is."""
    return is_junk(name) or any(step.startswith(".") for step in name.split("/"))


def _chunks(names: list[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    for name in names:
        chunk.append(name)
        ends = (
            int.from_bytes(hashlib.sha256(name.encode(errors="surrogateescape")).digest()[:4], "big") % PART_IMAGES == 0
        )
        if ends or len(chunk) == LARGEST_PART:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _part(
    tree: Tree,
    names: list[str],
    entries: Mapping[str, Entry],
    told: Annotations,
    folder: str | None,
    split: OfficialSplit,
) -> TreePart:
    class_of_folder = None if told.labels else folder
    labels, texts, captions = [], [], []
    seen = hashlib.sha256(f"{tree}\0{split}".encode(errors="surrogateescape"))
    for name in names:
        label, text = told.of.get(name, (None, None))
        labels.append(label if told.labels else class_of_folder)
        texts.append(text)
        captions.append(told.captions.get(name))
        caption = None if captions[-1] is None else entries[captions[-1]]
        seen.update(
            f"\0{name}\0{entries[name]!r}\0{labels[-1]!r}\0{text!r}\0{caption!r}".encode(errors="surrogateescape")
        )
    return TreePart(tree, tuple(names), tuple(labels), tuple(texts), tuple(captions), split, seen.hexdigest())
