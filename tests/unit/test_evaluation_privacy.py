"""Privacy: copies of training images are found, however small their share, and images like held-out ones are left in peace."""

import pytest
import torch
from torch import Tensor

from pipeline.embedding.nearest import nearest_rows
from pipeline.evaluation.privacy import PAIRS, membership_auc, nearest_pairs, privacy_metrics


def points(seed: int, count: int, features: int = 8) -> Tensor:
    return torch.randn(count, features, generator=torch.Generator().manual_seed(seed))


TRAIN, HOLDOUT = points(0, 3_000), points(1, 1_000)


def with_copies(share: float, perturbed: float = 0.0) -> Tensor:
    """Images of the same distribution, of which some are training images, or lie beside one."""
    fake, copies = points(2, 1_000), int(share * 1_000)
    fake[:copies] = TRAIN[:copies] + perturbed * points(3, copies)
    return fake


def figures(fake: Tensor) -> dict[str, float]:
    return privacy_metrics(fake, TRAIN, HOLDOUT, nearest_rows(fake, TRAIN))


def test_images_like_held_out_ones_give_nothing_away() -> None:
    found = figures(with_copies(0))
    assert found["nearest_train_ratio"] == pytest.approx(1, abs=0.05)
    assert found["near_train_share"] == pytest.approx(0.01, abs=0.01)
    assert found["authenticity"] == pytest.approx(found["authenticity_real"], abs=0.05)
    assert found["membership_auc"] == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("perturbed", [0, 0.05])
def test_one_copy_in_twenty_shows(perturbed: float) -> None:
    found = figures(with_copies(0.05, perturbed))
    assert found["near_train_share"] == pytest.approx(0.06, abs=0.01)
    assert found["authenticity"] < found["authenticity_real"] - 0.02


def test_a_generator_of_copies_is_told_by_every_figure() -> None:
    found = figures(with_copies(1, 0.05))
    assert found["nearest_train_ratio"] < 0.2
    assert found["near_train_share"] == 1
    assert found["authenticity"] < 0.01
    assert found["membership_auc"] > 0.6  # a third of the training images is copied: the attacker finds those


def test_the_nearest_pairs_are_the_copies_and_what_they_are_copies_of() -> None:
    fake = with_copies(0)
    fake[[700, 30, 5]] = TRAIN[[1, 2, 3]] + torch.tensor([[0.001], [0.002], [0.003]])
    pairs = nearest_pairs(nearest_rows(fake, TRAIN))
    assert pairs[:3].tolist() == [[700, 1], [30, 2], [5, 3]]
    assert len(pairs) == PAIRS


def test_the_attacker_is_sure_where_every_training_image_is_copied() -> None:
    assert figures(TRAIN + 0.01)["membership_auc"] > 0.99


def test_an_attack_by_a_score_that_says_nothing_is_a_coin() -> None:
    assert membership_auc(torch.zeros(10), torch.zeros(7)) == 0.5
    assert membership_auc(torch.tensor([2.0, 3.0]), torch.tensor([0.0, 1.0])) == 1
