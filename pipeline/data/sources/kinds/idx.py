"""List the source `idx`: four files, with an official test split."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from pipeline.base.errors import UserError
from pipeline.data.sources.idx import IDX_FILES, parse_images, parse_labels, prefix_of, read_idx
from pipeline.data.sources.location import Location
from pipeline.data.sources.source import Listing, Request, SourceKind, array_parts, wrong_kind
from pipeline.store.folder import Folder

WANTED = f"the folder of the four IDX files, {', '.join(IDX_FILES)}"


def _recognises(location: Location) -> bool:
    return location.file is None and all(
        any(prefix_of(file, name) is not None for file in location.entries) for name in IDX_FILES
    )


def _list(request: Request) -> Listing:
    if request.location.file is not None:
        raise wrong_kind(request, "is a file", WANTED)
    if not any(prefix_of(file, name) is not None for file in request.location.entries for name in IDX_FILES):
        raise wrong_kind(request, "has none of these files", WANTED)
    listing, _ = list_idx(request.location.folder, str(request.location), transposed=request.source.transposed)
    return listing


def list_idx(folder: Folder, where: str, *, transposed: bool) -> tuple[Listing, dict[str, str]]:
    """Return the four files of a folder as a listing without names of classes, and digests.

    The digests are the SHA-256 of each file's uncompressed content, by the file's name.
    """
    files = {name: read_idx(folder, where, name) for name in IDX_FILES}
    train, holdout = (_labelled(files, where, part, transposed=transposed) for part in ("train", "t10k"))
    digests = {name: hashlib.sha256(content).hexdigest() for name, (_, content) in files.items()}
    whole = hashlib.sha256(f"{''.join(digests.values())}{transposed}".encode()).hexdigest()
    parts = [*array_parts(whole, *train, "train"), *array_parts(whole, *holdout, "holdout")]
    # Names of the numbers are the config's to give, by data.classes.
    return Listing(parts, splits=("train", "holdout")), digests


def _labelled(
    files: dict[str, tuple[str, bytes]], where: str, part: str, *, transposed: bool
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images_name, images_content = files[f"{part}-images-idx3-ubyte"]
    labels_name, labels_content = files[f"{part}-labels-idx1-ubyte"]
    images = parse_images(images_content, f"{where}/{images_name}")
    labels = parse_labels(labels_content, f"{where}/{labels_name}")
    if len(images) != len(labels):
        raise UserError(
            f"{where}: {images_name} has {len(images)} images but {labels_name} has {len(labels)} labels. "
            "They belong to different sets; get both again."
        )
    return (images.swapaxes(1, 2) if transposed else images), labels


KIND = SourceKind("idx", 10, _recognises, _list)
