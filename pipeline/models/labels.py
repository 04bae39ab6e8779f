"""Assign a label to each record, by a cycle that repeats, so that any range of records knows its labels by itself."""

from collections.abc import Mapping, Sequence
from math import gcd

import numpy as np
from numpy.typing import NDArray

from pipeline.base.errors import UserError


def label_cycle(weights: Mapping[str, int] | None, classes: Sequence[str]) -> NDArray[np.int64]:
    """Return the labels of the records 0 to K - 1, after which they begin again: `int64 [K]`.

    Every K records hold the classes exactly in proportion to their weights. Among the first n, for every n, each class
    has its share rounded up or down. This is the quota method (Balinski & Young 1975, "The quota method of
    apportionment"). With `weights` None, all classes have equal weights.

    Raises:
        UserError: a weight is of no class.
    """
    if weights is None:
        return np.arange(len(classes))
    unknown = sorted(weights.keys() - set(classes))
    if unknown:
        raise UserError(f"sample.labels.{unknown[0]}: the model has no such class; its classes: {', '.join(classes)}.")
    divisor = gcd(*weights.values())
    shares = np.array([weights.get(name, 0) // divisor for name in classes])
    length = int(shares.sum())
    assigned = np.zeros_like(shares)
    cycle = np.empty(length, np.int64)
    for n in range(length):
        below_quota = assigned * length < (n + 1) * shares
        cycle[n] = np.argmax(np.where(below_quota, shares / (assigned + 1), -1))  # the first of equal ones
        assigned[cycle[n]] += 1
    return cycle


def labels_of(cycle: NDArray[np.int64], first: int, count: int) -> NDArray[np.int64]:
    """Return the labels of the records `first .. first + count - 1`: `int64 [count]`."""
    return cycle[np.arange(first, first + count) % len(cycle)]
