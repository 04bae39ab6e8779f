"""A part of a source as a file of squares that are ready to be placed: the work of one worker, kept until its part changes."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from pipeline.config.schema import Data
from pipeline.data.decode import NotAnImageError, UnusableError, decode
from pipeline.data.likeness import THUMBNAIL, look
from pipeline.data.png import encode_png
from pipeline.data.resize import square
from pipeline.data.sources.source import Part, RawImage
from pipeline.storage import atomic_path

ROW_GROUP = 500
PREPARED = pa.schema(
    [
        pa.field("name", pa.string()),
        pa.field("split", pa.string()),
        pa.field("label", pa.string()),  # a name, or a number in digits
        pa.field("text", pa.string()),
        pa.field("group", pa.string()),  # of images that stay on one side, by the source's word
        pa.field("reason", pa.string()),  # null: usable; else nothing below is there but the size
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("channels", pa.int8()),  # 1 where the square is grey, unless data.channels wants colour
        pa.field("digest", pa.string()),  # SHA-256 of the square's pixels
        pa.field("digest_as_colour", pa.string()),  # of a grey square with R = G = B, which a set of both kinds holds
        pa.field("hash", pa.uint64()),
        pa.field("thumbnail", pa.binary(THUMBNAIL * THUMBNAIL)),
        pa.field("sums", pa.list_(pa.int64())),  # of the pixels, by channel, and of their squares
        pa.field("squares", pa.list_(pa.int64())),
        pa.field("png", pa.binary()),
    ]
)


IGNORED = "ignored: no image, by its content"


@dataclass(frozen=True)
class Preparation:
    """What becomes of every image, and where the files lie."""

    data: Data
    folder: Path

    def path(self, part: Part) -> Path:
        """The file of a part, under a name that stands for its content."""
        return self.folder / f"{hashlib.sha256(part.identity.encode()).hexdigest()[:32]}.parquet"

    def __call__(self, part: Part) -> int:
        """Makes a part's file, whole or not at all; returns how many images it has."""
        rows = 0
        with (
            atomic_path(self.path(part), sync=False) as temporary,
            pq.ParquetWriter(
                temporary, PREPARED, compression="none", use_dictionary=["split", "label", "reason"]
            ) as writer,
        ):
            for some in _in_groups(self._prepared(image) for image in part.images()):
                writer.write_table(pa.Table.from_pylist(some, PREPARED))
                rows += len(some)
        return rows

    def _prepared(self, raw: RawImage) -> dict[str, object]:
        known: dict[str, object] = {
            "name": raw.name, "split": raw.split, "label": None if raw.label is None else str(raw.label), "text": raw.text,
            "group": raw.group,
        }  # fmt: skip
        if raw.reason is not None:
            return {**known, "reason": raw.reason}
        try:
            picture = self._picture(raw.content)
            known |= {"width": picture.width, "height": picture.height}
            pixels = square(picture, self.data)
        except UnusableError as error:
            ignored = isinstance(error, NotAnImageError) and not raw.surely
            return {**known, "reason": IGNORED if ignored else str(error)}
        if self.data.channels == "auto":
            pixels = _grey_if_it_looks_so(pixels)
        likeness, thumbnail = look(pixels)
        channels = pixels.shape[2]
        values = pixels.reshape(-1, channels).astype(np.int64)
        return {
            **known,
            "channels": channels,
            "digest": hashlib.sha256(pixels.tobytes()).hexdigest(),
            "digest_as_colour": hashlib.sha256(as_colour(pixels).tobytes()).hexdigest() if channels == 1 else None,
            "hash": likeness,
            "thumbnail": thumbnail,
            "sums": values.sum(axis=0).tolist(),
            "squares": (values * values).sum(axis=0).tolist(),
            "png": encode_png(pixels),
        }

    def _picture(self, content: bytes | NDArray[np.uint8]) -> Image.Image:
        """In mode "L" or "RGB", the one that `data.channels` wants where it wants one."""
        if isinstance(content, bytes):
            picture = decode(content, self.data.background_rgb)
        else:
            picture = Image.fromarray(content[..., 0] if content.shape[2] == 1 else content)
        wanted = {"auto": picture.mode, 1: "L", 3: "RGB"}[self.data.channels]
        return picture if picture.mode == wanted else picture.convert(wanted)


def as_colour(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`uint8 [H, W, 3]` with R = G = B, of a grey `uint8 [H, W, 1]`."""
    return np.repeat(pixels, 3, axis=2)


def _grey_if_it_looks_so(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    grey = pixels[..., :1]
    return np.ascontiguousarray(grey) if (pixels == grey).all() else pixels


def _in_groups(rows: Iterator[dict[str, object]]) -> Iterator[list[dict[str, object]]]:
    some: list[dict[str, object]] = []
    for row in rows:
        some.append(row)
        if len(some) == ROW_GROUP:
            yield some
            some = []
    if some:
        yield some
