"""Measure how near a set of fakes comes to a set of reals, in the space of an embedder's features."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pipeline.evaluation.distances import frechet_at_infinity, frechet_distance
from pipeline.evaluation.kernel import kernel_distance
from pipeline.evaluation.neighbours import equal_size
from pipeline.evaluation.resampling import Part, with_errors


def domain_distances(fake: Tensor, real: Tensor) -> dict[str, float]:
    """Return the distances of fakes to reals in features learned from the domain.

    They are `fd_domain`, its extrapolation to endlessly many images, and `kid_domain`, of features scaled to a mean
    square of 1 over the reals. With Inception's features they would be FID and KID. Each has its standard error,
    `_error`: `kid_domain` over its subsets, the others over random halves.

    Args:
        fake: `float [N, features]`.
        real: `float [M, features]`.
    """
    kernel, kernel_error = _kernel(fake, real, scaled=True)
    return {**with_errors(_domain_frechet, (fake,), (real,)), "kid_domain": kernel, "kid_domain_error": kernel_error}


def _domain_frechet(fakes: Part, reals: Part) -> dict[str, float]:
    fake, real = fakes[0].double().numpy(), reals[0].double().numpy()
    return {"fd_domain": frechet_distance(fake, real), "fd_domain_extrapolated": frechet_at_infinity(fake, real)}


def distances(fake: Tensor, real: Tensor, *, scaled: bool) -> dict[str, float]:
    """Return `fd`, `fd_extrapolated` and `kid` of fakes to reals in any features.

    `fd` and `kid` have standard errors. The extrapolation has none: of large features it takes minutes.

    Args:
        fake: `float [N, features]`.
        real: `float [M, features]`.
        scaled: whether `kid` is taken of features with a mean square of 1 over the reals.
    """
    fakes, reals = fake.double(), real.double()
    kernel, kernel_error = _kernel(fake, real, scaled=scaled)
    return {
        **with_errors(_frechet, (fakes,), (reals,)),
        "fd_extrapolated": frechet_at_infinity(fakes.numpy(), reals.numpy()),
        "kid": kernel,
        "kid_error": kernel_error,
    }


def _frechet(fakes: Part, reals: Part) -> dict[str, float]:
    return {"fd": frechet_distance(fakes[0].numpy(), reals[0].numpy())}


def _kernel(fake: Tensor, real: Tensor, *, scaled: bool) -> tuple[float, float]:
    """Return the kernel distance and its standard error.

    With `scaled`, features are divided to a mean square of 1 over the reals. The kernel was made for Inception's
    features, which stay as they are. Of larger ones the cube would drown all but the few largest.
    """
    equal_fake, equal_real = equal_size(fake, real)
    scale = equal_real.square().mean().sqrt() if scaled else 1.0
    return kernel_distance((equal_fake / scale).double().numpy(), (equal_real / scale).double().numpy())


def classifier_score(probabilities: NDArray[np.float64]) -> float:
    """Return the classifier score of class probabilities, `float [N, classes]`: from 1 to the number of classes.

    It is e to the power of the mean divergence of each image's probabilities from their mean. It is high where each
    image is surely of some class and all classes are as frequent (Salimans et al. 2016, arXiv:1606.03498, section 4).
    With Inception's classes it is the Inception score.
    """
    marginal = probabilities.mean(axis=0)
    # The limit of p log p at 0 is 0.
    ratios = np.where(probabilities > 0, probabilities, 1) / np.where(marginal > 0, marginal, 1)
    return float(np.exp((probabilities * np.log(ratios)).sum(axis=1).mean()))
