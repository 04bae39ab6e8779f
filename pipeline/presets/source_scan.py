"""Scan a source of images: read all of its labels and decode a sample of its pictures."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.config.schema import Data
from pipeline.data.decode import UnusableError
from pipeline.data.prepare import Preparation
from pipeline.data.sources.source import Listing, RawImage

MOST_DECODED = 2_000  # pictures
_SEEN = 40  # px: the side to which a picture is resized before the search for bars
_PLAIN = 3  # largest difference within a row of one colour, of 255
_ALONG = 0.6  # share of the columns in which the picture has to differ from the bar
PATIENCE_S = 90.0  # a source that takes longer to read through is described by what was read of it


@dataclass
class SourceStats:
    """Hold what a scan found. Each list has one entry for each decoded picture that can be used."""

    kind: str
    listing: Listing
    images: int = 0
    whole: bool = True  # whether all of the source was read; else `images` is what was read of it
    classes: Counter[str] = field(default_factory=Counter)
    texts: int = 0
    inspected: int = 0
    sizes: list[tuple[int, int]] = field(default_factory=list)
    modes: Counter[str] = field(default_factory=Counter)
    unusable: Counter[str] = field(default_factory=Counter)
    first_unusable: dict[str, str] = field(default_factory=dict)
    colour: int = 0
    splits: list[str] = field(default_factory=list)  # the source's own
    digests: list[str] = field(default_factory=list)
    hashes: list[int] = field(default_factory=list)
    thumbnails: list[bytes] = field(default_factory=list)
    png_bytes: int = 0
    letterboxed: int = 0
    prepare_s: float = 0.0

    @property
    def usable(self) -> int:
        """Return how many of the pictures that were decoded can be used."""
        return len(self.sizes)

    @property
    def unusable_share(self) -> float:
        """Return the share of the inspected images that cannot be used, from 0 to 1."""
        return self.unusable.total() / self.inspected if self.inspected else 0.0

    def short_sides(self) -> NDArray[np.int64]:
        """Return the shorter side of each picture that can be used, px, `int64 [N]`."""
        return np.array([min(size) for size in self.sizes], np.int64)


def scan_source(kind: str, listing: Listing, data: Data) -> SourceStats:
    """Read through the source once and return what is in it.

    Every image is decoded at first, then every second, every fourth, and so on.
    """
    found = SourceStats(kind, listing)
    preparation = Preparation(data, Path())
    started, every, decoded = time.monotonic(), 1, 0
    for raw in _all(listing):
        if time.monotonic() - started > PATIENCE_S:
            found.whole = False
            break
        label = None if raw.label is None else str(raw.label)
        found.images += 1
        if label is not None:
            found.classes[label] += 1
        found.texts += raw.text is not None
        if found.images % every == 0:
            _scan_image(raw, preparation, found)
            decoded += 1
            if decoded >= MOST_DECODED // 2:  # so that no part of the source has more weight than another by much
                every, decoded = every * 2, 0
    if (names := listing.classes) is not None:
        found.classes = Counter({names[int(number)]: count for number, count in found.classes.items()})
    return found


def _all(listing: Listing) -> Iterator[RawImage]:
    for part in listing.parts:
        yield from part.images()


def _scan_image(raw: RawImage, preparation: Preparation, found: SourceStats) -> None:
    started = time.perf_counter()
    row = preparation.prepared(raw)
    found.prepare_s += time.perf_counter() - started
    found.inspected += 1
    if row.get("reason") is not None:
        reason = str(row["reason"])
        found.unusable[reason] += 1
        found.first_unusable.setdefault(reason, raw.name)
        return
    found.sizes.append((int(str(row["width"])), int(str(row["height"]))))
    found.colour += row["channels"] == 3
    found.splits.append(raw.split)
    found.digests.append(str(row["digest"]))
    found.hashes.append(int(str(row["hash"])))
    thumbnail, png = row["thumbnail"], row["png"]
    assert isinstance(thumbnail, bytes)
    assert isinstance(png, bytes)
    found.thumbnails.append(thumbnail)
    found.png_bytes += len(png)
    found.modes[_mode(raw)] += 1
    found.letterboxed += _is_letterboxed(raw, preparation)


def _mode(raw: RawImage) -> str:
    if not isinstance(raw.content, bytes):
        return "L" if raw.content.shape[2] == 1 else "RGB"
    with Image.open(BytesIO(raw.content)) as image:  # was decoded before
        return image.mode


def _is_letterboxed(raw: RawImage, preparation: Preparation) -> bool:
    """Return whether bars of one colour run along two opposite sides of a picture.

    The picture must differ from each bar along most of the bar's length.
    """
    try:
        picture = preparation.decoded(raw.content).picture.convert("L").resize((_SEEN, _SEEN), Image.Resampling.BOX)
    except UnusableError:
        return False
    pixels = np.asarray(picture).astype(np.int16)
    return any(_has_bar(sides) and _has_bar(sides[::-1]) for sides in (pixels, pixels.T))


def _has_bar(rows: NDArray[np.int16]) -> bool:
    """Return whether `int16 [H, W]` begins with a bar.

    An object before a plain background differs from it only in a few columns.
    """
    plain = np.ptp(rows, axis=1) <= _PLAIN
    height = int(np.argmin(plain))  # the first row that is not plain
    return bool(plain[0]) and height > 0 and bool((np.abs(rows[height] - rows[0, 0]) > 4 * _PLAIN).mean() > _ALONG)
