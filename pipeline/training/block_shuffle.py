"""Address randomness by (seed, position): it is the same whatever the number of workers and restarts."""

import hashlib
from functools import lru_cache
from itertools import accumulate, pairwise

import torch
from torch import Tensor


def generator_for(seed: int, stream: str, position: int) -> torch.Generator:
    """Return a CPU random generator that depends on its address only."""
    digest = hashlib.sha256(f"{seed}/{stream}/{position}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little", signed=True))


class BlockShuffleSampler:
    """Order `size` images endlessly for training: each image occurs once an epoch.

    The images lie in blocks of `block` neighbours. An epoch shuffles the blocks, then the images of `window` blocks at
    a time. So data that does not fit into memory can be read in whole blocks; data of one window or less is shuffled
    completely.
    """

    def __init__(self, size: int, seed: int, block: int = 500, window: int = 32) -> None:
        self.size = size
        self.seed = seed
        self.block = block
        self.window = window
        self._windows = lru_cache(maxsize=2)(self._plan)  # at the end of an epoch the next one is looked at too
        self._shuffled: tuple[tuple[int, int], Tensor] = ((-1, -1), torch.empty(0))

    def indices(self, start: int, count: int) -> Tensor:
        """Return the image indices at the positions `start .. start + count - 1`: `int64 [count]`."""
        parts = []
        while count > 0:
            epoch, offset = divmod(start, self.size)
            number, (first, _, _) = self._buffer_at(epoch, offset)
            part = self._shuffle(epoch, number)[offset - first : offset - first + count]
            parts.append(part)
            start, count = start + len(part), count - len(part)
        return torch.cat(parts)

    def blocks_ahead(self, position: int) -> list[int]:
        """Return the blocks that hold the images from `position` on: those of its window and of the next one."""
        epoch, offset = divmod(position, self.size)
        _, (_, end, this_window) = self._buffer_at(epoch, offset)
        _, (_, _, next_window) = self._buffer_at(*divmod(position - offset + end, self.size))
        return [*this_window.tolist(), *next_window.tolist()]

    def _buffer_at(self, epoch: int, offset: int) -> tuple[int, tuple[int, int, Tensor]]:
        return next((n, window) for n, window in enumerate(self._windows(epoch)) if offset < window[1])

    def _plan(self, epoch: int) -> list[tuple[int, int, Tensor]]:
        """Return the windows of an epoch, each as its first position, its last position + 1, and its blocks."""
        blocks = torch.randperm(-(-self.size // self.block), generator=generator_for(self.seed, "blocks", epoch))
        windows = list(blocks.split(self.window))
        sizes = [sum(len(self._images_of(block)) for block in window.tolist()) for window in windows]
        ends = pairwise([0, *accumulate(sizes)])
        return [(first, end, window) for (first, end), window in zip(ends, windows, strict=True)]

    def _shuffle(self, epoch: int, number: int) -> Tensor:
        if self._shuffled[0] != (epoch, number):
            images = torch.cat(
                [torch.tensor(self._images_of(block)) for block in self._windows(epoch)[number][2].tolist()]
            )
            generator = generator_for(self.seed, f"order/{epoch}", number)
            self._shuffled = ((epoch, number), images[torch.randperm(len(images), generator=generator)])
        return self._shuffled[1]

    def _images_of(self, block: int) -> range:
        return range(block * self.block, min((block + 1) * self.block, self.size))


def training_latents(generator: torch.Generator, count: int, size: int, prior: str) -> Tensor:
    """Generate the latents of a global batch: `float [count, size]`, normal or uniform on [-1, 1)."""
    if prior == "normal":
        return torch.randn(count, size, generator=generator)
    return torch.rand(count, size, generator=generator) * 2 - 1
