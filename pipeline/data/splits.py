"""Which image goes where: by content alone, class by class, and never the same picture on two sides."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.data.likeness import Likeness, groups, near_pairs

SPLITS = ("train", "validation", "holdout")
TRAIN, VALIDATION, HOLDOUT, NOWHERE = 0, 1, 2, -1

DUPLICATE = "duplicate"
IN_HOLDOUT, IN_VALIDATION = "also in holdout", "also in validation"
NEAR_HOLDOUT, NEAR_VALIDATION = "nearly as one in holdout", "nearly as one in validation"


@dataclass(frozen=True)
class Shares:
    """How much is cut from train, by class; 0 where the source has the split itself. `seed` draws another cut."""

    validation: float
    holdout: float
    seed: int


@dataclass(frozen=True)
class Placement:
    """`places: int64 [N]`, numbers of SPLITS or -1; `reasons`: why, of the images that are nowhere, by their number."""

    places: NDArray[np.int64]
    reasons: dict[int, str]


def place(
    digests: NDArray[np.str_],
    labels: NDArray[np.int64],
    official: NDArray[np.int64],
    likeness: Likeness | None,
    shares: Shares,
) -> Placement:
    """Places N images.

    An official holdout is taken as it is; what is also in it, or looks nearly the same, leaves the other splits. Of equal images the one
    with the lowest label stays. Those that look nearly alike stay together. The order of the images changes nothing.

    Args:
        digests: SHA-256 of each image's pixels, hexadecimal.
        labels: int64 [N].
        official: int64 [N], numbers of SPLITS: the split that the source puts the image in.
        likeness: of all images; None: only equal ones are kept apart.
        shares: what is cut from train.
    """
    places, reasons = official.copy(), {}

    def leave_out(rows: NDArray[np.int64], reason: str) -> None:
        for row in rows[places[rows] != NOWHERE].tolist():
            reasons[row] = reason
        places[rows] = NOWHERE

    # Of equal images the one with the lowest label stays, wherever it stands.
    by_content = np.lexsort((labels, digests, official))
    same = (digests[by_content][1:] == digests[by_content][:-1]) & (
        official[by_content][1:] == official[by_content][:-1]
    )
    repeated = by_content[1:][same]
    leave_out(repeated[official[repeated] != HOLDOUT], DUPLICATE)
    for upper, lower, reason in (
        (HOLDOUT, (TRAIN, VALIDATION), IN_HOLDOUT),
        (VALIDATION, (TRAIN,), IN_VALIDATION),
    ):
        below = np.flatnonzero(np.isin(places, lower))
        leave_out(below[np.isin(digests[below], digests[official == upper])], reason)
    together = np.arange(len(digests))
    if likeness is not None:
        pairs = near_pairs(likeness)
        pairs = pairs[(places[pairs] != NOWHERE).all(axis=1)]
        for upper, lower, reason in (
            (HOLDOUT, (TRAIN, VALIDATION), NEAR_HOLDOUT),
            (VALIDATION, (TRAIN,), NEAR_VALIDATION),
        ):
            for one, other in ((0, 1), (1, 0)):
                crossing = (places[pairs[:, one]] == upper) & np.isin(places[pairs[:, other]], lower)
                leave_out(np.unique(pairs[crossing, other]), reason)
        inside = (places[pairs] == TRAIN).all(axis=1)
        together = groups(pairs[inside], len(digests))
    _cut(places, digests, labels, together, shares)
    return Placement(places, reasons)


def _cut(
    places: NDArray[np.int64],
    digests: NDArray[np.str_],
    labels: NDArray[np.int64],
    together: NDArray[np.int64],
    shares: Shares,
) -> None:
    """Moves whole groups from train to validation and holdout, in an order drawn from the content of their first image."""
    rows = np.flatnonzero(places == TRAIN)
    rows = rows[np.lexsort((digests[rows], together[rows]))]
    starts = np.flatnonzero(np.diff(together[rows], prepend=-1))
    sizes = np.diff(np.append(starts, len(rows)))
    first = rows[starts]
    keys = np.array(
        [hashlib.sha256(f"{shares.seed}/{digest}".encode()).hexdigest() for digest in digests[first]], dtype="U64"
    )
    for label in np.unique(labels[first]):
        mine = np.flatnonzero(labels[first] == label)
        mine = mine[np.argsort(keys[mine])]
        before = np.cumsum(sizes[mine]) - sizes[mine]
        count = int(sizes[mine].sum())
        ends = np.cumsum([round(shares.validation * count), round(shares.holdout * count)])
        for place_number, start, end in ((VALIDATION, 0, ends[0]), (HOLDOUT, ends[0], ends[1])):
            for group in mine[(start <= before) & (before < end)].tolist():
                places[rows[starts[group] : starts[group] + sizes[group]]] = place_number
