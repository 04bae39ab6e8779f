"""What a classifier learns from a dataset."""

import pytest
import torch

from pipeline.evaluation.usefulness import mean, usefulness
from tests.unit.conftest import Labelled

BUDGET = {"classes": 10, "total_images": 12_000}


def test_real_digits_teach_and_shuffled_labels_do_not(digits: tuple[Labelled, Labelled]) -> None:
    (images, labels), test = digits
    shuffled = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
    (taught,) = usefulness(images, labels, *test, **BUDGET, seeds=1)
    (untaught,) = usefulness(images, shuffled, *test, **BUDGET, seeds=1)
    assert taught > 0.85
    assert untaught < 0.3


@pytest.mark.usefixtures("one_thread")
def test_each_seed_gives_a_figure_that_comes_again(digits: tuple[Labelled, Labelled]) -> None:
    train, test = digits
    budget = {"classes": 10, "total_images": 1_500}
    figures = usefulness(*train, *test, **budget, seeds=2)
    assert len(set(figures)) == 2
    assert usefulness(*train, *test, **budget, seeds=1) == figures[:1]


def test_the_mean_has_four_digits() -> None:
    assert mean([0.5, 0.75, 0.75]) == 0.6667
