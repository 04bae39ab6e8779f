"""Warn of what makes training a GAN on a source hard, in one sentence each, with what to do."""

import numpy as np

from pipeline.config.constants import FEWEST
from pipeline.data.description import SPLITS
from pipeline.data.enough import OF_A_CLASS
from pipeline.data.likeness import Likeness, groups, near_pairs
from pipeline.presets.source_scan import SourceStats

FEW = 1_000
LEAST_OF_A_CLASS = 10
MOST_IMBALANCE = 20.0
MOST_ALIKE = 0.05
MOST_LETTERBOXED = 0.2
MOST_ELONGATED = 0.2
LEAST_VARIETY = 6.0  # mean difference of two thumbnails, of 255
MOST_ENLARGED = 0.1
_NAMED = 5


def concerns(found: SourceStats, size: int) -> list[str]:
    """Return the warnings about a source, the gravest first."""
    warnings = [
        _few(found),
        _shared_with_holdout(found),
        _rare_classes(found),
        _imbalance(found),
        _variety(found),
        _alike(found),
        _enlarged(found, size),
        _elongated(found),
        _letterboxed(found),
    ]
    return [line for line in warnings if line is not None] + found.listing.warnings


def _few(found: SourceStats) -> str | None:
    if not found.whole or found.images >= FEW:
        return None
    if found.images < 4 * FEWEST:
        return (
            f"{found.images} images are too few: ingest needs {FEWEST} each to validate and to hold out, and as many again to train on. "
            "Add images."
        )
    return (
        f"{found.images:,} images are few: a GAN learns little from under {FEW:,}, and may copy them. Check the gates "
        "on copies."
    )


def _shared_with_holdout(found: SourceStats) -> str | None:
    held_out = {digest for digest, split in zip(found.digests, found.splits, strict=True) if split == "holdout"}
    train = [digest for digest, split in zip(found.digests, found.splits, strict=True) if split == "train"]
    shared = sum(digest in held_out for digest in train)
    if not shared:
        return None
    said = (
        f"{shared:,} of {len(train):,} inspected images of train are also in the source's own holdout (test) split, so "
        "ingest leaves them out of train"
    )
    if shared < len(train):
        return f"{said}."
    return (
        f"{said}. If none is left, ingest refuses the source. Remove the test folder to have a holdout cut from train."
    )


def _rare_classes(found: SourceStats) -> str | None:
    if not found.whole:
        return None
    rare = [name for name, count in found.classes.items() if count < LEAST_OF_A_CLASS]
    # Some images at least go to each split, whatever the shares are.
    refused = [name for name in rare if found.classes[name] < OF_A_CLASS * len(SPLITS)]
    if not rare:
        return None
    affected, fewer_than, consequence = (
        (refused, OF_A_CLASS * len(SPLITS), f", and ingest refuses a class without {OF_A_CLASS} images in each split")
        if refused
        else (rare, LEAST_OF_A_CLASS, "")
    )
    named = ", ".join(f"{name} ({found.classes[name]})" for name in sorted(affected)[:_NAMED])
    return f"{len(affected)} class(es) with fewer than {fewer_than} images: {named}{consequence}. Leave them out by data.classes, or use --unlabelled."


def _imbalance(found: SourceStats) -> str | None:
    if len(found.classes) < 2:
        return None
    (most, many), (least, few) = found.classes.most_common()[0], found.classes.most_common()[-1]
    if many <= MOST_IMBALANCE * few:
        return None
    return (
        f"the classes are uneven: {most} has {many:,} images, {least} {few:,}. The rare ones will be learned less well."
    )


def _variety(found: SourceStats) -> str | None:
    if found.usable < 2:
        return None
    thumbnails = np.frombuffer(b"".join(found.thumbnails), np.uint8).reshape(found.usable, -1).astype(np.int16)
    differences = np.abs(thumbnails[1:] - thumbnails[:-1]).mean()
    if differences >= LEAST_VARIETY:
        return None
    return f"hardly any variety: two images differ by {differences:.1f} of 255 on average."


def _alike(found: SourceStats) -> str | None:
    if not found.usable:
        return None
    thumbnails = np.frombuffer(b"".join(found.thumbnails), np.uint8).reshape(found.usable, -1)
    pairs = near_pairs(Likeness(np.array(found.hashes, np.uint64), thumbnails))
    spare = found.usable - len(np.unique(groups(pairs, found.usable)))
    if spare <= MOST_ALIKE * found.usable:
        return None
    return (
        f"{spare / found.usable:.0%} of the images are equal or nearly equal to another one. They stay on one side of every split; "
        "data.near_duplicates: drop keeps one of each."
    )


def _enlarged(found: SourceStats, size: int) -> str | None:
    small = int((found.short_sides() < size).sum())
    if small <= MOST_ENLARGED * found.usable:
        return None
    return (
        f"{small / found.usable:.0%} of the images are smaller than {size} px and will be enlarged. A smaller --size "
        "avoids that."
    )


def _elongated(found: SourceStats) -> str | None:
    long = sum(max(size) > 2 * min(size) for size in found.sizes)
    if long <= MOST_ELONGATED * found.usable:
        return None
    return f"{long / found.usable:.0%} of the images are more than twice as long as wide: data.fit: pad keeps all of them, crop only the middle."


def _letterboxed(found: SourceStats) -> str | None:
    if found.letterboxed <= MOST_LETTERBOXED * found.usable:
        return None
    return (
        f"{found.letterboxed / found.usable:.0%} of the images have bars along two sides, which the model will learn, "
        "too. Cut them off first."
    )
