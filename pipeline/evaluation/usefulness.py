"""Measure usefulness: what a classifier learns from a dataset, tested on real holdout images."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from torch import Tensor

from pipeline.base.metric import MetricValues
from pipeline.embedding.classifier import Fit, UsefulnessClassifier, in_batches, train_classifier
from pipeline.images.shape import ImageShape

BATCH = 128
LEARNING_RATE = 0.002


@dataclass(frozen=True)
class TstrResult:
    """Hold the test accuracies of classifiers that were trained on the same images, one classifier a seed."""

    accuracy: list[float]  # [seeds]
    by_class: dict[str, list[float]]  # by name, [seeds], of the test images of each class that has some
    tested: int  # images

    @property
    def mean(self) -> float:
        """Return the mean accuracy, to four digits."""
        return round(float(np.mean(self.accuracy)), 4)

    @property
    def error(self) -> float:
        """Return the standard error of the mean accuracy from the choice of test images.

        It is binomial: all seeds share the test images.
        """
        return round(math.sqrt(self.mean * (1 - self.mean) / self.tested), 4)

    @property
    def spread(self) -> dict[str, float]:
        """Return the standard deviation of the accuracy from seed to seed; nothing for a single seed."""
        return {"spread": round(float(np.std(self.accuracy, ddof=1)), 4)} if len(self.accuracy) > 1 else {}

    @property
    def mean_by_class(self) -> dict[str, float]:
        """Return the mean accuracy of each class, to four digits."""
        return {name: round(float(np.mean(values)), 4) for name, values in self.by_class.items()}


def usefulness(
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    *,
    classes: Sequence[str],
    total_images: int,
    seeds: int,
    on_images: Callable[[int], None] = lambda _: None,
) -> TstrResult:
    """Return the accuracies on `test` of classifiers trained on `train`, one for each of `seeds` seeds.

    Both are images, `uint8 [N, C, H, W]`, and labels, `int64 [N]`. Trained on synthetic and tested on real this is TSTR, on real
    and real TRTR (Esteban et al. 2017, arXiv:1706.02633). `total_images` counts repeats, of one seed. `on_images` is
    called with each number of images that a classifier has learned from since the last call.
    """
    images, labels = train
    test_images, test_labels = test
    build = partial(UsefulnessClassifier, ImageShape(*images.shape[1:]), len(classes))
    by_class: dict[str, list[float]] = {name: [] for label, name in enumerate(classes) if (test_labels == label).any()}
    accuracies = []
    for seed in range(seeds):
        fit = Fit(total_images, BATCH, LEARNING_RATE, seed)
        network = train_classifier(build, images, labels, fit, _in_images(total_images, on_images))
        right = (in_batches(network, test_images).argmax(dim=1) == test_labels).float()
        accuracies.append(float(right.mean()))
        for label, name in enumerate(classes):
            if name in by_class:
                by_class[name].append(float(right[test_labels == label].mean()))
    return TstrResult(accuracies, by_class, len(test_labels))


def _in_images(total: int, on_images: Callable[[int], None]) -> Callable[[float, float], None]:
    """Return what tells `on_images` how many more of `total` images were seen, when it is told the share that is done, and a loss."""
    seen = 0

    def on_share(share: float, _loss: float) -> None:
        nonlocal seen
        before, seen = seen, round(share * total)
        on_images(seen - before)

    return on_share


def usefulness_metrics_of(synthetic: TstrResult, real: TstrResult, both: TstrResult) -> MetricValues:
    """Return the metrics of what was learned from synthetic images, from real ones, and from both together.

    `tstr_accuracy`, `trtr_accuracy` and `augmented_accuracy` each have a standard error and, where there are several
    seeds, a spread over them. `tstr_ratio` is the first over the second. `tstr_by_class` and `trtr_by_class` are the
    accuracies of each class, `tstr_class_min` is the least of the former.
    """
    results = {"tstr": synthetic, "trtr": real, "augmented": both}
    return {
        **{f"{name}_accuracy": each.mean for name, each in results.items()},
        **{f"{name}_accuracy_error": each.error for name, each in results.items()},
        **{f"{name}_accuracy_{key}": value for name, each in results.items() for key, value in each.spread.items()},
        "tstr_ratio": round(synthetic.mean / real.mean, 4),
        "tstr_class_min": min(synthetic.mean_by_class.values()),
        "tstr_by_class": synthetic.mean_by_class,
        "trtr_by_class": real.mean_by_class,
    }
