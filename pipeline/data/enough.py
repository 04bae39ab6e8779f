"""Refuse a source with too few images, with advice that fits it; else later stages would refuse it after hours."""

import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import get_args

import numpy as np
import pyarrow as pa
import yaml
from numpy.typing import NDArray

from pipeline.base.errors import UserError
from pipeline.config.constants import FEWEST
from pipeline.config.schema import Data
from pipeline.data.description import SPLITS, Split
from pipeline.data.prepare import IGNORED
from pipeline.data.resize import TOO_SMALL
from pipeline.data.splits import Shares

OF_A_CLASS = 2  # images in each split: diversity within a class is measured on pairs
SIZES: tuple[int, ...] = get_args(Data.model_fields["size"].annotation)
WORST = 10  # images that are named
EACH = " of each"
LARGEST_SHARE = 0.6  # that is advised, of validation and holdout together


def require_most_usable(reasons: Mapping[int, str], known: pa.Table, data: Data) -> None:
    """Refuse a source of which too many images cannot be used.

    `reasons` says by row why an image cannot be used; `known` has the columns `name`, `width`, `height` of all images.
    """
    bad = {row: reason for row, reason in reasons.items() if reason != IGNORED}
    images = len(known) - (len(reasons) - len(bad))
    if images == 0:
        raise UserError("data.source: holds no images.")
    if len(bad) <= data.bad_share_max * images and len(bad) < images:
        return
    counted = Counter(bad.values()).most_common()
    listed = ", ".join(f"{count:,} {reason}" for reason, count in counted)
    first = "\n".join(f"  {known['name'][row].as_py()}: {bad[row]}" for row in sorted(bad)[:WORST])
    if counted[0][0].startswith(TOO_SMALL):
        small = [row for row, reason in bad.items() if reason.startswith(TOO_SMALL)]
        advice = _size_that_fits(known.take(small))
    else:
        advice = "Repair the source, or allow more."
    raise UserError(
        f"data.bad_share_max: {len(bad):,} of {images:,} images cannot be used, at most {data.bad_share_max:.1%} may be: {listed}. "
        f"{advice} The first:\n{first}"
    )


def _size_that_fits(small: pa.Table) -> str:
    shortest = int(np.minimum(small["width"].to_numpy(), small["height"].to_numpy()).min())
    smaller = [size for size in SIZES if size <= shortest]
    enlarge = "data.too_small: enlarge"
    return f"Their shortest side is {shortest} px: use {f'data.size {smaller[-1]}, or ' if smaller else ''}{enlarge}."


def require_enough(
    members: Mapping[Split, NDArray[np.int64]],
    classes: Sequence[str],
    official: Sequence[str],
    shares: Shares,
    leaked: NDArray[np.int64],
) -> None:
    """Refuse splits that hold too few images, or too few of a class, to train and to measure with.

    Args:
        members: the labels of the images in each split, `int64 [N]`.
        classes: the names of the classes.
        official: the splits that the source itself has.
        shares: the shares of train that were cut for the other splits.
        leaked: the labels of the images that left train because the source's own holdout also has them.

    Raises:
        UserError: a split or a class has too few images.
    """
    cut = [split for split in SPLITS if split not in official]
    pool = np.concatenate([members["train"], *(members[split] for split in cut)])
    if "holdout" in official:
        _require_classes_to_train(members["holdout"], pool, classes, leaked)
    too_few = [
        f"data: {_images(len(members[split]))} {'is' if len(members[split]) == 1 else 'are'} in the {split} split, at least {FEWEST} are "
        f"needed to measure with; {_more(split, FEWEST, len(pool), cut, shares)}."
        for split in ("validation", "holdout")
        if len(members[split]) < FEWEST
    ]
    if not too_few or len(classes) > 1:
        too_few += _too_small_classes(members, pool, classes, cut, shares)
    if too_few:
        raise UserError("\n".join(too_few))


