"""Provide batches of real images: resident on the device or streamed in blocks, prepared one batch ahead."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from pipeline.models.pair import to_network
from pipeline.training.block_shuffle import BlockShuffleSampler

Item = TypeVar("Item")


@dataclass(frozen=True)
class StepInputs:
    """Hold all that one update needs, on the device; N is this worker's share of the batch."""

    real: Tensor  # float [N, C, R, R] in [-1, 1]
    labels: Tensor  # int64 [N]
    latents: Tensor  # float [N, latent_size]
    mix: Tensor  # float [N] in [0, 1): where between real and fake `gp` looks
    draws: Tensor | None = (
        None  # float [N, 3, K] in [0, 1): for augmenting real, fake, and fake in the generator's turn
    )

    def split(self, parts: int) -> list["StepInputs"]:
        """Split the inputs into equal parts, in order."""
        if parts == 1:
            return [self]
        columns = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}
        pieces = zip(*(column.chunk(parts) for column in columns.values()), strict=True)
        return [replace(self, **dict(zip(columns, piece, strict=True))) for piece in pieces]


class RealImages(Protocol):
    """Provide the training images, addressed by position in the order of training."""

    def at(self, position: int, count: int, share: slice) -> tuple[Tensor, Tensor]:
        """Return the `share` of the batch at `position .. position + count - 1`.

        The result is `(float [n, C, R, R] in [-1, 1], int64 [n])`: images and labels.
        """
        ...


class ResidentImages:
    """Provide images that are all held on the device.

    Args:
        images: `uint8 [N, C, H, W]`.
        labels: `int64 [N]`.
        order: the order of training.
        resolution: side of the network's images, px.
        device: the device to hold them on.
    """

    def __init__(
        self, images: Tensor, labels: Tensor, order: BlockShuffleSampler, resolution: int, device: torch.device
    ) -> None:
        self.images = images.to(device)
        self.labels = labels.to(device)
        self.order = order
        self.resolution = resolution

    def at(self, position: int, count: int, share: slice) -> tuple[Tensor, Tensor]:
        indices = on_device(self.order.indices(position, count)[share], self.images.device)
        return to_network(self.images[indices], self.resolution), self.labels[indices]


class ImageBlocks(Protocol):
    """Provide images on disk, in numbered blocks of equal size (the last one may be short)."""

    def load(self, block: int) -> tuple[Tensor, Tensor]:
        """Return the images and labels of a block: `(uint8 [n, C, H, W], int64 [n])`."""
        ...


class StreamedImages:
    """Read images in blocks: the next window is read during training on this one.

    The batches are the same as those of resident images.

    Args:
        blocks: reads blocks of `order.block` images.
        order: the order of training.
        resolution: side of the network's images, px.
        device: the device to copy batches to.
    """

    def __init__(self, blocks: ImageBlocks, order: BlockShuffleSampler, resolution: int, device: torch.device) -> None:
        self.blocks = blocks
        self.order = order
        self.resolution = resolution
        self.device = device
        self._reader = _helper("blocks")
        self._read: dict[int, Future[tuple[Tensor, Tensor]]] = {}

    def at(self, position: int, count: int, share: slice) -> tuple[Tensor, Tensor]:
        self._expect(self.order.blocks_ahead(position))
        images, labels = [], []
        for index in self.order.indices(position, count)[share].tolist():
            block, row = divmod(index, self.order.block)
            pixels, classes = self._block(block)
            images.append(pixels[row])
            labels.append(classes[row])
        pixels, classes = (on_device(torch.stack(column), self.device) for column in (images, labels))
        return to_network(pixels, self.resolution), classes

    def _expect(self, blocks: list[int]) -> None:
        for block in self._read.keys() - set(blocks):
            self._read.pop(block).cancel()
        for block in blocks:
            self._block_future(block)

    def _block(self, block: int) -> tuple[Tensor, Tensor]:
        return self._block_future(block).result()

    def _block_future(self, block: int) -> Future[tuple[Tensor, Tensor]]:
        if block not in self._read:
            self._read[block] = self._reader.submit(self.blocks.load, block)
        return self._read[block]


def on_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy `tensor` to the device without waiting for work that a GPU still has to do."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def prepared(prepare: Callable[[int], Item], numbers: Iterable[int]) -> Generator[tuple[int, Item], None, None]:
    """Yield `(number, prepare(number))` in order; another thread prepares each while the caller uses the previous one."""
    with _helper("batches") as ahead:
        waiting: tuple[int, Future[Item]] | None = None
        for number in numbers:
            following = number, ahead.submit(prepare, number)
            if waiting:
                yield waiting[0], waiting[1].result()
            waiting = following
        if waiting:
            yield waiting[0], waiting[1].result()


def _helper(name: str) -> ThreadPoolExecutor:
    """Return an executor with one thread next to that of the training step, in which torch uses one core.

    A second team of OpenMP threads would spin against that of the step.
    """
    # A thread that has not used its own number of cores yet would take over that of the helper.
    torch.get_num_threads()
    return ThreadPoolExecutor(1, name, initializer=torch.set_num_threads, initargs=(1,))
