"""Sources of real images: each reads its true on-disk format into arrays."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.config.schema import Data, DigitsSource, IdxSource
from pipeline.data import published
from pipeline.data.idx import parse_images, parse_labels, read_idx_bytes
from pipeline.errors import UserError


@dataclass(frozen=True)
class LabelledImages:
    """`images: uint8 [N, H, W, C]`, `labels: int64 [N]`."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class RawSource:
    """What a source holds; `holdout` is the official test split, None where there is none."""

    train: LabelledImages
    holdout: LabelledImages | None


def read_source(data: Data, downloads: Path, say: Callable[[str], None]) -> RawSource:
    """Reads the source that the config names and checks that it fits the section `data`."""
    match data.source:
        case IdxSource():
            raw = _read_idx(data.source, downloads, say)
        case DigitsSource():
            raw = _read_digits()
    for part in (raw.train, raw.holdout):
        if part is not None:
            _check_fit(part, data)
    return raw


def _read_idx(source: IdxSource, downloads: Path, say: Callable[[str], None]) -> RawSource:
    if source.path is not None:
        folder = Path(source.path).expanduser()
    else:
        assert source.published is not None  # a rule of the config
        folder = published.find_or_fetch(source.published, downloads / source.published, source.sha256, say)
    contents = {name: read_idx_bytes(folder, name) for name in published.FILES}
    train = _labelled(folder, contents, "train")
    holdout = _labelled(folder, contents, "t10k")
    # After the structure: "truncated" says more than "another digest".
    for name, content in contents.items():
        expected = (source.sha256 or {}).get(name)
        digest = hashlib.sha256(content).hexdigest()
        if expected is not None and digest != expected:
            raise UserError(
                f"{folder / name}: its content has SHA-256 {digest}, data.source.sha256 expects {expected}. "
                "Get the file again, or, if the data is your own, use a preset of your own with sha256: null."
            )
    return RawSource(train, holdout)


def _labelled(folder: Path, contents: dict[str, bytes], part: str) -> LabelledImages:
    images_name, labels_name = f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"
    images = parse_images(contents[images_name], folder / images_name)
    labels = parse_labels(contents[labels_name], folder / labels_name)
    if len(images) != len(labels):
        raise UserError(
            f"{folder}: {images_name} has {len(images)} images but {labels_name} has {len(labels)} labels. "
            "They belong to different sets; get both again."
        )
    return LabelledImages(images, labels)


def _read_digits() -> RawSource:
    from sklearn.datasets import load_digits  # a second to import, and no other source needs it

    digits = load_digits()
    # Values run from 0 to 16.
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    return RawSource(LabelledImages(images, digits.target.astype(np.int64)), None)


def _check_fit(part: LabelledImages, data: Data) -> None:
    count, height, width, _ = part.images.shape
    if count == 0:
        raise UserError("data.source: holds no images.")
    if (height, width) != (data.size, data.size):
        raise UserError(
            f"data.size: {data.size}, but the source's images are {height}x{width} px; set data.size to match."
        )
    if part.labels.min() < 0 or part.labels.max() >= len(data.classes):
        raise UserError(
            f"data.classes: {len(data.classes)} names, but the source has the label {part.labels.max()}; "
            f"give one name for each label from 0 to {part.labels.max()}."
        )
    missing = sorted(set(range(len(data.classes))) - set(np.unique(part.labels).tolist()))
    if missing:
        names = ", ".join(data.classes[label] for label in missing)
        raise UserError(f"data.classes: the source has no image of {names}; leave out classes that do not occur.")