def _require_classes_to_train(
    holdout: NDArray[np.int64], pool: NDArray[np.int64], classes: Sequence[str], leaked: NDArray[np.int64]
) -> None:
    if len(leaked) and not len(pool):
        raise UserError(
            f"data: all {_images(len(leaked))} of train are in the source's own holdout (test) split, too, so there is "
            "nothing to train on. Remove the test folder to have a holdout cut from train, or put other images into "
            "one of the two."
        )
    held_out = np.bincount(holdout, minlength=len(classes))
    absent = np.flatnonzero((np.bincount(pool, minlength=len(classes)) == 0) & (held_out > 0)).tolist()
    if absent:
        named = _listed([f"{classes[number]!r} ({_images(held_out[number])})" for number in absent], ", ")
        gone = int(np.isin(leaked, absent).sum())
        why = f" {_images(gone)} left train, since holdout has the same ones." if gone else ""
        raise UserError(
            f"data: only the source's own holdout (test) split has images of {named}: there is nothing to train on.{why} "
            f"Add {'other ones' if gone else 'some'} to train, or {_leave_out(absent, classes)}."
        )


def _too_small_classes(
    members: Mapping[Split, NDArray[np.int64]],
    pool: NDArray[np.int64],
    classes: Sequence[str],
    cut: Sequence[Split],
    shares: Shares,
) -> list[str]:
    """Name all classes with too few images in one message, the rarest first, so that the source is mended only once."""
    counts = {split: np.bincount(labels, minlength=len(classes)) for split, labels in members.items()}
    in_pool = np.bincount(pool, minlength=len(classes))
    fewest = np.min(list(counts.values()), axis=0)
    small = [number for number in np.argsort(in_pool, kind="stable").tolist() if fewest[number] < OF_A_CLASS]
    if not small:
        return []
    lines = [
        f"{classes[number]!r}: " + ", ".join(f"{counts[split][number]} for {split}" for split in SPLITS)
        for number in small
    ]
    lacking = {split: [number for number in small if counts[split][number] < OF_A_CLASS] for split in SPLITS}
    if any(lacking[split] for split in cut):
        lacking["train"] = []  # what is to be cut for the others comes first
    advice = [
        _more(split, OF_A_CLASS, int(in_pool[of[0]]), cut, shares, f" of {classes[of[0]]!r}" if len(of) == 1 else EACH)
        for split, of in lacking.items()
        if of
    ]
    separator = "\n  "
    remedies = "; ".join(dict.fromkeys(advice))
    return [
        f"data: {len(small)} of {len(classes)} classes {'has' if len(small) == 1 else 'have'} too few images, at least {OF_A_CLASS} are "
        f"needed in each split:\n  {_listed(lines, separator)}\n{remedies[0].upper()}{remedies[1:]}; or {_leave_out(small, classes)}."
    ]


def _listed(items: Sequence[str], separator: str) -> str:
    more = [f"and {len(items) - WORST} more"] if len(items) > WORST else []
    return separator.join([*items[:WORST], *more])


def _leave_out(left_out: Sequence[int], classes: Sequence[str]) -> str:
    """Return advice to leave classes out by the config; in words where the other classes are too many to name."""
    remaining = [name for number, name in enumerate(classes) if number not in set(left_out)]
    if not remaining:
        return "use data.classes: none, which ignores the classes"
    if len(remaining) > WORST:
        return "name only the other classes in data.classes"
    listed = yaml.safe_dump(remaining, default_flow_style=True, allow_unicode=True, width=sys.maxsize).strip()
    return f"leave {'it' if len(left_out) == 1 else 'them'} out by data.classes: {listed}"


def _images(count: int) -> str:
    return f"{count} image{'' if count == 1 else 's'}"


def _more(split: Split, needed: int, pool: int, cut: Sequence[Split], shares: Shares, of: str = "") -> str:
    """Return advice on how a split can get `needed` images.

    `pool` is the number of images that the source has for train and the splits `cut` from it.
    """
    if split == "train":
        keys = [f"data.{name}_share" for name in cut]
        return (f"use a smaller {' or '.join(keys)}, or add" if keys else "add") + f" images{of}"
    if split in cut:
        share = math.ceil(1000 * (needed + 0.5) / pool) / 1000 if pool else 1.0
        others = sum(getattr(shares, name) for name in cut if name != split)
        if share + others <= LARGEST_SHARE:
            return f"use a larger data.{split}_share, about {share:g}, or add images{of}"
        least = math.ceil((needed + 0.5) * len(cut) / LARGEST_SHARE)
        if of == EACH:
            return f"about {least} images of each are needed in all: add some"
        return f"the source has {_images(pool)}{of} in all, about {least} are needed: add some"
    return f"the source's own {split} split needs more images{of}, or none at all, with a data.{split}_share to cut it from train"
