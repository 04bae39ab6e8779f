"""Small trees of image files, listed as `ingest` does."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.config.schema import Data
from pipeline.data.sources import list_source
from pipeline.data.sources.source import Listing, RawImage


def fill(folder: Path, *names: str) -> None:
    """Write an image under each name; no two are equal."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (8, 8), np.uint8)).save(path, format="PNG")


def listed(path: Path | str, text: str = "auto", **source: Any) -> Listing:
    """What `list_source` finds there."""
    data = Data(source={"path": str(path), **source}, size=8, text=text)
    return list_source(data, Path("nowhere"), lambda _: None)[1]


def images_of(listing: Listing) -> dict[str, RawImage]:
    """All images by their names."""
    images = [image for part in listing.parts for image in part.images()]
    by_name = {image.name: image for image in images}
    assert len(by_name) == len(images)
    return by_name


def labels_of(listing: Listing) -> dict[str, str | int | None]:
    """Labels by the names of the images."""
    return {name: image.label for name, image in images_of(listing).items()}
