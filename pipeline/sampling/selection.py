"""Select the candidate that becomes a record: the first of its own that passes every filter."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.base.errors import UserError
from pipeline.sampling.filters.filter import ATTEMPTS, Candidates, Filter
from pipeline.sampling.filters.kinds import FILTERS

CandidatesOf = Callable[[NDArray[np.int64], int], Candidates]  # of some rows of a batch, the attempt of that number


def select_attempts(
    filters: Sequence[Filter], candidates_of: CandidatesOf, first: int, size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first attempt that passes for each record of a batch, and how often each filter refused.

    The batch is aligned and begins at the record `first`. The shapes are `int64 [size]` and `int64 [filters, size]`. A
    record has its own sequence of candidates, all of its label. So its content depends on its index alone, as without
    filters.

    Raises:
        UserError: a record found none in `ATTEMPTS`.
    """
    chosen = np.full(size, -1)
    refused = np.zeros((len(filters), size), np.int64)
    for attempt in range(ATTEMPTS):
        waiting = np.flatnonzero(chosen < 0)
        if not len(waiting):
            return chosen, refused
        refused_by = first_refusals(filters, candidates_of(waiting, attempt))
        chosen[waiting[refused_by < 0]] = attempt
        for number in range(len(filters)):
            refused[number, waiting[refused_by == number]] += 1
    stuck = int(np.flatnonzero(chosen < 0)[0])
    reasons = ", ".join(f"{each.kind} {refused[number, stuck]}" for number, each in enumerate(filters))
    remedies = ", ".join(FILTERS[each.kind].remedy for each in filters)
    raise UserError(
        f"sample.filters: none of {ATTEMPTS} candidates for record {first + stuck} passed (refused by {reasons}). With "
        f"filters this strict, or a model this poor, sampling would not end. {remedies[0].upper()}{remedies[1:]}, or "
        "train longer."
    )


def first_refusals(filters: Sequence[Filter], candidates: Candidates) -> NDArray[np.int64]:
    """Return the number of the filter that refuses each candidate, `int64 [N]`, or -1 where none does.

    Each filter sees only the candidates that the earlier ones accepted.
    """
    refused_by = np.full(len(candidates.labels), -1)
    for number, each in enumerate(filters):
        left = np.flatnonzero(refused_by < 0)
        if len(left):
            refused_by[left[~each.accepts(candidates.only(left))]] = number
    return refused_by
