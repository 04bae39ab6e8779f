"""List the source `digits`, the images that scikit-learn carries."""

import hashlib

import numpy as np

from pipeline.data.sources.source import Listing, array_parts


def list_digits() -> Listing:
    """List 1,797 grey images of 8x8 px in ten classes."""
    from sklearn.datasets import load_digits  # a second to import, and no other source needs it

    digits = load_digits()
    # Values run from 0 to 16.
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    return Listing(
        array_parts(hashlib.sha256(images.tobytes()).hexdigest(), images, digits.target.astype(np.int64), "train"),
        classes=[str(digit) for digit in range(10)],
        name="scikit-learn digits (UCI optical recognition of handwritten digits, test part)",
        licence="CC-BY-4.0",
    )
