"""Assign images to splits by content alone, class by class, so that no picture is in two splits."""

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
NEAR_KEPT = "nearly equal to one that is kept"
NEAR_HOLDOUT, NEAR_VALIDATION = "nearly equal to one in holdout", "nearly equal to one in validation"
# An official split, the splits that lose what is also in it, and the reasons for equal and for nearly equal images.
_LEAKS = (
    (HOLDOUT, (TRAIN, VALIDATION), IN_HOLDOUT, NEAR_HOLDOUT),
    (VALIDATION, (TRAIN,), IN_VALIDATION, NEAR_VALIDATION),
)


@dataclass(frozen=True)
class Shares:
    """Hold the shares that are cut from train, by class; 0 where the source has the split itself.

    Another `seed` gives another cut.
    """

    validation: float
    holdout: float
    seed: int


def shares_of(data: Data, official: Sequence[str], images: int) -> Shares:
    """Return the shares that are cut from train, which has `images` images.

    They are those of the config, or enough to measure with.
    """

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
    """Hold the split that each image goes to.

    `places: int64 [N]`: numbers of `pipeline.data.description.SPLITS`, or -1 for an image that is in no split.
    `reasons`: why an image is in no split, by its number.
    `leaks`: for an image that an official holdout or validation also has, or nearly so, the number of that other image.
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
    """Assign N images to splits.

    An official holdout stays as it is. Images that are also in it, or look nearly the same, leave the other splits.
    Of equal images the one with the lowest label stays. Images that look nearly alike stay in one split.
    The order of the images changes nothing.

    Args:
        digests: SHA-256 of each image's pixels, hexadecimal, `S64 [N]`.
        labels: the class of each image, `int64 [N]`.
        official: the split that the source puts each image in, `int64 [N]`: numbers of
            `pipeline.data.description.SPLITS`.
        likeness: that of all images; None: only equal images are separated.
        shares: the shares that are cut from train.
        families: `int64 [N]`; images of one number also stay in one split, whatever they look like.
        drop_near: whether only one of the training images that look nearly alike stays.
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
    """Build a placement step by step; at first every image is in the split that the source puts it in."""

    def __init__(self, digests: NDArray[np.bytes_], labels: NDArray[np.int64], official: NDArray[np.int64]) -> None:
        self.digests, self.labels, self.official = digests, labels, official
        self.places = official.copy()
        self.reasons: dict[int, str] = {}
        self.leaks: dict[int, int] = {}

    def leave_out_repeats(self) -> None:
        """Keep one of the equal images of a split, the one with the lowest label, whatever its position.

        An official holdout stays as it is.
        """
        digests, official = self.digests, self.official
        by_content = np.lexsort((self.labels, digests, official))
        same = (digests[by_content][1:] == digests[by_content][:-1]) & (
            official[by_content][1:] == official[by_content][:-1]
        )
        repeated = by_content[1:][same]
        self._leave_out(repeated[official[repeated] != HOLDOUT], DUPLICATE)

    def leave_out_equal(self, upper: int, lower: tuple[int, ...], reason: str) -> None:
        """Leave out of the splits `lower` the images that the official split `upper` also has."""
        digests = self.digests
        below = np.flatnonzero(np.isin(self.places, lower))
        above = np.flatnonzero(self.official == upper)
        below = below[np.isin(digests[below], digests[above])]
        self._leave_out(below, reason)
        unique, first = np.unique(digests[above], return_index=True)
        twins = above[first[np.searchsorted(unique, digests[below])]]
        self.leaks |= zip(below.tolist(), twins.tolist(), strict=True)

    def leave_out_near(self, pairs: NDArray[np.int64], upper: int, lower: tuple[int, ...], reason: str) -> None:
        """Leave out of the splits `lower` the images that look nearly like an image of the official split `upper`.

        `pairs: int64 [N, 2]` are the images that look nearly alike.
        """
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
    """Return the number of the group of each image. Groups of either numbering, and chains of these, join images."""
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
    """Move whole groups from train to validation and holdout, by changing `places`.

    Their order depends on the seed and the content of their first image alone.
    """
    rows = np.flatnonzero(places == TRAIN)
    rows = rows[np.lexsort((digests[rows], together[rows]))]
    starts = np.flatnonzero(np.diff(together[rows], prepend=-1))
    sizes = np.diff(np.append(starts, len(rows)))
    first = rows[starts]
    seed = f"{shares.seed}/".encode()
    keys = np.array([hashlib.sha256(seed + digest).hexdigest() for digest in digests[first].tolist()], dtype="S64")
    for label in np.unique(labels[first]):
        members = np.flatnonzero(labels[first] == label)
        members = members[np.argsort(keys[members])]
        before = np.cumsum(sizes[members]) - sizes[members]
        count = int(sizes[members].sum())
        ends = np.cumsum([round(shares.validation * count), round(shares.holdout * count)])
        for split_number, start, end in ((VALIDATION, 0, ends[0]), (HOLDOUT, ends[0], ends[1])):
            for group in members[(start <= before) & (before < end)].tolist():
                places[rows[starts[group] : starts[group] + sizes[group]]] = split_number
