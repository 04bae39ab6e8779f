"""Find images that look nearly alike: the same picture stored at another size or quality."""

from dataclasses import dataclass

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

HASH_BITS = 64
THUMBNAIL = 8  # px
# Two bits of the hash may differ, and the thumbnails by this much on average, of 255.
MOST_DIFFERENCE = 2.0
# Flat pictures share a hash by the thousand: each is compared with so many of its neighbours in brightness.
MOST_NEIGHBOURS = 64
_BANDS = ((0, 22), (22, 21), (43, 21))  # first bit and number of bits; together the whole hash
_AT_ONCE = 1 << 23  # hashes that are sorted at once, to bound the memory


@dataclass(frozen=True)
class Likeness:
    """Hold what near copies share: `hashes: uint64 [N]` and grey `thumbnails: uint8 [N, 64]`."""

    hashes: NDArray[np.uint64]
    thumbnails: NDArray[np.uint8]


def measure_likeness(pixels: NDArray[np.uint8]) -> tuple[int, bytes]:
    """Return the difference hash (64 bits) and the grey thumbnail (8x8 px, as bytes) of `uint8 [H, W, C]`."""
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert("L")
    bits = imagehash.dhash(picture, hash_size=8).hash
    small = picture.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return int.from_bytes(np.packbits(bits).tobytes(), "big"), small.tobytes()


def near_pairs(likeness: Likeness) -> NDArray[np.int64]:
    """Return pairs `int64 [M, 2]` of images whose hashes differ in at most two bits and whose thumbnails hardly differ.

    Two hashes differ in at most two bits if a third one differs from each in at most one bit. All of those third ones
    are sorted, 65 for each image. Two such hashes share at least one of three bands of bits, so images that share no
    band with another image are skipped.
    """
    order = (
        np.argsort(likeness.thumbnails.mean(axis=1), kind="stable") if len(likeness.hashes) else np.array([], np.int64)
    )
    flips = np.concatenate([np.zeros(1, np.uint64), np.uint64(1) << np.arange(HASH_BITS, dtype=np.uint64)])
    order = order[np.any([_repeated(_band(likeness.hashes[order], *band)) for band in _BANDS], axis=0)]
    hashes, found = likeness.hashes[order], []
    parts = max(1, -(-len(hashes) * len(flips) // _AT_ONCE))
    for part in range(parts):
        variants, owners = [], []
        for flip in flips:
            flipped = hashes ^ flip
            here = np.flatnonzero(flipped % np.uint64(parts) == part) if parts > 1 else np.arange(len(hashes))
            variants.append(flipped[here])
            owners.append(here)
        variant, owner = np.concatenate(variants), np.concatenate(owners)
        shared = np.flatnonzero(_repeated(variant))
        variant, owner = variant[shared], owner[shared]
        by_variant = np.lexsort((owner, variant))
        variant, owner = variant[by_variant], order[owner[by_variant]]
        for distance in range(1, MOST_NEIGHBOURS + 1):
            equal = np.flatnonzero(variant[distance:] == variant[:-distance])
            if len(equal) == 0:
                break
            pairs = np.stack([owner[equal], owner[equal + distance]], axis=1)
            found.append(_confirmed(np.unique(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1), axis=0), likeness))
    return np.unique(np.concatenate([np.empty((0, 2), np.int64), *found]), axis=0)


def groups(pairs: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return the number of the group of each of `count` images: a chain of pairs joins the images of a group."""
    if len(pairs) == 0:
        return np.arange(count, dtype=np.int64)
    from scipy.sparse import coo_array  # half a second, which the workers that only look at images need not spend
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _band(hashes: NDArray[np.uint64], first: int, bits: int) -> NDArray[np.uint64]:
    band: NDArray[np.uint64] = (hashes >> np.uint64(first)) & np.uint64((1 << bits) - 1)
    return band


def _repeated(values: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Return for each value whether it occurs more than once.

    Few values do, and values alone are sorted many times as fast as rows.
    """
    ordered = np.sort(values)
    several = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if len(several) == 0:
        return np.zeros(len(values), bool)
    found: NDArray[np.bool_] = several[np.minimum(np.searchsorted(several, values), len(several) - 1)] == values
    return found


def _confirmed(pairs: NDArray[np.int64], likeness: Likeness) -> NDArray[np.int64]:
    first, second = (likeness.thumbnails[pairs[:, side]].astype(np.int16) for side in (0, 1))
    alike = np.abs(first - second).mean(axis=1) <= MOST_DIFFERENCE
    confirmed: NDArray[np.int64] = pairs[alike]
    return confirmed
