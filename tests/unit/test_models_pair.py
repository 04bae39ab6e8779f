"""What every architecture promises, and the way between stored pixels and network tensors."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pipeline.images.shape import ImageShape
from pipeline.models.pair import build_discriminator, build_generator, to_network, to_pixels
from pipeline.models.spec import PairSpec

pytestmark = pytest.mark.usefixtures("one_thread")


@st.composite
def images_and_resolution(draw: st.DrawFn) -> tuple[Tensor, int]:
    resolution = draw(st.sampled_from([8, 16, 32]))
    height, width = draw(st.integers(1, resolution)), draw(st.integers(1, resolution))
    shape = (draw(st.integers(1, 3)), draw(st.sampled_from([1, 3])), height, width)
    return torch.from_numpy(draw(arrays(np.uint8, shape))), resolution


@given(images_and_resolution())
def test_pixels_survive_the_way_to_the_network_and_back(given: tuple[Tensor, int]) -> None:
    images, resolution = given
    inside = to_network(images, resolution)
    assert inside.shape == (*images.shape[:2], resolution, resolution)
    assert torch.equal(to_pixels(inside, ImageShape(*images.shape[1:])), images)


def test_black_and_white_are_the_ends_of_the_range_and_every_grey_level_survives() -> None:
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    inside = to_network(levels, 16)
    assert (inside.min().item(), inside.max().item()) == (-1, 1)
    assert torch.equal(to_pixels(inside, ImageShape(1, 16, 16)), levels)


def test_the_margin_is_black_and_the_image_in_the_middle() -> None:
    inside = to_network(torch.full((1, 1, 5, 2), 255, dtype=torch.uint8), 8)
    expected = -torch.ones(8, 8)
    expected[1:6, 3:5] = 1
    assert torch.equal(inside[0, 0], expected)


def test_values_outside_the_range_are_clamped() -> None:
    assert to_pixels(torch.tensor([[[[-3.0, 3.0], [-1.0, 1.0]]]]), ImageShape(1, 2, 2)).flatten().tolist() == [
        0,
        255,
        0,
        255,
    ]


@pytest.mark.parametrize("architecture", ["mlp", "dcgan", "resnet"])
def test_the_discriminator_can_have_a_width_of_its_own(architecture: str) -> None:
    narrow = PairSpec(architecture, 8, 8, 1, 3, 5, "normal", 4, generator_norm="none")
    wide = replace(narrow, width=8)
    mixed = replace(wide, discriminator_width=4)
    assert shapes(build_generator(mixed)) == shapes(build_generator(wide))
    assert shapes(build_discriminator(mixed)) == shapes(build_discriminator(narrow))


def shapes(network: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in network.state_dict().items()}


Case = tuple[str, str, str]  # architecture, generator_norm, discriminator_norm
NORMS = list(zip(("pixel", "batch", "none"), ("none", "batch", "spectral"), strict=True))
CASES: list[Case] = [(name, *norms) for name in ("mlp", "dcgan", "resnet") for norms in NORMS] + [
    ("r3", "none", "none")
]
APART = [case for case in CASES if "batch" not in case]  # no image is normalised with others


def each(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids="-".join)


def spec_of(case: Case, **changes: Any) -> PairSpec:
    architecture, generator_norm, discriminator_norm = case
    spec = PairSpec(architecture, 8, 8, 1, 3, 5, "normal", 4, generator_norm, discriminator_norm)
    return replace(spec, **changes)


def pair(spec: PairSpec) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    return build_generator(spec), build_discriminator(spec)


@pytest.mark.parametrize(
    ("resolution", "channels", "classes"), [(8, 1, 3), (16, 3, 0), (32, 1, 3), (64, 3, 3), (128, 1, 0), (128, 3, 3)]
)
@each(CASES)
def test_images_have_the_asked_size_and_range_and_the_discriminator_takes_them(
    case: Case, resolution: int, channels: int, classes: int
) -> None:
    G, D = pair(spec_of(case, resolution=resolution, channels=channels, classes=classes, width=1))
    labels = torch.tensor([0, 1, 2, 0])
    images = G(100 * torch.randn(4, 5), labels)
    assert images.shape == (4, channels, resolution, resolution)
    assert images.abs().max() <= 1
    logits = D(images, labels)
    assert logits.shape == (4,)
    assert logits.isfinite().all()


@each(CASES)
def test_a_generated_image_does_not_depend_on_its_batch(case: Case) -> None:
    """With batch norm: once the statistics of training are fixed."""
    G, latents, labels = pair(spec_of(case))[0], torch.randn(6, 5), torch.tensor([0, 1, 2, 0, 1, 2])
    if "batch" in case:
        G(torch.randn(32, 5), torch.arange(32) % 3)
        G.eval()
    together = G(latents, labels)
    alone = torch.cat([G(z[None], y[None]) for z, y in zip(latents, labels, strict=True)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


@each(APART)
def test_a_logit_depends_on_its_own_image_only(case: Case) -> None:
    D, images = pair(spec_of(case))[1], torch.randn(4, 1, 8, 8, requires_grad=True)
    (gradient,) = torch.autograd.grad(D(images, torch.tensor([0, 1, 2, 0]))[2], images)
    reached = gradient.flatten(1).abs().sum(dim=1) > 0
    assert reached.tolist() == [False, False, True, False]


@each(CASES)
def test_latent_and_label_both_change_the_image_and_the_label_changes_the_verdict(case: Case) -> None:
    G, D = pair(spec_of(case))
    G.eval()
    D.eval()
    latents = torch.randn(2, 5)
    first, same_label, other_label = images = G(latents[[0, 1, 0]], torch.tensor([0, 0, 1]))
    assert not torch.allclose(first, same_label, atol=1e-4)
    assert not torch.allclose(first, other_label, atol=1e-4)
    verdicts = D(images[:1].expand(3, -1, -1, -1), torch.arange(3))
    assert len(set(verdicts.tolist())) == 3


@each(CASES)
def test_labels_are_ignored_without_classes(case: Case) -> None:
    G, D = pair(spec_of(case, classes=0))
    D.eval()  # spectral norm moves with each pass in training mode
    latents, images, labels = torch.randn(4, 5), torch.randn(4, 1, 8, 8), torch.arange(4)
    assert torch.equal(G(latents, labels), G(latents, labels + 100))
    assert torch.equal(D(images, labels), D(images, labels + 100))


@pytest.mark.parametrize("classes", [0, 3])
@each(CASES)
def test_every_parameter_of_both_networks_learns(case: Case, classes: int) -> None:
    """In the second step: branches that start at zero hide what is inside them from the first."""
    G, D = pair(spec_of(case, classes=classes))
    parameters = [*G.parameters(), *D.parameters()]
    # Steps of one length, however large a gradient is: resnet's sum over pixels makes large ones.
    optimizer = torch.optim.Adam(parameters, lr=0.01)
    latents, labels = torch.randn(8, 5), torch.arange(8) % 3
    for _ in range(2):
        optimizer.zero_grad()
        D(G(latents, labels), labels).square().sum().backward()
        optimizer.step()
    for network in (G, D):
        sizes = {name: 0.0 if p.grad is None else p.grad.abs().max().item() for name, p in network.named_parameters()}
        rounding_errors = 1e-5 * max(sizes.values())  # the gradient of a bias in front of batch norm is nothing else
        assert [name for name, size in sizes.items() if size <= rounding_errors] == []


@each(CASES)
def test_real_and_fake_images_can_be_judged_apart_before_one_backward_pass(case: Case) -> None:
    D, labels = pair(spec_of(case))[1], torch.arange(4) % 3
    real, fake = torch.randn(2, 4, 1, 8, 8)
    (D(fake, labels) - D(real, labels)).mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in D.parameters())


@each(APART)
def test_a_gradient_penalty_can_be_differentiated_also_on_constant_images(case: Case) -> None:
    D, labels = pair(spec_of(case))[1], torch.arange(8) % 3
    images = torch.randn(8, 1, 8, 8)
    images[4:] = 0.5
    images.requires_grad_()
    logits = D(images, labels)
    (gradients,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    (logits.mean() + gradients.square().sum()).backward()
    assert gradients.flatten(1).abs().sum(dim=1).gt(0).all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in D.parameters())


@each(CASES)
def test_both_networks_learn_in_bf16(case: Case) -> None:
    G, D = pair(spec_of(case))
    labels = torch.arange(8) % 3
    with torch.autocast("cpu", torch.bfloat16):
        logits = D(G(torch.randn(8, 5), labels), labels)
    logits.float().square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for net in (G, D) for p in net.parameters())


@each(CASES)
def test_a_copy_is_equal_and_goes_its_own_way(case: Case) -> None:
    labels = torch.arange(8) % 3
    for network, inputs in zip(pair(spec_of(case)), (torch.randn(8, 5), torch.randn(8, 1, 8, 8)), strict=True):
        copy = deepcopy(network)
        assert [name for name, _ in copy.named_parameters()] == [name for name, _ in network.named_parameters()]
        assert torch.equal(copy(inputs, labels), network(inputs, labels))
        before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
        with torch.no_grad():
            for parameter in copy.parameters():
                parameter.mul_(2)
        copy(inputs, labels)
        assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())


@each(CASES)
def test_weights_saved_from_one_pair_make_another_equal_to_it(case: Case, tmp_path: Path) -> None:
    spec = spec_of(case)
    labels = torch.arange(8) % 3
    trained = pair(spec)
    trained[1](trained[0](torch.randn(8, 5), labels), labels)  # moves statistics and singular vectors
    fresh = (build_generator(spec), build_discriminator(spec))
    for old, new, inputs in zip(trained, fresh, (torch.randn(8, 5), torch.randn(8, 1, 8, 8)), strict=True):
        save_file({key: tensor.contiguous() for key, tensor in old.state_dict().items()}, tmp_path / "weights")
        new.load_state_dict(load_file(tmp_path / "weights"))
        assert torch.equal(new.eval()(inputs, labels), old.eval()(inputs, labels))


def test_an_unknown_architecture_is_refused_with_the_known_ones() -> None:
    spec = spec_of(("dcgna", "pixel", "none"))
    for build in (build_generator, build_discriminator):
        with pytest.raises(ValueError, match="'dcgna': mlp, dcgan, resnet, r3 are known"):
            build(spec)


@pytest.mark.parametrize("architecture", ["mlp", "dcgan", "resnet"])
def test_norms_that_an_architecture_does_not_have_are_refused(architecture: str) -> None:
    with pytest.raises(ValueError, match="generator_norm is 'spectral'"):
        build_generator(spec_of((architecture, "spectral", "none")))
    with pytest.raises(ValueError, match="discriminator_norm is 'pixel'"):
        build_discriminator(spec_of((architecture, "none", "pixel")))
