"""Measure the kernel distance: like Fréchet's, but without bias from the number of images, and with its own error."""

import numpy as np

from pipeline.evaluation.moments import Features

SUBSET = 1_000  # images of each set in one estimate, at most
SUBSETS = 5  # at least


def kernel_distance(fake: Features, real: Features) -> tuple[float, float]:
    """Return the squared maximum mean discrepancy under the kernel (x·y / features + 1)^3, and its standard error.

    It follows Bińkowski et al. 2018 (arXiv:1801.01401), section 4; with Inception's features it is KID. It is the mean
    of unbiased estimates (Gretton et al. 2012, eq. 3) from as many subsets of up to 1,000 images as there are. The
    subsets do not overlap, so their spread says how sure the mean is. Both sets have at least 10 images, in random
    order.
    """
    count = min(len(fake), len(real))
    size = min(SUBSET, count // SUBSETS)
    estimates = [
        discrepancy(fake[first : first + size], real[first : first + size])
        for first in range(0, count - size + 1, size)
    ]
    return float(np.mean(estimates)), float(np.std(estimates, ddof=1) / np.sqrt(len(estimates)))


def discrepancy(x: Features, y: Features) -> float:
    """Return the unbiased estimate from all images of both sets; no image is compared with itself."""

    def among(a: Features) -> float:
        kernel = _kernel(a, a)
        return float((kernel.sum() - np.trace(kernel)) / (len(a) * (len(a) - 1)))

    return among(x) + among(y) - 2 * float(_kernel(x, y).mean())


def _kernel(a: Features, b: Features) -> Features:
    cubed: Features = (a @ b.T / a.shape[1] + 1) ** 3
    return cubed
