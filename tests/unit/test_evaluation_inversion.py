"""Searching a generator for an image: what it can make is found, what it cannot is not."""

import pytest
import torch

from pipeline.evaluation.inversion import reconstruction_errors
from pipeline.models.generate import generate_pixels
from pipeline.models.latents import latents
from pipeline.models.weights import TrainedPair, load_pair
from tests.unit.tiny import SPEC, save_tiny_pair


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> TrainedPair:
    folder = tmp_path_factory.mktemp("pair")
    save_tiny_pair(folder)
    pair = load_pair(folder)
    with torch.no_grad():
        pair.generator.last.weight.div_(10)  # smooth again: a trained generator is
    return pair


@pytest.fixture(scope="module")
def labels() -> torch.Tensor:
    return torch.arange(30) % 3


def test_what_the_generator_makes_is_found_and_noise_is_not(pair: TrainedPair, labels: torch.Tensor) -> None:
    z = latents(0, 0, 30, SPEC.latent_size, "normal")
    own = generate_pixels(pair.generator, SPEC, z, labels, batch_size=10, precision="fp32")
    foreign = torch.randint(0, 256, own.shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    of_own, of_foreign = (reconstruction_errors(pair, images, labels) for images in (own, foreign))
    assert of_own.shape == (30,)
    assert of_own.median() < 0.1 * of_foreign.median()
    assert of_foreign.min() > of_own.median()


def test_the_label_decides_what_can_be_made(pair: TrainedPair, labels: torch.Tensor) -> None:
    z = latents(0, 0, 30, SPEC.latent_size, "normal")
    own = generate_pixels(pair.generator, SPEC, z, labels, batch_size=10, precision="fp32")
    right, wrong = (reconstruction_errors(pair, own, requested).mean() for requested in (labels, (labels + 1) % 3))
    assert right < wrong


def test_it_comes_out_the_same_again_and_does_not_touch_the_generator(pair: TrainedPair, labels: torch.Tensor) -> None:
    images = torch.randint(0, 256, (30, 1, 6, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    before = [parameter.clone() for parameter in pair.generator.parameters()]
    first, again = (reconstruction_errors(pair, images, labels) for _ in range(2))
    assert torch.equal(first, again)
    assert all(torch.equal(old, new) for old, new in zip(before, pair.generator.parameters(), strict=True))
    assert all(parameter.grad is None for parameter in pair.generator.parameters())
