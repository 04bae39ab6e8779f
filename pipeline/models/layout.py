"""Set the memory layout of networks."""

from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def channels_last(network: Network) -> Network:
    """Lay out the weights of the network's convolutions channels last, and return the network.

    Together with bf16 that doubles the speed on CPUs.
    """
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
    return network
