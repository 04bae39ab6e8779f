"""Calibrating a discriminator on held-out reals: logistic regression of real against fake on its logit."""

import numpy as np
from numpy.typing import NDArray

from pipeline.models.calibration import Calibration
from pipeline.runs.fingerprint import six_digits

Logits = NDArray[np.float64]
Groups = NDArray[np.int64]


def calibrate(
    real_logits: Logits, real_groups: Groups, fake_logits: Logits, fake_groups: Groups, groups: int
) -> tuple[Calibration, float]:
    """`float [N], int64 [N]` of reals that the discriminator was not trained on, and of fakes, in the `groups` of a condition.

    Each group is brought to its fakes' mean and spread, in which one line is fitted to all groups: one group alone may
    have a handful of held-out reals. The reals of a group count as much as its fakes, however many there are. Returns
    also how surely the calibrated logit tells reals from fakes (the area under the ROC curve: 0.5 not at all, 1 always).
    A discriminator that tells them apart the wrong way round says nothing: slope 0.
    """
    means, spreads = np.zeros(groups), np.ones(groups)
    for group in np.unique(fake_groups):
        of_group = fake_logits[fake_groups == group]
        means[group], spreads[group] = of_group.mean(), max(of_group.std(), 1e-6)
    scaled = np.concatenate(
        [
            (logits - means[of_each]) / spreads[of_each]
            for logits, of_each in ((real_logits, real_groups), (fake_logits, fake_groups))
        ]
    )
    is_real = np.repeat([1, 0], [len(real_logits), len(fake_logits)])
    # As many reals as fakes of each group, so that the logit is the ratio of densities and nothing of counts.
    fakes_of, reals_of = (np.bincount(of_each, minlength=groups) for of_each in (fake_groups, real_groups))
    weights = np.concatenate([(fakes_of / np.maximum(reals_of, 1))[real_groups], np.ones(len(fake_groups))])
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
