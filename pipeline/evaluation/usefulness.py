"""Usefulness: what a classifier learns from a dataset, tested on real holdout images."""

from functools import partial

import numpy as np
from torch import Tensor

from pipeline.embedding.classifier import Fit, UsefulnessClassifier, accuracy, train_classifier

BATCH = 128
LEARNING_RATE = 0.002


def usefulness(
    images: Tensor,
    labels: Tensor,
    test_images: Tensor,
    test_labels: Tensor,
    *,
    classes: int,
    total_images: int,
    seeds: int,
) -> list[float]:
    """Accuracy on the test images after training on `images`, once for each of `seeds` seeds.

    Images `uint8 [N, C, S, S]`, labels `int64 [N]`. Trained on synthetic and tested on real this is TSTR, on real
    and real TRTR (Esteban et al. 2017, arXiv:1706.02633). `total_images` counts repeats.
    """
    build = partial(UsefulnessClassifier, images.shape[-1], images.shape[1], classes)
    return [
        accuracy(
            train_classifier(build, images, labels, Fit(total_images, BATCH, LEARNING_RATE, seed)),
            test_images,
            test_labels,
        )
        for seed in range(seeds)
    ]


def mean(values: list[float]) -> float:
    """Mean of the seeds' figures, to four digits."""
    return round(float(np.mean(values)), 4)
