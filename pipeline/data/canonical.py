"""The canonical dataset: splits that never share an image, as Parquet, described by `dataset.json`."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError
from torch import Tensor

from pipeline.config.schema import Data
from pipeline.data.images import image_schema, read_images, write_images
from pipeline.data.png import encode_png
from pipeline.data.sources import LabelledImages, RawSource
from pipeline.errors import UserError
from pipeline.fingerprint import canonical_digest
from pipeline.storage import file_sha256, read_json, write_json

SPLITS = ("train", "validation", "holdout")
DESCRIPTION = "dataset.json"


class _Split(BaseModel):
    file: str
    rows: int
    sha256: str


class _Image(BaseModel):
    height: int
    width: int
    channels: int


class _Splits(BaseModel):
    train: _Split
    validation: _Split
    holdout: _Split


class _Description(BaseModel):
    """What readers of `dataset.json` rely on. Further keys are for people."""

    name: str
    digest: str
    source: dict[str, str]
    image: _Image
    classes: list[str]
    splits: _Splits


def pixel_digests(images: NDArray[np.uint8]) -> list[str]:
    """SHA-256 of each image's raw pixels: `uint8 [N, H, W, C]` -> N hexadecimal digests."""
    return [hashlib.sha256(image.tobytes()).hexdigest() for image in images]


def split(raw: RawSource, data: Data) -> tuple[dict[str, NDArray[np.int64]], Counter[str]]:
    """Rows of `raw.train` in each split (the official holdout is taken as it is), and what was left out, by reason.

    An image is placed by its content alone, within its class: the order of the source does not matter, and equal
    images cannot end up on two sides.
    """
    digests = np.array(pixel_digests(raw.train.images))
    kept = np.ones(len(digests), dtype=bool)
    # Of equal images the one with the lowest label stays, wherever it stands.
    by_content = np.lexsort((raw.train.labels, digests))
    repeated = by_content[1:][digests[by_content][1:] == digests[by_content][:-1]]
    kept[repeated] = False
    dropped = Counter({"duplicate within train": len(repeated)})
    if raw.holdout is not None:
        shared = np.isin(digests, pixel_digests(raw.holdout.images)) & kept
        kept &= ~shared
        dropped["also in holdout"] = int(shared.sum())

    shares = {"validation": data.validation_share, "holdout": data.holdout_share or 0.0}
    rows: dict[str, list[int]] = {name: [] for name in SPLITS}
    keys = np.array([hashlib.sha256(f"{data.seed}/{digest}".encode()).hexdigest() for digest in digests])
    for label in range(len(data.classes)):
        members = np.flatnonzero(kept & (raw.train.labels == label))
        members = members[np.argsort(keys[members])]
        cuts = np.cumsum([round(share * len(members)) for share in shares.values()])
        validation, holdout, train = np.split(members, cuts)
        for name, part in zip(SPLITS, (train, validation, holdout), strict=True):
            rows[name].extend(part.tolist())
    return {name: np.sort(np.array(part, dtype=np.int64)) for name, part in rows.items()}, +dropped


def write_canonical(raw: RawSource, data: Data, name: str, folder: Path) -> dict[str, Any]:
    """Writes the three splits and `dataset.json`, which comes last; returns its content."""
    rows, dropped = split(raw, data)
    parts = {split: LabelledImages(raw.train.images[part], raw.train.labels[part]) for split, part in rows.items()}
    indices = dict(rows)
    if raw.holdout is not None:
        parts["holdout"] = raw.holdout
        indices["holdout"] = np.arange(len(raw.holdout.labels))
    for part_name, part in parts.items():
        _require_every_class(part_name, part, data)
    schema = image_schema(data.classes)
    described = {}
    for part_name, part in parts.items():
        path = folder / f"{part_name}-000000.parquet"
        write_images(path, schema, [encode_png(image) for image in part.images], part.labels, indices[part_name])
        histogram = np.bincount(part.labels, minlength=len(data.classes)).tolist()
        described[part_name] = {
            "file": path.name,
            "rows": len(part.labels),
            "sha256": file_sha256(path),
            "classes": dict(zip(data.classes, histogram, strict=True)),
        }
    train = parts["train"].images.astype(np.float64) / 255
    description = {
        "name": name,
        "digest": content_digest(parts),
        "source": {"name": data.source.name, "licence": data.source.licence, "kind": data.source.kind},
        "image": {"height": data.size, "width": data.size, "channels": int(train.shape[3])},
        "classes": list(data.classes),
        "splits": described,
        "mean": train.mean(axis=(0, 1, 2)).round(6).tolist(),
        "std": train.std(axis=(0, 1, 2)).round(6).tolist(),
        "left_out": dict(dropped),
    }
    write_json(folder / DESCRIPTION, description)
    return description


def content_digest(parts: dict[str, LabelledImages]) -> str:
    """Digest of which images with which labels are in which split, whatever their order."""
    return canonical_digest(
        {
            name: sorted(f"{digest} {label}" for digest, label in zip(pixel_digests(p.images), p.labels, strict=True))
            for name, p in parts.items()
        }
    )


def describe(folder: Path) -> dict[str, Any]:
    """The content of `folder/dataset.json`."""
    if not (folder / DESCRIPTION).is_file():
        raise UserError(f"No dataset in {folder}: run `python -m stages.ingest` first, or point --data at one.")
    description: dict[str, Any] = read_json(folder / DESCRIPTION, "dataset description")
    try:
        _Description.model_validate(description)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(step) for step in first["loc"]) or "the file"
        raise UserError(
            f"{folder / DESCRIPTION} is no dataset description: {key}: {first['msg']}. Run ingest again."
        ) from None
    return description


def require_shape(folder: Path, *, size: int, channels: int, classes: int, wanted_by: str) -> None:
    """Refuses a dataset whose images or classes are not those that `wanted_by` is made for."""
    description = describe(folder)
    image = description["image"]
    found = (image["height"], image["channels"], len(description["classes"]))
    if found != (size, channels, classes):
        raise UserError(
            f"{folder}: {found[0]} px, {found[1]} channel(s), {found[2]} classes, but {wanted_by} is for {size} px, "
            f"{channels} channel(s), {classes} classes. Point --data and --model at what belongs together, or make it again."
        )


def split_file(folder: Path, name: str) -> tuple[Path, dict[str, Any]]:
    """The file of one split, after checking its digest, and the dataset's description."""
    description = describe(folder)
    part = description["splits"][name]
    path = folder / part["file"]
    if path.is_file() and file_sha256(path) != part["sha256"]:
        raise UserError(f"{path} is not what {folder / DESCRIPTION} describes: run ingest again.")
    return path, description


def load_split(folder: Path, name: str) -> tuple[Tensor, Tensor]:
    """One split as `(images uint8 [N, C, H, W], labels int64 [N])`, after checking its digest."""
    path, description = split_file(folder, name)
    images, labels = read_images(path, description["image"]["channels"])
    return torch.from_numpy(images.transpose(0, 3, 1, 2).copy()), torch.from_numpy(labels.copy())


def _require_every_class(name: str, part: LabelledImages, data: Data) -> None:
    counts = np.bincount(part.labels, minlength=len(data.classes))
    if counts.min() < 2:  # diversity within a class is measured on pairs
        raise UserError(
            f"data: the class {data.classes[int(counts.argmin())]!r} has {counts.min()} images for {name}, at least 2 are needed; use a "
            f"{'smaller' if name == 'train' else 'larger'} data.validation_share or data.holdout_share, or more images."
        )
