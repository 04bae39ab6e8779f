"""Whether there are images enough: what later stages would refuse hours later, refused with advice that fits the source."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.config.minimums import FEWEST
from pipeline.config.schema import Data
from pipeline.data.prepare import IGNORED
from pipeline.data.resize import TOO_SMALL
from pipeline.data.splits import SPLITS, Shares
from pipeline.errors import UserError

OF_A_CLASS = 2  # images in each split: diversity within a class is measured on pairs
SIZES: tuple[int, ...] = get_args(Data.model_fields["size"].annotation)
WORST = 10  # images that are named
LARGEST_SHARE = 0.6  # that is advised, of validation and holdout together


def require_most_usable(reasons: Mapping[int, str], known: pa.Table, data: Data) -> None:
    """Refuse a source of which too much cannot be used; `known`: columns `name`, `width`, `height` of all images."""
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
        advice = "Mend the source, or allow more."
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
    members: Mapping[str, NDArray[np.int64]],
    classes: Sequence[str],
    official: Sequence[str],
    shares: Shares,
) -> None:
    """Refuse splits in which too few images, or too few of a class, are left to train and to measure with.

    `members`: the labels, `int64 [N]`, in each split; `official`: the splits that the source itself has; `shares`: what was
    cut for the others.
    """
    cut = [split for split in SPLITS if split not in official]
    pool = np.concatenate([members["train"], *(members[split] for split in cut)])
    for split, labels in members.items():
        counts = np.bincount(labels, minlength=len(classes))
        rarest = int(counts.argmin())
        if counts[rarest] < OF_A_CLASS:
            in_pool = int((pool == rarest).sum())
            raise UserError(
                f"data: the class {classes[rarest]!r} has {counts[rarest]} images for {split}, at least {OF_A_CLASS} are needed; "
                + _more(split, OF_A_CLASS, in_pool, cut, shares, f"images of {classes[rarest]!r}")
                + ", or leave the class out of data.classes."
            )
    for split in ("validation", "holdout"):
        if (found := len(members[split])) < FEWEST:
            raise UserError(
                f"data: {found} images are in the {split} split, at least {FEWEST} are needed to measure with; "
                + _more(split, FEWEST, len(pool), cut, shares, "images")
                + "."
            )


def _more(split: str, needed: int, pool: int, cut: Sequence[str], shares: Shares, what: str) -> str:
    """What to do so that a split has `needed` images, of `pool` that the source has for all splits that are not its own."""
    if split == "train":
        keys = [f"data.{name}_share" for name in cut]
        return (f"use a smaller {' or '.join(keys)}, or add" if keys else "add") + f" {what}"
    if split in cut:
        share = math.ceil(1000 * (needed + 0.5) / pool) / 1000 if pool else 1.0
        others = sum(getattr(shares, name) for name in cut if name != split)
        if share + others <= LARGEST_SHARE:
            return f"use a larger data.{split}_share, about {share:g}, or add {what}"
        return f"the source has {pool} {what} in all: add some"
    return f"the source's own {split} split needs more {what}, or none at all, with a data.{split}_share to cut it from train"
