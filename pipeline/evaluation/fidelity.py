"""How near a set of fakes comes to a set of reals, in the space of an embedder's features."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pipeline.evaluation.distances import frechet_at_infinity, frechet_distance, frechet_error
from pipeline.evaluation.kernel import kernel_distance
from pipeline.evaluation.neighbours import equally_many, neighbour_figures


def fidelity(fake: Tensor, real: Tensor, probabilities: Tensor) -> dict[str, float]:
    """Figures of fakes' features, `float [N, features]`, against reals', `float [M, features]`.

    `probabilities`: of each class for each fake, `float [N, classes]`, as the embedder's classifier sees it.

    Returns `fd_domain`, its bootstrap error and its extrapolation to endlessly many images, `kid_domain` and its error (of
    features scaled to a mean square of 1 over the reals; both names say that the features are a domain classifier's: with
    Inception's they would be FID and KID), `precision`, `recall`, `density`, `coverage`, and `classifier_score`.
    """
    some_fake, some_real = equally_many(fake, real)
    # The kernel was made for Inception's features; of larger ones the cube would drown all but the few largest.
    scale = some_real.square().mean().sqrt()
    kernel, kernel_error = kernel_distance((some_fake / scale).double().numpy(), (some_real / scale).double().numpy())
    fake_features, real_features = fake.double().numpy(), real.double().numpy()
    return {
        "fd_domain": frechet_distance(fake_features, real_features),
        "fd_domain_error": frechet_error(fake_features, real_features),
        "fd_domain_extrapolated": frechet_at_infinity(fake_features, real_features),
        "kid_domain": kernel,
        "kid_domain_error": kernel_error,
        **neighbour_figures(fake, real),
        "classifier_score": classifier_score(probabilities.double().numpy()),
    }


def classifier_score(probabilities: NDArray[np.float64]) -> float:
    """Mean divergence of each image's class probabilities from their mean, to the power of e: `float [N, classes]` -> 1 to classes.

    High where each image is surely of some class and all classes are as frequent (Salimans et al. 2016, arXiv:1606.03498,
    section 4; with Inception's classes it is the Inception score).
    """
    marginal = probabilities.mean(axis=0)
    # The limit of p log p at 0 is 0.
    ratios = np.where(probabilities > 0, probabilities, 1) / np.where(marginal > 0, marginal, 1)
    return float(np.exp((probabilities * np.log(ratios)).sum(axis=1).mean()))
