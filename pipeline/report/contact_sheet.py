"""A picture of a dataset, real or synthetic: one row a class."""

import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.data.canonical import DESCRIPTION, describe
from pipeline.data.images import decode_png, encode_png
from pipeline.data.pictures import image_grid
from pipeline.errors import UserError
from pipeline.sampling.manifest import MANIFEST, read_manifest


def contact_sheet(dataset: Path, per_class: int) -> bytes:
    """PNG with the first `per_class` images of each class of the Parquet or tar shards in `dataset`."""
    classes, channels, files = _describe(dataset)
    rows: dict[int, list[NDArray[np.uint8]]] = {label: [] for label in range(len(classes))}
    for file in files:
        for label, content in _records(file):
            if len(rows[label]) < per_class:
                rows[label].append(_decode(content, channels, file))
        if all(len(row) == per_class for row in rows.values()):
            break
    images = [image for row in rows.values() for image in row]
    if any(len(row) != per_class for row in rows.values()):
        fewest = min(rows, key=lambda label: len(rows[label]))
        raise UserError(
            f"-n: {per_class} images a class, but {classes[fewest]!r} has {len(rows[fewest])}; use at most that many."
        )
    return encode_png(image_grid(images, per_class))


def _describe(dataset: Path) -> tuple[list[str], int, list[Path]]:
    if (dataset / MANIFEST).is_file():
        manifest = read_manifest(dataset)
        files = [dataset / shard["file"] for shard in manifest["shards"]]
        return manifest["classes"], manifest["image"]["channels"], files
    if (dataset / DESCRIPTION).is_file():
        described = describe(dataset)
        return described["classes"], described["image"]["channels"], [dataset / described["splits"]["train"]["file"]]
    raise UserError(
        f"{dataset} holds neither manifest.json (synthetic) nor dataset.json (real): not a finished dataset."
    )


def _decode(content: bytes, channels: int, file: Path) -> NDArray[np.uint8]:
    try:
        return decode_png(content, channels)
    except ValueError as error:
        raise UserError(_damaged(file, error)) from None


def _damaged(file: Path, error: Exception) -> str:
    return f"{file} cannot be read: {error}. `imagemint verify {file.parent.parent}` says more."


def _records(file: Path) -> list[tuple[int, bytes]]:
    try:
        if file.suffix == ".parquet":
            table = pq.read_table(file, columns=["image", "label"])
            contents = table["image"].combine_chunks().field("bytes")
            return [(label.as_py(), content.as_py()) for label, content in zip(table["label"], contents, strict=True)]
        from webdataset import WebDataset

        samples = WebDataset(str(file), shardshuffle=False)
        return [(int(sample["cls"]), sample["png"]) for sample in samples]
    except (OSError, pa.ArrowException, tarfile.TarError, KeyError) as error:
        raise UserError(_damaged(file, error)) from None
