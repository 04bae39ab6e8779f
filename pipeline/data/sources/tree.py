"""List image files in a tree of folders, wherever the tree is stored: the folder of a file is its class."""

import hashlib
import unicodedata
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

from pipeline.base.errors import UserError
from pipeline.base.junk import is_junk
from pipeline.data.decode import LARGEST_FILE
from pipeline.data.sources.annotations import Annotations
from pipeline.data.sources.captions import first_line
from pipeline.data.sources.layout import Layout, layout_of
from pipeline.data.sources.source import Listing, OfficialSplit, Part, RawImage
from pipeline.store.folder import Entry

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")
# What is never opened in search of images; anything else may be one, whatever its name.
OTHER_SUFFIXES = (
    ".txt", ".json", ".jsonl", ".csv", ".tsv", ".parquet", ".xml", ".yaml", ".yml", ".md", ".html", ".pdf", ".py", ".pyc", ".zip", ".tar",
    ".gz", ".npy", ".npz", ".mp4", ".mov", ".avi", ".db", ".log", ".mat", ".pkl", ".pickle", ".sh", ".ini", ".toml", ".cfg", ".svg",
    ".ipynb", ".bz2", ".xz", ".tgz", ".7z", ".rar", ".h5", ".hdf5", ".wav", ".mp3", ".webm",
)  # fmt: skip
JUNK = "ignored: what desktops and editors leave behind"
NO_IMAGE = "ignored: no image, by its name"
TOO_LARGE = f"file of more than {LARGEST_FILE >> 20} MiB"
# A part ends behind a file whose name says so, so that a file more or less changes its own part alone.
PART_IMAGES = 250
LARGEST_PART = 4 * PART_IMAGES


class Tree(Protocol):
    """Describe where the files are.

    A tree can be sent to other processes. Its text names it to people and in identities.
    """

    def __str__(self) -> str: ...

    def read_many(self, names: Sequence[str]) -> Iterator[bytes | None]:
        """Yield the contents of files, in the order of `names`; None for one that cannot be read."""
        ...


@runtime_checkable
class Divisible(Tree, Protocol):
    """Describe a tree that carries a table of its files, which may be large: a part takes only what it needs of it."""

    def only(self, names: Sequence[str]) -> Self:
        """Return the same tree with the files `names` alone."""
        ...


@dataclass(frozen=True)
class TreePart:
    """Hold the names of files of one split, as a `Part`."""

    tree: Tree
    names: tuple[str, ...]
    labels: tuple[str | None, ...]  # one for each name, as are the texts and captions
    texts: tuple[str | None, ...]
    captions: tuple[str | None, ...]  # names of the files that hold the texts of images that have none here
    split: OfficialSplit
    identity: str

    def images(self) -> Iterator[RawImage]:
        """Yield the images in the files; see `Part`."""
        contents = self.tree.read_many(self.names)
        for name, label, text, content in zip(self.names, self.labels, self._all_texts(), contents, strict=True):
            reason = "unreadable" if content is None else None
            surely = name.lower().endswith(IMAGE_SUFFIXES)
            yield RawImage(shown(name), content or b"", label, text, self.split, reason, surely)

    def _all_texts(self) -> list[str | None]:
        """Return the text of each image, from its caption file where the image has none here.

        The files of captions are small, and those of a part few, so they are read before its images.
        """
        files = [caption for caption in self.captions if caption is not None]
        lines = {
            file: None if content is None else first_line(content)
            for file, content in zip(files, self.tree.read_many(files), strict=True)
        }
        return [
            lines[caption] if text is None and caption is not None else text
            for text, caption in zip(self.texts, self.captions, strict=True)
        ]


