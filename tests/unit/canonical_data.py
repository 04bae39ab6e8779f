"""Canonical datasets out of arrays, the way `stages/ingest.py` makes them."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config.schema import Data
from pipeline.config.sources import Source
from pipeline.data.description import (
    SPLITS,
    DatasetDescription,
    DescribedImage,
    SourceDescription,
    SplitDescription,
    SplitFile,
)
from pipeline.data.prepare import Preparation
from pipeline.data.sources.source import Listing, RawImage, array_parts
from pipeline.data.writing import write_canonical

Images = tuple[np.ndarray, np.ndarray]  # uint8 [N, H, W, C], int64 [N]


class RawImages:
    """A part of a source that holds these images."""

    def __init__(self, *images: RawImage, identity: str = "x") -> None:
        self.identity = identity
        self._images = images

    def images(self):
        return iter(self._images)


def data_of(classes: list[str] | str, **other: Any) -> Data:
    source = Source(kind="digits")
    shares = {"validation_share": 0.2, "holdout_share": 0.3}
    return Data(**{"source": source, "size": 8, "channels": 1, "classes": classes, **shares, **other})


def write_listing(listing: Listing, data: Data, folder: Path, name: str = "small") -> DatasetDescription:
    listing = replace(listing, name=listing.name or "own images", licence=listing.licence or "unknown")
    with tempfile.TemporaryDirectory() as temporary:
        preparation = Preparation(data, Path(temporary))
        for part in listing.parts:
            preparation(part)
        return write_canonical(
            "digits", listing, [preparation.path(part) for part in listing.parts], data, name, folder
        )


def write_arrays(
    train: Images, data: Data, folder: Path, holdout: Images | None = None, name: str = "small"
) -> DatasetDescription:
    parts = array_parts("a", *train, "train", 500)
    if holdout is not None:
        parts += array_parts("b", *holdout, "holdout", 500)
    return write_listing(Listing(parts), data, folder, name)


def huggingface(features: dict[str, Any]) -> dict[str, str]:
    """Metadata of a Parquet file as Hugging Face `datasets` writes them."""
    return {"huggingface": json.dumps({"info": {"features": features}})}


def described(classes: int, *rows: int, **other: Any) -> DatasetDescription:
    """The description of a dataset with so many images in train, validation and holdout."""
    file = SplitFile(file="a.parquet", rows=1, sha256="")
    return DatasetDescription(
        name="a",
        digest="",
        source=SourceDescription(name="a", licence="", kind="folder"),
        image=DescribedImage(height=8, width=8, channels=1),
        classes=[str(number) for number in range(classes)],
        splits={split: SplitDescription(rows=count, files=[file]) for split, count in zip(SPLITS, rows, strict=True)},
        **other,
    )
