"""How near a set of fakes comes to a set of reals, in the space of an embedder's features."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pipeline.evaluation.distances import frechet_at_infinity, frechet_distance
from pipeline.evaluation.kernel import kernel_distance
from pipeline.evaluation.neighbours import equal_size
from pipeline.evaluation.resampling import Part, with_errors


def domain_distances(fake: Tensor, real: Tensor) -> dict[str, float]:
    """Distances of fakes' features, `float [N, features]`, to reals', `float [M, features]`, learnt from the domain.

    Returns `fd_domain` and its extrapolation to endlessly many images, and `kid_domain`, of features scaled to a mean square of 1
    over the reals (with Inception's features they would be FID and KID); each with its standard error, `_error`: that of
    `kid_domain` over its subsets, the others' over random halves.
    """
    kernel, kernel_error = _kernel(fake, real, scaled=True)
    return {**with_errors(_domain_frechet, (fake,), (real,)), "kid_domain": kernel, "kid_domain_error": kernel_error}


def _domain_frechet(fakes: Part, reals: Part) -> dict[str, float]:
    fake, real = fakes[0].double().numpy(), reals[0].double().numpy()
    return {"fd_domain": frechet_distance(fake, real), "fd_domain_extrapolated": frechet_at_infinity(fake, real)}


def distances(fake: Tensor, real: Tensor, *, scaled: bool) -> dict[str, float]:
    """`fd`, `fd_extrapolated` and `kid` of features, `float [N, features]`, against reals', `float [M, features]`, with errors.

    The extrapolation has none: of large features it takes minutes.
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
    """Kernel distance and its error.

    `scaled`: by a mean square of 1 over the reals. The kernel was made for Inception's features, which stay as they are; of
    larger ones the cube would drown all but the few largest.
    """
    some_fake, some_real = equal_size(fake, real)
    scale = some_real.square().mean().sqrt() if scaled else 1.0
    return kernel_distance((some_fake / scale).double().numpy(), (some_real / scale).double().numpy())


def classifier_score(probabilities: NDArray[np.float64]) -> float:
    """Mean divergence of each image's class probabilities from their mean, to the power of e: `float [N, classes]` -> 1 to classes.

    High where each image is surely of some class and all classes are as frequent (Salimans et al. 2016, arXiv:1606.03498,
    section 4; with Inception's classes it is the Inception score).
    """
    marginal = probabilities.mean(axis=0)
    # The limit of p log p at 0 is 0.
    ratios = np.where(probabilities > 0, probabilities, 1) / np.where(marginal > 0, marginal, 1)
    return float(np.exp((probabilities * np.log(ratios)).sum(axis=1).mean()))
