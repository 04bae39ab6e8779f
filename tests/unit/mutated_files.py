"""Small image files of every format that is read, damaged in many ways, as parts of a source."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

from pipeline.data.sources.source import RawImage

# Values that sizes and offsets are likely to break on.
_EDGES = [
    b"\0",
    b"\xff",
    b"\x7f",
    b"\0\0",
    b"\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\x80\0\0\0",
]


def _stored(image: Image.Image, kind: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def whole_files() -> list[bytes]:
    """A file of each format and of what differs within it."""
    rng = np.random.default_rng(0)
    colour = Image.fromarray(rng.integers(0, 256, (24, 20, 3), np.uint8))
    smooth = Image.fromarray(np.linspace(0, 255, 32 * 32 * 3).reshape(32, 32, 3).astype(np.uint8))
    grey, frames = colour.convert("L"), [smooth.rotate(90)]
    deep = Image.fromarray(rng.integers(0, 1 << 16, (24, 20)).astype(np.uint16))
    alpha = Image.merge("RGBA", [*colour.split(), grey])
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    about = {
        "exif": exif,
        "xmp": b"<x/>",
        "icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    }
    return [
        _stored(colour, "PNG", **about),
        _stored(deep, "PNG"),
        _stored(colour.quantize(8), "PNG", transparency=3),
        _stored(alpha, "PNG"),
        _stored(smooth, "PNG", save_all=True, append_images=frames),
        _stored(smooth, "JPEG", **about),
        _stored(smooth, "JPEG", progressive=True),
        _stored(smooth.convert("CMYK"), "JPEG"),
        _stored(smooth, "MPO", save_all=True, append_images=frames),
        _stored(smooth, "WEBP", **about),
        _stored(alpha, "WEBP", lossless=True),
        _stored(smooth, "WEBP", save_all=True, append_images=frames),
        _stored(smooth, "GIF", save_all=True, append_images=frames),
        _stored(colour.quantize(8), "BMP"),
        _stored(colour, "BMP"),
        *(
            _stored(colour, "TIFF", compression=each, **about)
            for each in (None, "tiff_lzw", "tiff_deflate", "jpeg", "packbits")
        ),
        _stored(deep, "TIFF"),
        _stored(Image.fromarray(rng.random((24, 20), np.float32)), "TIFF"),
        _stored(grey.convert("1"), "TIFF", compression="group4"),
        _stored(colour, "PPM"),
        b"P2 3 2 4095 0 1 2 3 4000 4095\n",
        _stored(smooth, "AVIF"),
    ]


def mutated(content: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    """Return the file with some bytes changed, removed, repeated or taken from another file, or cut short."""
    damaged = bytearray(content)
    for _ in range(rng.geometric(0.5)):
        # Half of the changes in the first bytes, where sizes and kinds are said.
        at = int(rng.integers(min(64, len(damaged)) if rng.random() < 0.5 else len(damaged)) if damaged else 0)
        length = int(rng.integers(1, 32))
        match rng.integers(7):
            case 0:
                damaged[at : at + 1] = rng.bytes(1)
            case 1:
                damaged[at : at + length] = rng.bytes(length)
            case 2:
                edge = _EDGES[rng.integers(len(_EDGES))]
                damaged[at : at + len(edge)] = edge
            case 3:
                del damaged[at : at + length]
            case 4:
                damaged[at:at] = damaged[at : at + length]
            case 5:
                other = others[rng.integers(len(others))]
                damaged[at : at + length] = other[at : at + length]
            case 6:
                if rng.random() < 0.2:
                    del damaged[at:]
    return bytes(damaged)


@dataclass(frozen=True)
class MutatedFiles:
    """A part of a source, of files that differ with their numbers alone."""

    first: int
    count: int

    @property
    def identity(self) -> str:
        """See `Part`."""
        return f"mutated {self.first} {self.count}"

    def images(self) -> Iterator[RawImage]:
        """See `Part`."""
        whole = whole_files()
        for number in range(self.first, self.first + self.count):
            content = mutated(whole[number % len(whole)], whole, np.random.default_rng(number))
            yield RawImage(f"{number}", content, "a")
