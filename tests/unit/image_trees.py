"""Folders of small image files, and what a source of the kind lists in them."""

from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.config.sources import Source
from pipeline.data.sources.kinds.folder import KIND as IMAGE_FOLDER
from pipeline.data.sources.location import locate
from pipeline.data.sources.source import Listing, RawImage, Request, SourceKind


def fill(folder: Path, *names: str) -> None:
    """Grey images, each of another level than the last 255; PNG where the name has no ending that Pillow knows."""
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        save_image(folder / name, number % 256)


def save_image(path: Path, level: int) -> None:
    image = Image.fromarray(np.full((4, 4), level, np.uint8))
    image.save(path, Image.registered_extensions().get(path.suffix.lower(), "PNG"))


def listed(path: Path, kind: SourceKind = IMAGE_FOLDER) -> Listing:
    downloads = path.parent / "downloads"
    location = locate(str(path), None, downloads, print)
    return kind.list_images(Request(location, Source(path=str(path)), "auto", downloads, print))


def raw_images(listing: Listing) -> list[RawImage]:
    return [image for part in listing.parts for image in part.images()]


def labels(listing: Listing) -> dict[str, str | int | None]:
    return {image.name: image.label for image in raw_images(listing)}