def shown(name: str) -> str:
    r"""Return a file's name as text that can be written: a byte that is no UTF-8 as \xff."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def list_tree(
    tree: Tree,
    entries: Mapping[str, Entry],
    where: str,
    *,
    annotations: Annotations | None = None,
    left_out: Sequence[tuple[str, str]] = (),
    wrapped: bool = False,
) -> Listing:
    """List the images in folders of classes, or in one flat folder.

    `train`, `validation` and `test` above them are splits where no other folder stands next to them.

    Args:
        tree: where workers read the files.
        entries: all files by their names, with forward slashes; what an entry says changes where its content does.
        where: names the source in messages.
        annotations: what a file among them says of the images.
        left_out: name and reason of what is there besides `entries`.
        wrapped: a single folder at the top holds all the rest, and is no class.
    """
    annotations = annotations or Annotations()
    reasons = {name: _why_not(name, entry) for name, entry in entries.items() if name not in annotations.files}
    images = [name for name, reason in reasons.items() if reason is None]
    if not images:
        raise UserError(
            f"data.source.path: {where}: no image files below it. Point it at the folder that holds the images, or the folders of the classes."
        )
    layout = layout_of(tree, images, IMAGE_SUFFIXES, wrapped=wrapped)
    if not annotations.labels:
        _require_one_depth(layout, where)
    folders: dict[OfficialSplit, dict[str, str | None]] = defaultdict(dict)
    for (split, folder), names in layout.groups.items():
        folders[split] |= dict.fromkeys(names, folder)
    parts: list[Part] = [
        part for split in sorted(folders) for part in parts_of(tree, folders[split], entries, annotations, split)
    ]
    not_images = [(name, reason) for name, reason in reasons.items() if reason is not None]
    return Listing(
        parts,
        splits=tuple(sorted(folders)),
        left_out=[
            (shown(name), reason) for name, reason in [*left_out, *not_images, *layout.left_out, *annotations.left_out]
        ],
        warnings=[
            *([] if annotations.labels else layout.warnings),
            *annotations.warnings,
        ],  # the former are on what is a class
    )


def parts_of(
    tree: Tree,
    folders: Mapping[str, str | None],
    entries: Mapping[str, Entry],
    annotations: Annotations,
    split: OfficialSplit,
) -> Iterator[TreePart]:
    """Yield the files of one split as parts of hundreds of files, whatever their folders; see `list_tree`.

    Args:
        tree: where workers read the files.
        folders: for each file the folder that is its class.
        entries: all files by their names, as for `list_tree`.
        annotations: what an annotation says of the files.
        split: the split of all these files.
    """
    for chunk in _chunks(sorted(folders)):
        yield _part(tree, {name: folders[name] for name in chunk}, entries, annotations, split)


def ends_part(name: str) -> bool:
    """Return whether a part ends behind the file `name`: one name in `PART_IMAGES` says so."""
    return zlib.crc32(name.encode(errors="surrogateescape")) % PART_IMAGES == 0


def is_hidden(name: str) -> bool:
    """Return whether a file is junk, or hidden, or lies in a folder that is."""
    return name.startswith(".") or "/." in name or is_junk(name)


def _why_not(name: str, entry: Entry) -> str | None:
    """Return why a file is not opened as an image; None if it is opened."""
    if is_hidden(name):
        return JUNK
    if name.lower().endswith(OTHER_SUFFIXES):
        return NO_IMAGE
    return TOO_LARGE if entry.size > LARGEST_FILE else None


def _require_one_depth(layout: Layout, where: str) -> None:
    folders = sorted({folder for _, folder in layout.groups if folder is not None})
    loose = next((names[0] for (_, folder), names in layout.groups.items() if folder is None), None)
    if folders and loose is not None:
        raise UserError(
            f"data.source.path: {where} has folders ({', '.join(map(shown, folders[:5]))}) and images beside them ({shown(loose)}): "
            "which class are these? Move them into the folder of one."
        )


def _chunks(names: list[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    for name in names:
        chunk.append(name)
        if ends_part(name) or len(chunk) == LARGEST_PART:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _part(
    tree: Tree,
    folders: Mapping[str, str | None],
    entries: Mapping[str, Entry],
    annotations: Annotations,
    split: OfficialSplit,
) -> TreePart:
    classes = {folder: None if annotations.labels else _class_of(folder) for folder in set(folders.values())}
    labels: list[str | None] = []
    texts, captions = [], []
    seen = [f"{tree}\0{split}"]
    for name, folder in folders.items():
        label, text = annotations.of.get(name, (None, None))
        labels.append(label if annotations.labels else classes[folder])
        texts.append(text)
        captions.append(annotations.captions.get(name))
        caption = None if captions[-1] is None else _version(entries[captions[-1]])
        seen.append(f"{name}\0{_version(entries[name])}\0{labels[-1]!r}\0{text!r}\0{caption}")
    needed = [*folders, *(caption for caption in captions if caption is not None)]
    part_tree = tree.only(needed) if isinstance(tree, Divisible) else tree
    identity = hashlib.sha256("\0".join(seen).encode(errors="surrogateescape")).hexdigest()
    return TreePart(part_tree, tuple(folders), tuple(labels), tuple(texts), tuple(captions), split, identity)


def _class_of(folder: str | None) -> str | None:
    return None if folder is None else unicodedata.normalize("NFC", shown(folder))


def _version(entry: Entry) -> str:
    """Return a text that differs where a file's content does."""
    return f"{entry.size} {entry.modified!r} {entry.tag}"
