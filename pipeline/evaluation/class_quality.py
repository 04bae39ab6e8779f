"""What becomes of each class: whether its images are of it, and how varied they are; of one class alone, how varied all are.

Of a generator that is asked for labels it is known which class an image should be. Of one that is not, the domain
classifier's opinion takes that place, for the reals beside the fakes too: it errs on both alike.
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
    """How often the classifier sees each class, by images' features: `float [classes]`, 1 an equal share."""
    return _shares(embedder.labels(features), classes)


def class_quality(
    embedder: Embedder,
    fake_embedded: Tensor,
    fake_labels: Tensor | None,
    real_embedded: Tensor,
    real_labels: Tensor,
    classes: int,
) -> MetricValues:
    """Fakes against reals: the embedder's features of both, with `int64 [N]` labels, those of the fakes as they were asked for.

    Returns, within each class, the fakes' diversity as a share of the reals': `diversity`, its least value `diversity_min` and its
    mean `diversity_mean`. A class of fewer than two reals has none to compare with: it is None there and left out of the two, as
    is a label that no fake has; one of fewer than two fakes has 0 (both
    NaN where nothing is left). With labels asked for, classes are those, and `label_accuracy`
    is the share of fakes that the classifier confirms. Without them, classes are those that the classifier predicts, and
    `class_share_min` says how often it predicts the rarest, times the number of classes: 1 if all are equally frequent, 0 if one
    was dropped. Of one class alone there are no groups: `diversity_all`, that of all images, is all that is returned.
    """
    fake_features, real_features = fake_embedded.double().numpy(), real_embedded.double().numpy()
    if classes < 2:
        everything = (
            torch.zeros(len(fake_embedded), dtype=torch.int64),
            torch.zeros(len(real_embedded), dtype=torch.int64),
        )
        return {"diversity_all": float(_diversity(fake_features, everything[0], real_features, everything[1], 1)[0])}
    predicted = embedder.labels(fake_embedded)
    if fake_labels is not None:
        class_figure = {"label_accuracy": float((predicted == fake_labels).float().mean())}
        diversity = _diversity(fake_features, fake_labels, real_features, real_labels, classes)
        diversity[np.bincount(fake_labels.numpy(), minlength=classes) == 0] = np.nan  # not asked for
    else:
        class_figure = {"class_share_min": float(_shares(predicted, classes).min())}
        real_predicted = embedder.labels(real_embedded)
        diversity = _diversity(fake_features, predicted, real_features, real_predicted, classes)
    measured = diversity[~np.isnan(diversity)]
    return {
        **class_figure,
        "diversity_min": float(measured.min()) if len(measured) else math.nan,
        "diversity_mean": float(measured.mean()) if len(measured) else math.nan,
        "diversity": [None if np.isnan(share) else share for share in diversity.tolist()],
    }


def _shares(labels: Tensor, classes: int) -> NDArray[np.float64]:
    return np.asarray(np.bincount(labels.numpy(), minlength=classes) * classes / len(labels))


def _diversity(
    fake: Features, fake_labels: Tensor, real: Features, real_labels: Tensor, classes: int
) -> NDArray[np.float64]:
    """Diversity of the fakes within each class as a share of the reals': `float [classes]`, NaN of fewer than two reals."""
    of_fakes = within_class_diversity(fake, fake_labels.numpy(), classes, DIVERSITY_MEMBERS)
    return np.nan_to_num(of_fakes, nan=0.0) / within_class_diversity(
        real, real_labels.numpy(), classes, DIVERSITY_MEMBERS
    )
