"""Randomness addressed by (seed, position): the same whatever the number of workers and the restarts."""

import hashlib

import torch
from torch import Tensor


def generator_for(seed: int, stream: str, position: int) -> torch.Generator:
    """A CPU random generator that depends on its address only."""
    digest = hashlib.sha256(f"{seed}/{stream}/{position}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little", signed=True))


class DataOrder:
    """The endless order in which `size` images are shown: a fresh permutation each epoch."""

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self.seed = seed
        self._epoch = -1
        self._permutation = torch.empty(0, dtype=torch.int64)

    def indices(self, start: int, count: int) -> Tensor:
        """Image indices at the positions `start .. start + count - 1`: `int64 [count]`."""
        parts = []
        while count > 0:
            epoch, offset = divmod(start, self.size)
            if epoch != self._epoch:
                self._permutation = torch.randperm(self.size, generator=generator_for(self.seed, "order", epoch))
                self._epoch = epoch
            part = self._permutation[offset : offset + count]
            parts.append(part)
            start, count = start + len(part), count - len(part)
        return torch.cat(parts)


def training_latents(seed: int, position: int, count: int, size: int, prior: str) -> Tensor:
    """Latents of the global batch that starts at `position`: `float [count, size]`, normal or uniform on [-1, 1)."""
    generator = generator_for(seed, "latents", position)
    if prior == "normal":
        return torch.randn(count, size, generator=generator)
    return torch.rand(count, size, generator=generator) * 2 - 1
