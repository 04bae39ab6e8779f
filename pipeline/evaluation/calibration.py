"""Calibrating a discriminator on held-out reals: logistic regression of real against fake on its logit."""

import numpy as np
from numpy.typing import NDArray

from pipeline.models.calibration import Calibration
from pipeline.runs.fingerprint import six_digits

Logits = NDArray[np.float64]
Labels = NDArray[np.int64]


def calibrate(
    real_logits: Logits, real_labels: Labels, fake_logits: Logits, fake_labels: Labels, classes: int
) -> tuple[Calibration, float]:
    """`float [N], int64 [N]` of reals that the discriminator was not trained on, and of fakes.

    Each class is brought to its fakes' mean and spread, in which one line is fitted to all classes: one class alone may
    have a handful of held-out reals. The reals of a class count as much as its fakes, however many there are. Returns also how surely the calibrated logit tells reals from fakes (the area under
    the ROC curve: 0.5 not at all, 1 always). A discriminator that tells them apart the wrong way round says nothing:
    slope 0.
    """
    means, spreads = np.zeros(max(classes, 1)), np.ones(max(classes, 1))
    for label in np.unique(fake_labels):
        of_class = fake_logits[fake_labels == label]
        means[label], spreads[label] = of_class.mean(), max(of_class.std(), 1e-6)
    scaled = np.concatenate(
        [
            (logits - means[labels]) / spreads[labels]
            for logits, labels in ((real_logits, real_labels), (fake_logits, fake_labels))
        ]
    )
    is_real = np.repeat([1, 0], [len(real_logits), len(fake_logits)])
    # As many reals as fakes of each class, so that the logit is the ratio of densities and nothing of counts.
    fakes_of, reals_of = (np.bincount(labels, minlength=len(means)) for labels in (fake_labels, real_labels))
    weights = np.concatenate([(fakes_of / np.maximum(reals_of, 1))[real_labels], np.ones(len(fake_labels))])
    from sklearn.linear_model import LogisticRegression  # 2 s to import: once, at the end of a training
    from sklearn.metrics import roc_auc_score

    fitted = LogisticRegression().fit(scaled[:, None], is_real, sample_weight=weights)
    slope, offset = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    if slope <= 0:
        return Calibration([0.0] * len(means), [0.0] * len(means)), 0.5
    lines = Calibration(
        [six_digits(slope / spread) for spread in spreads],
        [six_digits(offset - slope * mean / spread) for mean, spread in zip(means, spreads, strict=True)],
    )
    return lines, float(roc_auc_score(is_real, scaled, sample_weight=weights))
