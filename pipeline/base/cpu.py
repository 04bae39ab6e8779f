"""Set up how a process that computes on the CPU uses threads and memory."""

import ctypes
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# glibc's mallopt (malloc.h)
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
KEPT_BYTES = 2**30
# Of a container: control groups of version 2 and 1.
MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")

_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a container (cgroup v2): microseconds of CPU in a period, and the period


def usable_cpus() -> int:
    """Return how many CPUs this process may use, which in a container are fewer than the machine has."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # there is no quota, or it is "max"
        quota, period = map(int, _QUOTA.read_text().split())
        cpus = min(cpus, -(-quota // period))
    return max(cpus, 1)


def use_cpu(threads: int) -> None:
    """Set this process up for training on `threads` threads."""
    import torch  # seconds, which a process that only keeps its memory need not spend

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # dying activations would slow the CPU down many times
    keep_freed_memory()


def keep_freed_memory() -> None:
    """Let this process keep up to `KEPT_BYTES` that it frees, where the C library is glibc.

    By default glibc returns every tensor of several megabytes to the system at once. At the next step it asks for it
    again, zeroed page by page. That is an eighth of the time of a training step.
    """
    _set({_M_MMAP_THRESHOLD: KEPT_BYTES, _M_TRIM_THRESHOLD: KEPT_BYTES})


def keep_little_memory() -> None:
    """Make all threads of this process share one heap that shrinks again, where the C library is glibc.

    By default each thread grows one of its own. In a process that reads shards and computes on them that takes about
    150 MB more, and a sixth less time.
    """
    _set({_M_ARENA_MAX: 1, _M_TRIM_THRESHOLD: 2**17})


@contextmanager
def without_search_for_cycles() -> Iterator[None]:
    """Stop Python's search for cycles of objects while the block runs.

    Among millions of objects without cycles, each search takes longer than the one before.
    """
    searched = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searched:
            gc.enable()


def give_back_memory() -> None:
    """Return to the system what this process has freed and its allocators still hold."""
    import pyarrow  # not in processes that only keep their memory

    pyarrow.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _set(values: dict[int, int]) -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, value in values.items():
            mallopt(parameter, value)


def machine_memory() -> int:
    """Return the bytes of memory that there are in all; of a container's memory, what it may use."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [Path(file).read_text(encoding="utf-8").strip() for file in MEMORY_LIMITS if Path(file).exists()]
    return min([machine, *(int(limit) for limit in limits if limit != "max")])
