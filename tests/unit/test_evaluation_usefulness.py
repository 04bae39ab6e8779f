"""What a classifier learns from a dataset."""

import numpy as np
import pytest
import torch

from pipeline.evaluation.usefulness import TstrResult, usefulness, usefulness_metrics_of
from tests.unit.conftest import Labelled

NAMES = [str(digit) for digit in range(10)]
BUDGET = {"classes": NAMES, "total_images": 12_000}


def test_real_digits_teach_and_shuffled_labels_do_not(digits: tuple[Labelled, Labelled]) -> None:
    (images, labels), test = digits
    shuffled = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
    taught = usefulness((images, labels), test, **BUDGET, seeds=1)
    untaught = usefulness((images, shuffled), test, **BUDGET, seeds=1)
    assert taught.mean > 0.85
    assert untaught.mean < 0.3
    shares = np.bincount(test[1]) / len(test[1])
    by_class = [taught.by_class[name][0] for name in NAMES]
    assert float(np.dot(shares, by_class)) == pytest.approx(taught.accuracy[0], abs=1e-6)


def test_a_class_that_was_left_out_of_training_is_the_one_not_learnt(digits: tuple[Labelled, Labelled]) -> None:
    (images, labels), test = digits
    taught = usefulness((images[labels != 3], labels[labels != 3]), test, **BUDGET, seeds=1)
    assert taught.by_class["3"] == [0]
    assert min(values[0] for name, values in taught.by_class.items() if name != "3") > 0.5


def test_a_class_without_test_images_has_no_figure(digits: tuple[Labelled, Labelled]) -> None:
    train, (images, labels) = digits
    budget = {"classes": NAMES, "total_images": 1_500}
    taught = usefulness(train, (images[labels != 7], labels[labels != 7]), **budget, seeds=1)
    assert taught.by_class.keys() == set(NAMES) - {"7"}


@pytest.mark.usefixtures("one_thread")
def test_each_seed_gives_a_figure_that_comes_again(digits: tuple[Labelled, Labelled]) -> None:
    train, test = digits
    budget = {"classes": NAMES, "total_images": 1_500}
    told: list[int] = []
    figures = usefulness(train, test, **budget, seeds=2, on_images=told.append).accuracy
    assert sum(told) == 2 * 1_500
    assert len(set(figures)) == 2
    assert usefulness(train, test, **budget, seeds=1).accuracy == figures[:1]


def test_figures_are_means_with_spreads_where_there_are_several_seeds() -> None:
    one = TstrResult([0.8], {"a": [0.9], "b": [0.7]}, tested=100)
    several = TstrResult([0.5, 0.75, 0.75], {"a": [0.5, 0.5, 1.0], "b": [0.5, 1.0, 0.5]}, tested=100)
    assert usefulness_metrics_of(synthetic=several, real=one, both=one) == {
        "tstr_accuracy": 0.6667,
        "trtr_accuracy": 0.8,
        "augmented_accuracy": 0.8,
        "tstr_accuracy_error": 0.0471,
        "trtr_accuracy_error": 0.04,
        "augmented_accuracy_error": 0.04,
        "tstr_accuracy_spread": 0.1443,
        "tstr_ratio": 0.8334,
        "tstr_class_min": 0.6667,
        "tstr_by_class": {"a": 0.6667, "b": 0.6667},
        "trtr_by_class": {"a": 0.9, "b": 0.7},
    }
