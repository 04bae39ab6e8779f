"""The source `idx`: four files, with an official test split."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.config.sources import IdxSource
from pipeline.data.sources import published
from pipeline.data.sources.idx import parse_images, parse_labels, read_idx
from pipeline.data.sources.source import Listing, array_parts
from pipeline.errors import UserError


def list_idx(source: IdxSource, downloads: Path, say: Callable[[str], None]) -> Listing:
    """Reads and checks the files; `downloads` is where those that have to be fetched are kept."""
    if source.path is not None:
        folder = Path(source.path).expanduser()
    else:
        assert source.published is not None  # a rule of the config
        folder = published.find_or_fetch(source.published, downloads / source.published, source.sha256, say)
    files = {name: read_idx(folder, name) for name in published.FILES}
    train = _labelled(files, "train")
    holdout = _labelled(files, "t10k")
    # After the structure: "truncated" says more than "another digest".
    digests = {name: hashlib.sha256(content).hexdigest() for name, (_, content) in files.items()}
    for name, digest in digests.items():
        expected = (source.sha256 or {}).get(name)
        if expected is not None and digest != expected:
            raise UserError(
                f"{files[name][0]}: its content has SHA-256 {digest}, data.source.sha256 expects {expected}. "
                "Get the file again, or, if the data is your own, use a preset of your own with sha256: null."
            )
    whole = hashlib.sha256("".join(digests.values()).encode()).hexdigest()
    parts = [*array_parts(whole, *train, "train"), *array_parts(whole, *holdout, "holdout")]
    return Listing(parts, splits=("train", "holdout"))


def _labelled(files: dict[str, tuple[Path, bytes]], part: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images_path, images_content = files[f"{part}-images-idx3-ubyte"]
    labels_path, labels_content = files[f"{part}-labels-idx1-ubyte"]
    images = parse_images(images_content, images_path)
    labels = parse_labels(labels_content, labels_path)
    if len(images) != len(labels):
        raise UserError(
            f"{images_path.parent}: {images_path.name} has {len(images)} images but {labels_path.name} has {len(labels)} labels. "
            "They belong to different sets; get both again."
        )
    return images, labels
