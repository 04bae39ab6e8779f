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
# An official split, those that lose what is also in it, and why: for what is equal and for what is nearly so.
_LEAKS = (
    (HOLDOUT, (TRAIN, VALIDATION), IN_HOLDOUT, NEAR_HOLDOUT),
    (VALIDATION, (TRAIN,), IN_VALIDATION, NEAR_VALIDATION),
)


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
    placing = _Placing(digests, labels, official)
    placing.leave_out_repeats()
    for upper, lower, equal, _ in _LEAKS:
        placing.leave_out_equal(upper, lower, equal)
    together = np.arange(len(digests))
    if likeness is not None:
        pairs = near_pairs(likeness)
        pairs = pairs[(placing.places[pairs] != NOWHERE).all(axis=1)]
        for upper, lower, _, near in _LEAKS:
            placing.leave_out_near(pairs, upper, lower, near)
        inside = (placing.places[pairs] == TRAIN).all(axis=1)
        together = groups(pairs[inside], len(digests))
        if drop_near:
            placing.keep_one_of_each(together)
    if families is not None:
        together = _joined(together, families)
    _cut(placing.places, digests, labels, together, shares)
    return Placement(placing.places, placing.reasons, placing.leaks)


class _Placing:
    """A placement in the making: at first every image is where the source puts it."""

    def __init__(self, digests: NDArray[np.bytes_], labels: NDArray[np.int64], official: NDArray[np.int64]) -> None:
        self.digests, self.labels, self.official = digests, labels, official
        self.places = official.copy()
        self.reasons: dict[int, str] = {}
        self.leaks: dict[int, int] = {}

    def leave_out_repeats(self) -> None:
        """Keep one of equal images of a split, the one with the lowest label, wherever it stands; a holdout stays as it is."""
        digests, official = self.digests, self.official
        by_content = np.lexsort((self.labels, digests, official))
        same = (digests[by_content][1:] == digests[by_content][:-1]) & (
            official[by_content][1:] == official[by_content][:-1]
        )
        repeated = by_content[1:][same]
        self._leave_out(repeated[official[repeated] != HOLDOUT], DUPLICATE)

    def leave_out_equal(self, upper: int, lower: tuple[int, ...], reason: str) -> None:
        """Leave out of the splits `lower` what the official split `upper` has, too."""
        digests = self.digests
        below = np.flatnonzero(np.isin(self.places, lower))
        above = np.flatnonzero(self.official == upper)
        below = below[np.isin(digests[below], digests[above])]
        self._leave_out(below, reason)
        kept, first = np.unique(digests[above], return_index=True)
        twins = above[first[np.searchsorted(kept, digests[below])]]
        self.leaks |= zip(below.tolist(), twins.tolist(), strict=True)

    def leave_out_near(self, pairs: NDArray[np.int64], upper: int, lower: tuple[int, ...], reason: str) -> None:
        """Leave out of the splits `lower` what looks nearly as an image of the official split `upper`; `pairs: int64 [N, 2]`."""
        for one, other in ((0, 1), (1, 0)):
            crossing = (self.places[pairs[:, one]] == upper) & np.isin(self.places[pairs[:, other]], lower)
            self._leave_out(np.unique(pairs[crossing, other]), reason)
            for image, twin in pairs[crossing][:, [other, one]].tolist():
                self.leaks.setdefault(image, twin)

    def keep_one_of_each(self, together: NDArray[np.int64]) -> None:
        """Keep one training image of each group: the one with the lowest label, then digest, whatever the source's order."""
        rows = np.flatnonzero(self.places == TRAIN)
        rows = rows[np.lexsort((self.digests[rows], self.labels[rows], together[rows]))]
        self._leave_out(rows[1:][together[rows][1:] == together[rows][:-1]], NEAR_KEPT)

    def _leave_out(self, rows: NDArray[np.int64], reason: str) -> None:
        for row in rows[self.places[rows] != NOWHERE].tolist():
            self.reasons[row] = reason
        self.places[rows] = NOWHERE


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
