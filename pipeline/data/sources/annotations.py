"""Define what a file next to the images says of them: their classes, their captions, or both."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipeline.data.sources.source import Request
from pipeline.store.folder import Entry


@dataclass(frozen=True)
class Annotations:
    """Hold labels and texts by the names that the images have in their tree."""

    files: tuple[str, ...] = ()  # where they were read, which is no image
    of: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)  # label and text
    labels: bool = False  # whether these label the images; False: the folders do
    # By image the file whose first line is its text, if `of` has none.
    captions: Mapping[str, str] = field(default_factory=dict)
    left_out: list[tuple[str, str]] = field(default_factory=list)  # entries that fit no image, with the reason
    warnings: list[str] = field(default_factory=list)


# Looks into a tree (its files by name, and how to read a small one); None where there is no such file.
Reader = Callable[[Mapping[str, Entry], Callable[[str], bytes], Request], Annotations | None]
