"""Decide which folders of a tree are classes, which are splits, and which only hold the rest."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Protocol

from PIL import Image

from pipeline.data.decode import FORMATS
from pipeline.data.sources.source import OfficialSplit

SPLIT_FOLDERS: dict[str, OfficialSplit] = {
    "train": "train", "validation": "validation", "valid": "validation", "val": "validation", "test": "holdout", "holdout": "holdout",
}  # fmt: skip
NO_IMAGE_INSIDE = "ignored: no image, by its content"


class Readable(Protocol):
    """Describe a tree of which files can be read."""

    def read_many(self, names: Sequence[str]) -> Iterator[bytes | None]:
        """Yield the contents of files, in the order of `names`; see `Tree`."""
        ...


@dataclass(frozen=True)
class Layout:
    """Hold the names of images by their split and the folder that is their class (None: there is none)."""

    groups: dict[tuple[OfficialSplit, str | None], list[str]]
    left_out: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def layout_of(tree: Readable, names: Sequence[str], suffixes: tuple[str, ...], *, wrapped: bool) -> Layout:
    """Sort files by what the folders above them mean.

    Folders are splits if all that stand next to each other have names of splits, `train` among them. A single folder
    that holds nothing but folders of images is skipped. Where the tree is `wrapped`, the topmost is always skipped.

    Args:
        tree: where the files are; those that may be no image and would change the layout are read.
        names: the names of the files, with forward slashes.
        suffixes: the suffixes of the files that are images by their name.
        wrapped: whether a single folder at the top is there to hold the rest.
    """
    steps = {name: tuple(name.split("/")) for name in names}
    sure = [steps[name] for name in names if name.lower().endswith(suffixes)] or list(steps.values())
    levels = _levels(sure, wrapped=wrapped)
    doubtful: list[str] = []
    if any(len(path) > levels.of_classes + 1 for path in sure):
        # A LICENSE or Makefile beside the folders is no image, and no class where it lies in a folder.
        known = {path[: levels.of_classes + 1] for path in sure}
        doubtful = [name for name in names if steps[name][: levels.of_classes + 1] not in known]
    no_images = {
        name for name, content in zip(doubtful, tree.read_many(doubtful), strict=True) if not _is_image(content)
    }
    images = [name for name in names if name not in no_images]
    if len(images) != len(sure):
        levels = _levels([steps[name] for name in images], wrapped=wrapped)
    groups: dict[tuple[OfficialSplit, str | None], list[str]] = defaultdict(list)
    for name in images:
        split: OfficialSplit = SPLIT_FOLDERS[steps[name][levels.above].lower()] if levels.with_splits else "train"
        inner = steps[name][levels.of_classes :]
        groups[split, inner[0] if len(inner) > 1 else None].append(name)
    warnings = [*levels.warnings, *_twins({folder for _, folder in groups if folder is not None})]
    return Layout(dict(groups), [(name, NO_IMAGE_INSIDE) for name in sorted(no_images)], warnings)


@dataclass(frozen=True)
class _Levels:
    """Hold how many folders are `above` the classes or the splits, and whether there are splits (`with_splits`)."""

    above: int
    with_splits: bool
    warnings: list[str]

    @property
    def of_classes(self) -> int:
        return self.above + self.with_splits


def _levels(paths: Sequence[tuple[str, ...]], *, wrapped: bool) -> _Levels:
    above, warnings = 0, []
    while (folder := _single_folder([path[above:] for path in paths], loose=wrapped and above == 0)) is not None:
        if not (wrapped and above == 0):
            warnings.append(f"All images lie below {folder}, so the folders in it are taken for the classes.")
        above += 1
    with_splits, odd = _splits([path[above:] for path in paths])
    return _Levels(above, with_splits, [*warnings, *odd])


def _single_folder(paths: Sequence[Sequence[str]], *, loose: bool) -> str | None:
    """Return the one folder that all files are in; None where there is no such folder.

    A folder `train` does not count, since it is a split. Unless `loose`, nor does one with files right in it.
    """
    above = paths[0][0]
    fewest = min(len(path) for path in paths)
    if any(path[0] != above for path in paths) or above.lower() == "train" or fewest < (2 if loose else 3):
        return None
    return above


def _splits(paths: Sequence[Sequence[str]]) -> tuple[bool, list[str]]:
    """Return whether the topmost folders are splits, and warnings about them."""
    folders = {path[0] for path in paths if len(path) > 1}
    found = {folder.lower() for folder in folders}
    named = sorted(folder for folder in folders if folder.lower() in SPLIT_FOLDERS)
    others = sorted(folders - set(named))
    if "train" in found and not others and all(len(path) > 1 for path in paths):
        return True, []
    if "train" in found and others:
        return False, [f"{', '.join(named)} are taken for classes, not splits: {others[0]!r} stands beside them."]
    if len(named) > 1 and not others:
        return False, [f"{', '.join(named)} are taken for classes, not splits: there is no train beside them."]
    return False, []


def _twins(folders: set[str]) -> list[str]:
    forms = defaultdict(list)
    for folder in sorted(folders):
        forms[unicodedata.normalize("NFC", folder)].append(folder)
    return [
        f"{len(same)} folders are named {name}, spelt with different Unicode characters: they are one class."
        for name, same in forms.items()
        if len(same) > 1
    ]


def _is_image(content: bytes | None) -> bool:
    """Return whether a file begins like an image.

    A file that cannot be read counts as one, since it is reported later by its name.
    """
    if content is None:
        return True
    try:
        with Image.open(BytesIO(content), formats=FORMATS):
            return True
    except Exception:  # what Pillow's readers raise at content that is no image is of nearly every kind there is
        return False
