"""Measure each class: whether its images belong to it, and how varied they are; of one class alone, how varied all are.

A generator that is asked for labels says which class each image should be. For one that is not, the prediction of the
domain classifier takes that place. The reals are then predicted, too, since the classifier errs on both alike.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.base.metric import MetricValues
from pipeline.embedding.embedder import Embedder
from pipeline.evaluation.distances import within_class_diversity
from pipeline.evaluation.moments import Features

DIVERSITY_MEMBERS = 500  # of each class; the mean of their 124,750 pairs moves by less than 1 %


def predicted_shares(embedder: Embedder, features: Tensor, classes: int) -> NDArray[np.float64]:
    """Return how often the classifier predicts each class for these features: `float [classes]`, 1 an equal share."""
    return _shares(embedder.labels(features), classes)


def class_quality(
    embedder: Embedder,
    fake_embedded: Tensor,
    fake_labels: Tensor | None,
    real_embedded: Tensor,
    real_labels: Tensor,
    classes: int,
) -> MetricValues:
    """Return how varied the fakes are within each class, over the reals, and whether their classes are right.

    `diversity` is that share by class, `diversity_min` its least value and `diversity_mean` its mean. A class of fewer
    than two reals has None, as has a label that no fake has. Least value and mean leave these out, and are NaN where no
    class is left. A class of fewer than two fakes has 0.

    With requested labels, these are the classes, and `label_accuracy` is the share of fakes that the classifier
    confirms. Without them, the classifier's predictions are the classes, and `class_share_min` says how often it
    predicts the rarest, times the number of classes. That is 1 if all are equally frequent, and 0 if one was dropped.
    Data of one class has no groups: `diversity_all`, the diversity of all images, is all that is returned.

    Args:
        embedder: whose features these are, and whose classifier predicts.
        fake_embedded: `float [N, features]`, of the fakes.
        fake_labels: `int64 [N]`, as they were requested; None without labels.
        real_embedded: `float [M, features]`, of the reals.
        real_labels: `int64 [M]`.
        classes: how many classes the data has.
    """
    fake_features, real_features = fake_embedded.double().numpy(), real_embedded.double().numpy()
    if classes < 2:
        one_class = (
            torch.zeros(len(fake_embedded), dtype=torch.int64),
            torch.zeros(len(real_embedded), dtype=torch.int64),
        )
        return {"diversity_all": float(_diversity(fake_features, one_class[0], real_features, one_class[1], 1)[0])}
    predicted = embedder.labels(fake_embedded)
    if fake_labels is not None:
        class_metric = {"label_accuracy": float((predicted == fake_labels).float().mean())}
        diversity = _diversity(fake_features, fake_labels, real_features, real_labels, classes)
        diversity[np.bincount(fake_labels.numpy(), minlength=classes) == 0] = np.nan  # not asked for
    else:
        class_metric = {"class_share_min": float(_shares(predicted, classes).min())}
        real_predicted = embedder.labels(real_embedded)
        diversity = _diversity(fake_features, predicted, real_features, real_predicted, classes)
    measured = diversity[~np.isnan(diversity)]
    return {
        **class_metric,
        "diversity_min": float(measured.min()) if len(measured) else math.nan,
        "diversity_mean": float(measured.mean()) if len(measured) else math.nan,
        "diversity": [None if np.isnan(share) else share for share in diversity.tolist()],
    }


def _shares(labels: Tensor, classes: int) -> NDArray[np.float64]:
    return np.asarray(np.bincount(labels.numpy(), minlength=classes) * classes / len(labels))


def _diversity(
    fake: Features, fake_labels: Tensor, real: Features, real_labels: Tensor, classes: int
) -> NDArray[np.float64]:
    """Return the fakes' diversity within each class over the reals': `float [classes]`, NaN below two reals."""
    fake_diversity = within_class_diversity(fake, fake_labels.numpy(), classes, DIVERSITY_MEMBERS)
    return np.nan_to_num(fake_diversity, nan=0.0) / within_class_diversity(
        real, real_labels.numpy(), classes, DIVERSITY_MEMBERS
    )
