"""Rates of two ways of doing the same, measured in turn."""

import statistics
import time
from collections.abc import Callable

ROUNDS = 5


def rate(work: Callable[[], object], images: int) -> float:
    """Images per second of one call."""
    started = time.perf_counter()
    work()
    return images / (time.perf_counter() - started)


def paired(ours: Callable[[], object], plain: Callable[[], object], images: int) -> tuple[float, float, float]:
    """Median rate of each, and the median of the rounds' ratios; the first round warms up and is not counted."""
    rounds = [(rate(ours, images), rate(plain, images)) for _ in range(ROUNDS + 1)][1:]
    return (
        statistics.median(o for o, _ in rounds),
        statistics.median(p for _, p in rounds),
        statistics.median(o / p for o, p in rounds),
    )
