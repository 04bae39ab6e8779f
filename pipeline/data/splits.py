"""Which image goes where: by content alone, class by class, and never the same picture on two sides."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.config.constants import FEWEST
from pipeline.config.schema import Data
from pipeline.data.likeness import Likeness, groups, near_pairs

TRAIN, VALIDATION, HOLDOUT, NOWHERE = 0, 1, 2, -1

LARGEST_AUTO_SHARE = 0.3

DUPLICATE = "duplicate"
IN_HOLDOUT, IN_VALIDATION = "also in holdout", "also in validation"
NEAR_KEPT = "nearly as one that is kept"
NEAR_HOLDOUT, NEAR_VALIDATION = "nearly as one in holdout", "nearly as one in validation"


@dataclass(frozen=True)
class Shares:
    """How much is cut from train, by class; 0 where the source has the split itself. `seed` draws another cut."""

    validation: float
    holdout: float
    seed: int


def shares_of(data: Data, official: Sequence[str], images: int) -> Shares:
    """Return what is cut from train, which has so many images: what the config says, or enough to measure with."""

    def share(split: str, wanted: float | str | None, good: int, least: float, most: float) -> float:
        if split in official or wanted is None:
            return 0.0
        if isinstance(wanted, float):
            return wanted
        enough = min(LARGEST_AUTO_SHARE, (FEWEST + 1) / max(images, 1))
        return round(max(enough, min(most, max(least, good / max(images, 1)))), 4)

    return Shares(
        share("validation", data.validation_share, 500, 0.05, 0.15),
        share("holdout", data.holdout_share, 1_000, 0.1, 0.25),
        data.seed,
    )


@dataclass(frozen=True)
class Placement:
    """Where each image goes.

    `places: int64 [N]`, numbers of `pipeline.data.description.SPLITS` or -1; `reasons`: why, of the images that are nowhere, by their number; `leaks`: of
    those that an official holdout or validation also has, or nearly so, the number of that one.
    """

    places: NDArray[np.int64]
    reasons: dict[int, str]
    leaks: dict[int, int]


def place(
    digests: NDArray[np.bytes_],
    labels: NDArray[np.int64],
    official: NDArray[np.int64],
    likeness: Likeness | None,
    shares: Shares,
    *,
    families: NDArray[np.int64] | None = None,
    drop_near: bool = False,
) -> Placement:
    """Places N images.

    An official holdout is taken as it is; what is also in it, or looks nearly the same, leaves the other splits. Of equal images the one
    with the lowest label stays. Those that look nearly alike stay together. The order of the images changes nothing.

    Args:
        digests: SHA-256 of each image's pixels, hexadecimal, `S64 [N]`.
        labels: int64 [N].
        official: int64 [N], numbers of `pipeline.data.description.SPLITS`: the split that the source puts the image in.
        likeness: of all images; None: only equal ones are kept apart.
        shares: what is cut from train.
        families: int64 [N]: images of one number stay together, too, whatever they look like.
        drop_near: of training images that look nearly alike one stays.
    """
    places, reasons = official.copy(), {}
    leaks: dict[int, int] = {}

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
        above = np.flatnonzero(official == upper)
        below = below[np.isin(digests[below], digests[above])]
        leave_out(below, reason)
        kept, first = np.unique(digests[above], return_index=True)
        leaks |= zip(below.tolist(), above[first[np.searchsorted(kept, digests[below])]].tolist(), strict=True)
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
                for image, twin in pairs[crossing][:, [other, one]].tolist():
                    leaks.setdefault(image, twin)
        inside = (places[pairs] == TRAIN).all(axis=1)
        together = groups(pairs[inside], len(digests))
        if drop_near:
            # The one with the lowest label, then digest: the same whatever the order of the source.
            rows = np.flatnonzero(places == TRAIN)
            rows = rows[np.lexsort((digests[rows], labels[rows], together[rows]))]
            leave_out(rows[1:][together[rows][1:] == together[rows][:-1]], NEAR_KEPT)
    if families is not None:
        together = _joined(together, families)
    _cut(places, digests, labels, together, shares)
    return Placement(places, reasons, leaks)


def _joined(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the group of each image: together if they are in one group by either numbering, or by a chain of these."""
    pairs = []
    for numbers in (one, other):
        order = np.argsort(numbers, kind="stable")
        equal = np.flatnonzero(numbers[order][1:] == numbers[order][:-1])
        pairs.append(np.stack([order[equal], order[equal + 1]], axis=1))
    return groups(np.concatenate(pairs), len(one))


def _cut(
    places: NDArray[np.int64],
    digests: NDArray[np.bytes_],
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
    seed = f"{shares.seed}/".encode()
    keys = np.array([hashlib.sha256(seed + digest).hexdigest() for digest in digests[first].tolist()], dtype="S64")
    for label in np.unique(labels[first]):
        mine = np.flatnonzero(labels[first] == label)
        mine = mine[np.argsort(keys[mine])]
        before = np.cumsum(sizes[mine]) - sizes[mine]
        count = int(sizes[mine].sum())
        ends = np.cumsum([round(shares.validation * count), round(shares.holdout * count)])
        for place_number, start, end in ((VALIDATION, 0, ends[0]), (HOLDOUT, ends[0], ends[1])):
            for group in mine[(start <= before) & (before < end)].tolist():
                places[rows[starts[group] : starts[group] + sizes[group]]] = place_number
