"""How a process that computes on the CPU uses it."""

import ctypes

# glibc's mallopt (malloc.h)
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
KEPT_BYTES = 2**30


def use_cpu(threads: int) -> None:
    """Sets this process up for training on `threads` threads."""
    import torch  # seconds, which a process that only keeps its memory need not spend

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # dying activations would slow the CPU down many times
    keep_freed_memory()


def keep_freed_memory() -> None:
    """Lets this process keep up to `KEPT_BYTES` that it frees, where the C library is glibc.

    By default glibc returns every tensor of some megabytes to the system at once and asks for it again at the next step,
    zeroed page by page: an eighth of the time of a training step.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, KEPT_BYTES)
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
