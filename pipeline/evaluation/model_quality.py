"""How good a generator is: distance to the holdout, label accuracy, diversity within each class."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pipeline.embedding.embedder import Embedder
from pipeline.evaluation.distances import frechet_distance, within_class_diversity

DIVERSITY_MEMBERS = 500  # of each class; the mean of their 124,750 pairs moves by less than 1 %


def features_of(embedder: Embedder, images: Tensor) -> NDArray[np.float64]:
    """`uint8 [N, C, S, S]` -> `float64 [N, features]`."""
    return embedder.features(images).double().numpy()


def model_quality(
    embedder: Embedder, fake: Tensor, fake_labels: Tensor, real: Tensor, real_labels: Tensor, classes: int
) -> dict[str, Any]:
    """Fakes against reals, both `uint8 [N, C, S, S]` with `int64 [N]` labels.

    Returns `fd_domain`, `label_accuracy` (share of fakes that the classifier gives the label they were asked for)
    and, within each class, the fakes' diversity as a share of the reals': `diversity` and its least value.
    """
    fake_embedded = embedder.features(fake)
    fake_features, real_features = fake_embedded.double().numpy(), features_of(embedder, real)
    diversity = within_class_diversity(
        fake_features, fake_labels.numpy(), classes, DIVERSITY_MEMBERS
    ) / within_class_diversity(real_features, real_labels.numpy(), classes, DIVERSITY_MEMBERS)
    return {
        "fd_domain": frechet_distance(fake_features, real_features),
        "label_accuracy": float((embedder.labels(fake_embedded) == fake_labels).float().mean()),
        "diversity_min": float(diversity.min()),
        "diversity": diversity.tolist(),
    }
