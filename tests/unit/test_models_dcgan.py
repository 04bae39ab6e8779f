"""The networks: shapes, ranges, and that no image knows of the others in its batch."""

import pytest
import torch

from pipeline.models.dcgan import Discriminator, Generator, pixel_norm

SHAPES = pytest.mark.parametrize(("resolution", "channels"), [(8, 1), (16, 3), (32, 1), (64, 3)])


def generator(resolution: int = 16, channels: int = 1) -> Generator:
    torch.manual_seed(0)
    return Generator(resolution=resolution, channels=channels, classes=3, latent_size=5, width=4)


def discriminator(resolution: int = 16, channels: int = 1) -> Discriminator:
    torch.manual_seed(1)
    return Discriminator(resolution=resolution, channels=channels, classes=3, width=4)


@SHAPES
def test_generator_makes_images_of_the_asked_size_in_range(resolution: int, channels: int) -> None:
    images = generator(resolution, channels)(100 * torch.randn(4, 5), torch.tensor([0, 1, 2, 0]))
    assert images.shape == (4, channels, resolution, resolution)
    assert images.abs().max() <= 1


@SHAPES
def test_discriminator_gives_one_logit_an_image(resolution: int, channels: int) -> None:
    logits = discriminator(resolution, channels)(
        torch.zeros(4, channels, resolution, resolution), torch.zeros(4).long()
    )
    assert logits.shape == (4,)


def test_a_generated_image_does_not_depend_on_its_batch() -> None:
    G, latents, labels = generator(), torch.randn(6, 5), torch.tensor([0, 1, 2, 0, 1, 2])
    together = G(latents, labels)
    alone = torch.cat([G(z[None], y[None]) for z, y in zip(latents, labels, strict=True)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_a_logit_depends_on_its_own_image_only() -> None:
    D, images = discriminator(), torch.randn(4, 1, 16, 16, requires_grad=True)
    (gradient,) = torch.autograd.grad(D(images, torch.tensor([0, 1, 2, 0]))[2], images)
    reached = gradient.flatten(1).abs().sum(dim=1) > 0
    assert reached.tolist() == [False, False, True, False]


def test_the_label_and_the_latent_both_change_the_image() -> None:
    G, latents = generator(), torch.randn(2, 5)
    first, same_label, other_label = G(latents[[0, 1, 0]], torch.tensor([0, 0, 1]))
    assert not torch.allclose(first, same_label, atol=1e-4)
    assert not torch.allclose(first, other_label, atol=1e-4)


def test_the_label_changes_the_verdict() -> None:
    image = torch.randn(1, 1, 16, 16)
    verdicts = discriminator()(image.expand(3, -1, -1, -1), torch.arange(3))
    assert len(set(verdicts.tolist())) == 3


def test_every_parameter_of_both_networks_learns() -> None:
    G, D, labels = generator(), discriminator(), torch.arange(3)
    D(G(torch.randn(3, 5), labels), labels).sum().backward()
    idle = [name for net in (G, D) for name, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


def test_pixel_norm_leaves_the_direction_and_sets_the_length() -> None:
    maps = torch.randn(2, 7, 3, 3)
    torch.testing.assert_close(pixel_norm(maps).square().mean(dim=1), torch.ones(2, 3, 3))
    torch.testing.assert_close(pixel_norm(5 * maps), pixel_norm(maps))
    assert pixel_norm(torch.zeros(1, 7, 1, 1)).eq(0).all()
