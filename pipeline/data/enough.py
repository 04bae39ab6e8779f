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
from pipeline.data.resize import TOO_SMALL
from pipeline.data.splits import SPLITS
from pipeline.errors import UserError

OF_A_CLASS = 2  # images in each split: diversity within a class is measured on pairs
SIZES: tuple[int, ...] = get_args(Data.model_fields["size"].annotation)
LARGEST_SHARE = 0.6  # that is advised, of validation and holdout together


def require_most_usable(reasons: Mapping[int, str], known: pa.Table, data: Data) -> None:
    """Refuse a source of which too much cannot be used; `known`: columns `name`, `width`, `height` of all images."""
    if len(known) == 0:
        raise UserError("data.source: holds no images.")
    if len(reasons) <= data.bad_share_max * len(known) and len(reasons) < len(known):
        return
    counted = Counter(reasons.values()).most_common()
    listed = ", ".join(f"{count:,} {reason}" for reason, count in counted)
    first = known["name"][min(reasons)].as_py()
    small = [row for row, reason in reasons.items() if reason.startswith(TOO_SMALL)]
    if counted[0][0].startswith(TOO_SMALL):
        advice = _size_that_fits(known.take(small), data)
    else:
        advice = "Mend the source, allow more, or change data.size or data.images."
    raise UserError(
        f"data.bad_share_max: {len(reasons):,} of {len(known):,} images cannot be used, at most {data.bad_share_max:.1%} may be: "
        f"{listed} (the first: {first}). {advice}"
    )


def _size_that_fits(small: pa.Table, data: Data) -> str:
    if data.images.crop is None:
        sides = np.minimum(small["width"].to_numpy(), small["height"].to_numpy())
        shortest = int(sides.min())
        found = f"Their shortest side is {shortest} px"
    else:
        shortest = min(data.images.crop[2:])
        found = f"data.images.crop leaves a side of {shortest} px"
    smaller = [size for size in SIZES if size <= shortest]
    enlarge = f"data.images.smallest {shortest}, which takes them, enlarged where they are below data.size"
    if smaller and data.images.smallest is None:
        return f"{found}: use data.size {smaller[-1]}, or {enlarge}. (Any shape is made square, by data.images.fit.)"
    return f"{found}: use {enlarge}."


def require_enough(
    members: Mapping[str, NDArray[np.int64]], classes: Sequence[str], official: Sequence[str], data: Data
) -> None:
    """Refuse splits in which too few images, or too few of a class, are left to train and to measure with.

    `members`: the labels, `int64 [N]`, in each split; `official`: the splits that the source itself has.
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
                + _more(split, OF_A_CLASS, in_pool, cut, data, f"images of {classes[rarest]!r}")
                + ", or leave the class out of data.classes."
            )
    for split in ("validation", "holdout"):
        if (found := len(members[split])) < FEWEST:
            raise UserError(
                f"data: {found} images are in the {split} split, at least {FEWEST} are needed to measure with; "
                + _more(split, FEWEST, len(pool), cut, data, "images")
                + "."
            )


def _more(split: str, needed: int, pool: int, cut: Sequence[str], data: Data, what: str) -> str:
    """What to do so that a split has `needed` images, of `pool` that the source has for all splits that are not its own."""
    if split == "train":
        keys = [f"data.{name}_share" for name in cut]
        return (f"use a smaller {' or '.join(keys)}, or add" if keys else "add") + f" {what}"
    if split in cut:
        share = math.ceil(1000 * (needed + 0.5) / pool) / 1000 if pool else 1.0
        others = sum(getattr(data, f"{name}_share") for name in cut if name != split)
        if share + others <= LARGEST_SHARE:
            return f"use a larger data.{split}_share, about {share:g}, or add {what}"
        return f"the source has {pool} {what} in all: add some"
    if data.source.kind == "idx":
        return f"the source's own {split} split (the t10k files) needs more {what}"
    return f"the source's own {split} split needs more {what}, or none at all, with a data.{split}_share to cut it from train"
