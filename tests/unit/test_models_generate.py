"""Generating pixels, and judging them."""

import pytest
import torch

from pipeline.models.generate import discriminate, generate_pixels
from pipeline.models.latents import balanced_labels, latents
from pipeline.models.pair import to_network
from pipeline.models.weights import TrainedPair
from tests.unit.tiny import SPEC


def pixels(pair: TrainedPair, count: int, batch_size: int, precision: str = "fp32") -> torch.Tensor:
    z, labels = latents(0, 0, count, SPEC.latent_size, "normal"), balanced_labels(0, count, SPEC.classes)
    return generate_pixels(pair.generator, SPEC, z, labels, batch_size=batch_size, precision=precision)


def test_every_latent_becomes_an_image_also_in_a_last_small_batch(tiny_pair: TrainedPair) -> None:
    images = pixels(tiny_pair, 10, batch_size=4)
    assert images.shape == (10, *SPEC.shape)
    assert images.dtype == torch.uint8
    assert len(images.flatten(1).unique(dim=0)) == 10


def test_equal_batches_give_equal_pixels(tiny_pair: TrainedPair) -> None:
    assert torch.equal(pixels(tiny_pair, 8, batch_size=4), pixels(tiny_pair, 8, batch_size=4))


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_the_batch_size_changes_at_most_the_rounding(tiny_pair: TrainedPair, batch_size: int) -> None:
    difference = pixels(tiny_pair, 10, batch_size).int() - pixels(tiny_pair, 10, batch_size=4).int()
    assert difference.abs().max() <= 1


def test_bf16_is_close_to_fp32(tiny_pair: TrainedPair) -> None:
    difference = pixels(tiny_pair, 30, 10, "bf16").float() - pixels(tiny_pair, 30, 10).float()
    assert 0 < difference.abs().mean() < 3


# Discriminating ------------------------------------------------------------------------------------------------------


def verdicts(pair: TrainedPair, images: torch.Tensor, batch_size: int, precision: str = "fp32") -> torch.Tensor:
    labels = balanced_labels(0, len(images), SPEC.classes)
    return discriminate(pair.discriminator, SPEC, images, labels, batch_size=batch_size, precision=precision)


def test_every_image_gets_the_logit_that_the_discriminator_gives_it(tiny_pair: TrainedPair) -> None:
    images = pixels(tiny_pair, 10, batch_size=4)
    expected = tiny_pair.discriminator(to_network(images, SPEC.resolution), balanced_labels(0, 10, SPEC.classes))
    found = verdicts(tiny_pair, images, batch_size=4)
    torch.testing.assert_close(found, expected.detach())
    assert len(found.unique()) == 10
    assert not found.requires_grad


def test_bf16_verdicts_are_close_and_in_full_precision(tiny_pair: TrainedPair) -> None:
    images = pixels(tiny_pair, 30, batch_size=10)
    half, full = (verdicts(tiny_pair, images, 10, precision) for precision in ("bf16", "fp32"))
    assert half.dtype == torch.float32
    assert 0 < (half - full).abs().max() < 0.1 * full.abs().max() + 0.01
