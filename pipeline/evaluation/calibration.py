"""Calibrate a discriminator on held-out reals, by logistic regression of real against fake on its logit."""

import numpy as np
from numpy.typing import NDArray

from pipeline.models.calibration import Calibration
from pipeline.runs.fingerprint import six_digits

Logits = NDArray[np.float64]
Groups = NDArray[np.int64]


def calibrate(
    real_logits: Logits, real_groups: Groups, fake_logits: Logits, fake_groups: Groups, groups: int
) -> tuple[Calibration, float]:
    """Return the calibration of a discriminator, and the area under the ROC curve of its calibrated logits.

    The area says how surely these tell reals from fakes: 0.5 not at all, 1 always. A discriminator that tells them
    apart the wrong way round says nothing: its slope is 0.

    Each group is scaled to the mean and spread of its fakes, and one line is fitted to all groups. One group alone may
    have a handful of held-out reals. The reals of a group weigh as much as its fakes, however many there are.

    Args:
        real_logits: `float [N]`, of reals that the discriminator was not trained on.
        real_groups: `int64 [N]`, which group of the condition each real belongs to.
        fake_logits: `float [M]`, of fakes.
        fake_groups: `int64 [M]`, which group each fake belongs to.
        groups: how many groups the condition has.
    """
    means, spreads = np.zeros(groups), np.ones(groups)
    for group in np.unique(fake_groups):
        group_logits = fake_logits[fake_groups == group]
        means[group], spreads[group] = group_logits.mean(), max(group_logits.std(), 1e-6)
    scaled = np.concatenate(
        [
            (logits - means[groups_of]) / spreads[groups_of]
            for logits, groups_of in ((real_logits, real_groups), (fake_logits, fake_groups))
        ]
    )
    is_real = np.repeat([1, 0], [len(real_logits), len(fake_logits)])
    # As many reals as fakes of each group, so that the logit is the ratio of densities and nothing of counts.
    fake_counts, real_counts = (np.bincount(each, minlength=groups) for each in (fake_groups, real_groups))
    weights = np.concatenate([(fake_counts / np.maximum(real_counts, 1))[real_groups], np.ones(len(fake_groups))])
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
