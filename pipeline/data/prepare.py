"""Prepare a part of a source as a file of square images: the work of one worker, stored until the part changes."""

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
from pipeline.data.decode import Decoded, NotAnImageError, UnusableError, decode
from pipeline.data.likeness import THUMBNAIL, measure_likeness
from pipeline.data.resize import square
from pipeline.data.sources.source import Part, RawImage
from pipeline.images.png import encode_png
from pipeline.store.files import atomic_path

ROW_GROUP = 500
PREPARED = pa.schema(
    [
        pa.field("name", pa.string()),
        pa.field("split", pa.string()),
        pa.field("label", pa.string()),  # a name, or a number in digits
        pa.field("text", pa.string()),
        pa.field("group", pa.string()),  # of images that stay on one side, by the source's word
        pa.field("reason", pa.string()),  # null: usable; else nothing below `bytes` is there but `head` or `sample`
        pa.field("warning", pa.string()),  # what is odd about its file without harm, one a line
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("bytes", pa.int64()),  # of its file
        pa.field("channels", pa.int8()),  # 1 where the square is grey, unless data.channels wants colour
        pa.field("digest", pa.string()),  # SHA-256 of the square's pixels
        pa.field("digest_as_colour", pa.string()),  # of a grey square with R = G = B, which a set of both kinds holds
        pa.field("hash", pa.uint64()),
        pa.field("thumbnail", pa.binary(THUMBNAIL * THUMBNAIL)),
        pa.field("sums", pa.list_(pa.int64())),  # of the pixels, by channel, and of their squares
        pa.field("squares", pa.list_(pa.int64())),
        pa.field("png", pa.binary()),
        pa.field("head", pa.binary()),  # how the file of what cannot be used begins
        pa.field("sample", pa.binary()),  # or a small PNG of it, where it could be decoded
    ]
)


IGNORED = "ignored: no image, by its content"
HEAD = 1 << 14  # bytes
SAMPLE = 64  # px


@dataclass(frozen=True)
class Preparation:
    """Prepare the parts of a source: `data` says what becomes of every image, and `folder` holds the files."""

    data: Data
    folder: Path

    def path(self, part: Part) -> Path:
        """Return the path of a part's file, whose name stands for the part's content."""
        return self.folder / f"{hashlib.sha256(part.identity.encode()).hexdigest()[:32]}.parquet"

    def __call__(self, part: Part) -> int:
        """Write a part's file, whole or not at all; return how many images it has."""
        with atomic_path(self.path(part), sync=False) as temporary:
            return self._write(part, temporary)

    def content(self, part: Part) -> bytes:
        """Return the content of a part's file, on a node from which the file itself cannot be written."""
        sink = pa.BufferOutputStream()
        self._write(part, sink)
        return bytes(sink.getvalue())

    def keep(self, part: Part, content: bytes) -> int:
        """Write a part's file with the `content` that another node prepared; return how many images it has."""
        with atomic_path(self.path(part), sync=False) as temporary:
            temporary.write_bytes(content)
            return int(pq.read_metadata(temporary).num_rows)

    def _write(self, part: Part, target: Path | pa.NativeFile) -> int:
        rows = 0
        with pq.ParquetWriter(
            target, PREPARED, compression="none", use_dictionary=["split", "label", "reason"]
        ) as writer:
            for group in _in_groups(self.prepared(image) for image in part.images()):
                writer.write_table(pa.Table.from_pylist(group, PREPARED))
                rows += len(group)
        return rows

    def prepared(self, raw: RawImage) -> dict[str, object]:
        """Return the row of `PREPARED` that an image becomes."""
        known: dict[str, object] = {
            "name": _text(raw.name), "split": raw.split, "label": _text(raw.label), "text": _text(raw.text),
            "group": _text(raw.group),
        }  # fmt: skip
        content = raw.content if isinstance(raw.content, bytes) else None
        if raw.reason is not None:
            return {**known, "reason": raw.reason, **_head(content or None)}
        picture = None
        try:
            decoded = self.decoded(raw.content)
            picture = decoded.picture
            known |= {"width": picture.width, "height": picture.height, "warning": "\n".join(decoded.warnings) or None}
            pixels = square(picture, self.data)
        except UnusableError as error:
            if isinstance(error, NotAnImageError) and not raw.surely:
                return {**known, "reason": IGNORED}
            if error.size is not None:
                known |= {"width": error.size[0], "height": error.size[1]}
            seen = _head(content) if picture is None else {**_head(content), "head": None, "sample": _sample(picture)}
            return {**known, "reason": str(error), **seen}
        if self.data.channels == "auto":
            pixels = _grey_if_colourless(pixels)
        likeness, thumbnail = measure_likeness(pixels)
        channels = pixels.shape[2]
        values = pixels.reshape(-1, channels).T.astype(np.int64, order="C")  # by channel: many times as fast to sum up
        return {
            **known,
            "bytes": None if content is None else len(content),
            "channels": channels,
            "digest": hashlib.sha256(pixels.tobytes()).hexdigest(),
            "digest_as_colour": hashlib.sha256(as_colour(pixels).tobytes()).hexdigest() if channels == 1 else None,
            "hash": likeness,
            "thumbnail": thumbnail,
            "sums": values.sum(axis=1).tolist(),
            "squares": np.vecdot(values, values).tolist(),
            "png": encode_png(pixels),
        }

    def decoded(self, content: bytes | NDArray[np.uint8]) -> Decoded:
        """Return the picture in mode "L" or "RGB": the mode that `data.channels` sets, or else the file's own."""
        if isinstance(content, bytes):
            decoded = decode(content, self.data.background_rgb)
        else:
            decoded = Decoded(Image.fromarray(content[..., 0] if content.shape[2] == 1 else content))
        picture = decoded.picture
        wanted = {"auto": picture.mode, 1: "L", 3: "RGB"}[self.data.channels]
        return decoded if picture.mode == wanted else Decoded(picture.convert(wanted), decoded.warnings)


def _text(value: str | int | None) -> str | None:
    """Return a text that Parquet can hold, since names of files need not be UTF-8."""
    return None if value is None else str(value).encode(errors="backslashreplace").decode()


def _head(content: bytes | None) -> dict[str, object]:
    return {} if content is None else {"bytes": len(content), "head": content[:HEAD]}


def _sample(picture: Image.Image) -> bytes:
    small = picture.copy()
    small.thumbnail((SAMPLE, SAMPLE))
    return encode_png(np.asarray(small).reshape(small.height, small.width, -1))


def as_colour(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return `uint8 [H, W, 3]` with R = G = B from a grey `uint8 [H, W, 1]`."""
    return np.repeat(pixels, 3, axis=2)


def _grey_if_colourless(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    grey = pixels[..., :1]
    if (pixels[0] != grey[0]).any():  # of most pictures in colour the first row tells
        return pixels
    return np.ascontiguousarray(grey) if (pixels == grey).all() else pixels


def _in_groups(rows: Iterator[dict[str, object]]) -> Iterator[list[dict[str, object]]]:
    group: list[dict[str, object]] = []
    for row in rows:
        group.append(row)
        if len(group) == ROW_GROUP:
            yield group
            group = []
    if group:
        yield group
