"""Define what every source of real images offers: parts that workers read on their own, each in its on-disk format."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.base.errors import UserError
from pipeline.config.sources import Source
from pipeline.data.sources.location import Location

OfficialSplit = Literal["train", "validation", "holdout"]


@dataclass(frozen=True)
class RawImage:
    """Hold an image as its source has it."""

    name: str  # by which people find it in the source
    content: bytes | NDArray[np.uint8]  # an encoded file, or pixels [H, W, C]
    label: str | int | None = None  # the class's name, or its place among `Listing.classes`
    text: str | None = None  # a caption
    split: OfficialSplit = "train"
    reason: str | None = None  # why it could not even be read
    surely: bool = True  # False: nothing says that it is an image, so if it is none, that is no fault of the source
    group: str | None = None  # images of one group, such as variants of one drawing, stay on one side


class Part(Protocol):
    """Describe a piece of a source, of hundreds to thousands of images. It can be sent to other processes."""

    @property
    def identity(self) -> str:
        """Return a text that differs where the part's content does.

        It is made of names, sizes and times of files, or of digests.
        """
        ...

    def images(self) -> Iterator[RawImage]:
        """Yield the images of the part in their order, one in memory at a time."""
        ...


@dataclass(frozen=True)
class Listing:
    """Hold what is in a source, before any image is decoded."""

    parts: list[Part]
    classes: list[str] | None = None  # names in the order of the numbers; None: labels are names
    splits: tuple[OfficialSplit, ...] = ("train",)  # that the source itself has
    left_out: list[tuple[str, str]] = field(default_factory=list)  # name and reason of what is no image
    warnings: list[str] = field(default_factory=list)  # what is odd and loses no image, one sentence each
    name: str = "own images"  # in the provenance of what is made from them
    licence: str = "unknown"  # SPDX name


@dataclass(frozen=True)
class Request:
    """Hold what a source is requested to list."""

    location: Location
    source: Source
    text: str  # data.text
    downloads: Path  # keeps what has to be fetched or unpacked
    say: Callable[[str], None]  # is told when that happens


@dataclass(frozen=True)
class SourceKind:
    """Describe one kind of source: the entry that its file gives to the registry."""

    name: str
    rank: int  # of several that recognise a place the lowest one is taken
    recognises: Callable[[Location], bool]  # looks at names and first bytes alone
    list_images: Callable[[Request], Listing]


@dataclass(frozen=True)
class ArrayPart:
    """Hold images that are in memory already, as a `Part`."""

    identity: str
    pixels: NDArray[np.uint8]  # [N, H, W, C]
    labels: NDArray[np.int64]
    split: OfficialSplit
    first: int = 0  # number of the first image in its split

    def images(self) -> Iterator[RawImage]:
        """Yield the images in their order; see `Part`."""
        for offset, (image, label) in enumerate(zip(self.pixels, self.labels.tolist(), strict=True)):
            yield RawImage(f"{self.split}/{self.first + offset}", image, label, split=self.split)


def array_parts(
    digest: str, pixels: NDArray[np.uint8], labels: NDArray[np.int64], split: OfficialSplit, images: int = 10_000
) -> list[Part]:
    """Return parts of up to `images` images each; `digest` stands for the content of all parts."""
    return [
        ArrayPart(
            f"{digest}/{split}/{start}", pixels[start : start + images], labels[start : start + images], split, start
        )
        for start in range(0, len(pixels), images)
    ]


def wrong_kind(request: Request, found: str, wanted: str) -> UserError:
    """Return the error for a source that is not of the kind that the config says."""
    return UserError(
        f"data.source.path: {request.location}: {found}, but data.source.kind is {request.source.kind}, which wants {wanted}. "
        "Point path there, or set kind: auto."
    )
