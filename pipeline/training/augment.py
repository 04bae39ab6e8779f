"""Augment differentiably the real and fake images that the discriminator sees, to prevent its overfitting.

An augmentation is linear in the images up to a constant. It is differentiable twice with respect to them, since
gradient penalties are taken through it. Random numbers come in as uniform ones, generated for the global batch and cut
to a worker's share. Nothing here waits for the device.
"""

from typing import Protocol

import torch
from torch import Tensor

# Images are padded with black on their way into the network, so black is what lies beyond their edges.
BACKGROUND = -1.0


class Augmentation(Protocol):
    """Change each image by its own random numbers: first call `random_numbers`, then the augmentation itself."""

    draws_per_image: int

    def random_numbers(self, generator: torch.Generator, count: int) -> Tensor:
        """Return random numbers for `count` images: `float32 [count, draws_per_image]`, uniform on [0, 1)."""
        ...

    def __call__(self, images: Tensor, draws: Tensor) -> Tensor:
        """Return the augmented images, in the dtype and memory format of the input.

        `images: float [N, C, H, W]` lie around [-1, 1]; `draws: float [N, draws_per_image]` are their random numbers.
        Values may leave [-1, 1], as they do in the papers.
        """
        ...


class DiffAugment:
    """Change colour, translation and cutout of every image (Zhao et al. 2020, arXiv:2006.10738).

    The ranges are those of the authors' code for images in [-1, 1]. Brightness changes by +-0.5, saturation by a factor
    of 0 to 2 (RGB only), contrast by 0.5 to 1.5. Translation is by up to 1/8 of the side. The cutout covers half the
    side with 0 (grey); at the edges it covers less, as its centre lies anywhere. One thing differs: what translation
    leaves free becomes black instead of grey.
    """

    draws_per_image = 7

    def random_numbers(self, generator: torch.Generator, count: int) -> Tensor:
        """Generate the random numbers: see `Augmentation`."""
        return torch.rand(count, self.draws_per_image, generator=generator)

    def __call__(self, images: Tensor, draws: Tensor) -> Tensor:
        """Augment the images: see `Augmentation`."""
        with torch.autocast(images.device.type, enabled=False):
            result = to_full_precision(images)
            brightness, saturation, contrast = draws.to(result.dtype)[:, :3, None, None, None].unbind(1)
            result = result + (brightness - 0.5)
            if images.shape[1] == 3:
                result = _scale_around(result.mean(dim=1, keepdim=True), result, 2 * saturation)
            result = _scale_around(result.mean(dim=(1, 2, 3), keepdim=True), result, contrast + 0.5)
            result = _translate(result, draws[:, 3:5])
            return in_the_form_of(images, _cut_out(result, draws[:, 5:7]))


def to_full_precision(images: Tensor) -> Tensor:
    """Convert images to float32, unless they are float64: bf16 has too few bits for positions and colours."""
    return images.to(torch.promote_types(images.dtype, torch.float32))


def in_the_form_of(images: Tensor, result: Tensor) -> Tensor:
    """Return `result` in the dtype and the memory format of `images`."""
    channels_last = images.is_contiguous(memory_format=torch.channels_last)
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    return result.to(images.dtype).contiguous(memory_format=memory_format)


def _scale_around(mean: Tensor, images: Tensor, factor: Tensor) -> Tensor:
    return mean + (images - mean) * factor


def _translate(images: Tensor, draws: Tensor) -> Tensor:
    """Translate images by whole pixels right and down; `draws: float [N, 2]` are for x and y."""
    height, width = images.shape[-2:]
    columns, inside_x = _moved_positions(width, draws[:, 0])
    rows, inside_y = _moved_positions(height, draws[:, 1])
    sources = (rows[:, :, None] * width + columns[:, None, :]).flatten(1)
    inside = inside_y[:, None, :, None] & inside_x[:, None, None, :]
    moved = images.flatten(2).gather(2, sources[:, None].expand(-1, images.shape[1], -1)).view(images.shape)
    return moved.masked_fill(~inside, BACKGROUND)


def _moved_positions(side: int, draws: Tensor) -> tuple[Tensor, Tensor]:
    """Return the position that each pixel comes from, `int64 [N, side]`.

    The second result says whether that position lies inside the image, `bool [N, side]`.
    """
    most = int(side / 8 + 0.5)
    shifts = (draws * (2 * most + 1)).floor().long() - most
    sources = torch.arange(side, device=draws.device) - shifts[:, None]
    return sources.clamp(0, side - 1), (sources >= 0) & (sources < side)


def _cut_out(images: Tensor, draws: Tensor) -> Tensor:
    """Replace a square of half the side by grey; `draws: float [N, 2]` are for x and y."""
    columns = _cut_positions(images.shape[-1], draws[:, 0])
    rows = _cut_positions(images.shape[-2], draws[:, 1])
    return images.masked_fill(rows[:, None, :, None] & columns[:, None, None, :], 0.0)


def _cut_positions(side: int, draws: Tensor) -> Tensor:
    """Return which positions the cutout covers: `bool [N, side]`."""
    size = int(side / 2 + 0.5)
    starts = (draws * (side + 1 - size % 2)).floor() - size // 2
    positions = torch.arange(side, device=draws.device)
    return (positions >= starts[:, None]) & (positions < starts[:, None] + size)
