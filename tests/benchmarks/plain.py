"""The project's networks as one would write them without its layers for CPUs."""

import torch
from torch import nn

from pipeline.models.grey_conv import MapsToPixels, PixelsToMaps
from pipeline.models.layers import VectorToMap


def plain_layers(network: nn.Module) -> nn.Module:
    """`network` in the default layout and of torch's own layers, as the DCGAN example writes them: the same function."""
    for parent in list(network.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, (VectorToMap, PixelsToMaps, MapsToPixels)):
                kind = nn.Conv2d if isinstance(layer, nn.Conv2d) else nn.ConvTranspose2d
                plain = kind(
                    layer.in_channels,
                    layer.out_channels,
                    layer.kernel_size,
                    layer.stride,
                    layer.padding,
                    bias=layer.bias is not None,
                )
                plain.load_state_dict(layer.state_dict())
                setattr(parent, name, plain)
    return network.to(memory_format=torch.contiguous_format)
