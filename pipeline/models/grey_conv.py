"""Compute DCGAN's layers next to the image in a form that CPUs compute fast for grey images.

They are 4x4 convolutions with stride 2. In oneDNN, a transposed convolution to a single channel takes as long as one to
32 channels. The same holds for the gradient of a convolution with respect to a grey image. Both are a matrix product
over the 16 taps of each window and the folding of windows into an image. Written as that, they take a fifth of the time
(torch 2.13, bf16, 256 images of 32 px, maps of 32 channels). For colours and on other devices these layers are torch's
own.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F

TAPS, STRIDE, PADDING = 4, 2, 1


class _Unfold(Function):
    """Compute `unfold`, whose derivative is `fold`."""

    @staticmethod
    def forward(ctx: Any, images: Tensor) -> Tensor:
        padded = F.pad(images.squeeze(1), [PADDING] * 4)
        windows = padded.unfold(1, TAPS, STRIDE).unfold(2, TAPS, STRIDE)  # N, H, W, rows, columns
        ctx.shape = windows.shape[:3]
        return windows.permute(3, 4, 0, 1, 2).flatten(2).flatten(0, 1)

    @staticmethod
    def backward(ctx: Any, taps: Tensor) -> Tensor:
        return fold(taps, ctx.shape)


class _Fold(Function):
    """Compute `fold`, whose derivative is `unfold`."""

    @staticmethod
    def forward(_ctx: Any, taps: Tensor, shape: torch.Size) -> Tensor:
        count, height, width = shape
        parts = taps.to(torch.promote_types(taps.dtype, torch.float32)).view(TAPS, TAPS, count, height, width)
        # A window's four rows lie in two neighbouring pairs of rows, and so do its columns.
        by_row = parts.new_zeros(TAPS, count, height + 1, STRIDE, width)
        for row in range(TAPS):
            pair, place = divmod(row, STRIDE)
            by_row[:, :, pair : pair + height, place] += parts[row]
        padded = parts.new_zeros(count, STRIDE * (height + 1), width + 1, STRIDE)
        for column in range(TAPS):
            pair, place = divmod(column, STRIDE)
            padded[:, :, pair : pair + width, place] += by_row[column].flatten(1, 2)
        inside = padded.flatten(2)[:, PADDING:-PADDING, PADDING:-PADDING]
        return inside.to(taps.dtype, memory_format=torch.contiguous_format).unsqueeze(1)

    @staticmethod
    def backward(_ctx: Any, images: Tensor) -> tuple[Tensor, None]:
        return unfold(images), None


def unfold(images: Tensor) -> Tensor:
    """Return the taps of grey images' windows: `float [N, 1, 2H, 2W] -> float [16, N * H * W]`."""
    taps: Tensor = _Unfold.apply(images)  # type: ignore[no-untyped-call]
    return taps


def fold(taps: Tensor, shape: torch.Size) -> Tensor:
    """Return the images in which windows overlap and add up: `float [16, N * H * W] -> float [N, 1, 2H, 2W]`.

    `shape` is (N, H, W). The sums are in fp32 at least.
    """
    images: Tensor = _Fold.apply(taps, shape)  # type: ignore[no-untyped-call]
    return images


class PixelsToMaps(nn.Conv2d):
    """Convolve images to feature maps: `float [N, channels, 2H, 2W] -> float [N, maps, H, W]`."""

    def __init__(self, channels: int, maps: int) -> None:
        super().__init__(channels, maps, TAPS, STRIDE, PADDING)

    def forward(self, input: Tensor) -> Tensor:
        if self.in_channels > 1 or input.device.type != "cpu":
            return super().forward(input)
        count, _, height, width = input.shape
        maps = F.linear(unfold(input).t(), self.weight.flatten(1), self.bias)
        return maps.view(count, height // STRIDE, width // STRIDE, -1).permute(0, 3, 1, 2)


class MapsToPixels(nn.ConvTranspose2d):
    """Convolve feature maps to images, transposed: `float [N, maps, H, W] -> float [N, channels, 2H, 2W]`."""

    def __init__(self, maps: int, channels: int) -> None:
        super().__init__(maps, channels, TAPS, STRIDE, PADDING)

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        if self.out_channels > 1 or input.device.type != "cpu":
            return super().forward(input, output_size)
        taps = self.weight.flatten(1).t() @ input.movedim(1, 0).flatten(1)
        images = fold(taps, input[:, 0].shape)
        assert self.bias is not None
        return images + self.bias.to(images.dtype)
