"""What the architectures share: norms, both ends, and a matrix product in place of a convolution."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from pipeline.models.layers import (
    LatentCode,
    LogitHead,
    VectorToMap,
    discriminator_normalisation,
    generator_normalisation,
    normalise_spectra,
    pixel_norm,
    stage_count,
    stage_widths,
)

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_largest_maps_have_the_width_and_the_smallest_at_most_eight_times_as_much() -> None:
    assert stage_widths(8, 4) == [8, 4]
    assert stage_widths(128, 4) == [32, 32, 32, 16, 8, 4]


@pytest.mark.parametrize("resolution", [0, 1, 4, 12, 28, 100])
def test_a_resolution_that_cannot_be_halved_down_to_4_px_is_refused(resolution: int) -> None:
    with pytest.raises(ValueError, match=f"{resolution} px"):
        stage_count(resolution)


@pytest.mark.parametrize(
    ("make", "kind"), [(generator_normalisation, "spectral"), (discriminator_normalisation, "pixel")]
)
def test_a_norm_that_the_network_does_not_have_is_refused_by_name(
    make: Callable[[str, int], nn.Module], kind: str
) -> None:
    with pytest.raises(ValueError, match=f"_norm is '{kind}'"):
        make(kind, 3)


def test_pixel_norm_leaves_the_direction_and_sets_the_length() -> None:
    maps = torch.randn(2, 7, 3, 3)
    torch.testing.assert_close(pixel_norm(maps).square().mean(dim=1), torch.ones(2, 3, 3))
    torch.testing.assert_close(pixel_norm(5 * maps), pixel_norm(maps))
    assert pixel_norm(torch.zeros(1, 7, 1, 1)).eq(0).all()


def test_spectral_norm_bounds_every_layer_and_keeps_bounding_what_training_enlarges() -> None:
    convolution, linear = nn.Conv2d(3, 6, 3), nn.Linear(6, 2)
    network = nn.Sequential(convolution, nn.Flatten(), linear)
    normalise_spectra(network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter))
        for _ in range(100):
            network(torch.randn(2, 3, 3, 3))
    for layer in (convolution, linear):
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.01)


def test_both_ends_take_no_notice_of_labels_by_themselves() -> None:
    code, head = LatentCode(5), LogitHead(6)
    latents, features = torch.randn(2, 5), torch.randn(2, 6)
    assert torch.equal(code(latents, torch.tensor([0, 7])), latents)
    assert torch.equal(head(features, torch.tensor([0, 7])), head.logit(features)[:, 0])
    assert list(code.parameters()) == []
    assert sum(parameter.numel() for parameter in head.parameters()) == 7


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_matrix_product_is_the_convolution_that_it_stands_for(bias: bool, layout: torch.memory_format) -> None:
    product, convolution = VectorToMap(3, 5, 4, bias=bias), nn.ConvTranspose2d(3, 5, 4, bias=bias)
    convolution.load_state_dict(product.state_dict())
    product.to(memory_format=layout)
    inputs = torch.randn(2, 3, 1, 1)
    torch.testing.assert_close(product(inputs.contiguous(memory_format=layout)), convolution(inputs))
