"""Logits of known densities, given another scale and zero, come back as log ratios."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evaluation.calibration import calibrate

# Unit normals one apart: the log of the ratio of their densities at x is x - 1/2, and Phi(1 / sqrt 2) of the pairs are told apart.
APART = 1.0
AUC = 0.760


def drawn(seed: int, count: int, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    real_labels, fake_labels = np.arange(count) % classes, np.arange(3 * count) % classes
    return random.normal(APART, 1, count), real_labels, random.normal(0, 1, 3 * count), fake_labels


@given(
    scale=st.floats(0.01, 100),
    zeros=st.lists(st.floats(-50, 50), min_size=3, max_size=3),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=20)
def test_scale_and_zero_of_each_class_are_found(scale: float, zeros: list[float], seed: int) -> None:
    real, real_labels, fake, fake_labels = drawn(seed, 6_000, 3)
    shift = np.array(zeros)
    calibration, auc = calibrate(
        scale * real + shift[real_labels], real_labels, scale * fake + shift[fake_labels], fake_labels, 3
    )
    found = calibration.log_ratios(torch.from_numpy(scale * fake + shift[fake_labels]), torch.from_numpy(fake_labels))
    np.testing.assert_allclose(found.numpy(), fake - APART**2 / 2, atol=0.5)
    assert np.abs(found.numpy() - (fake - APART**2 / 2)).mean() < 0.15
    assert auc == pytest.approx(AUC, abs=0.02)


def test_without_classes_there_is_one_line() -> None:
    calibration, _ = calibrate(*drawn(0, 2_000, 1), 1)
    assert calibration.slopes == pytest.approx([1], abs=0.1)
    assert calibration.offsets == pytest.approx([-0.5], abs=0.1)


def test_more_fakes_than_reals_do_not_count_as_a_prior() -> None:
    real, real_labels, fake, fake_labels = drawn(0, 4_000, 1)
    few, _ = calibrate(real, real_labels, fake[:4_000], fake_labels[:4_000], 1)
    many, _ = calibrate(real, real_labels, fake, fake_labels, 1)
    assert many.offsets == pytest.approx(few.offsets, abs=0.1)


def test_a_discriminator_that_tells_them_apart_the_wrong_way_round_says_nothing() -> None:
    real, real_labels, fake, fake_labels = drawn(0, 2_000, 2)
    calibration, auc = calibrate(-real, real_labels, -fake, fake_labels, 2)
    assert calibration.slopes == calibration.offsets == [0.0, 0.0]
    assert auc == 0.5


def test_logits_that_are_all_alike_say_nothing_and_are_no_error() -> None:
    calibration, _ = calibrate(np.ones(50), np.zeros(50, int), np.ones(90), np.zeros(90, int), 1)
    assert calibration.log_ratios(torch.ones(1), torch.zeros(1, dtype=torch.int64)).item() == pytest.approx(0, abs=1e-3)
