"""Pictures that look alike are found, others are not, and none of many."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.data.likeness import Likeness, groups, measure_likeness, near_pairs


def photo(seed: int, size: int = 96) -> Image.Image:
    """Something smooth with a few shapes in it."""
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8)).resize((size, size), Image.Resampling.BICUBIC)


def likeness_of(pictures: list[Image.Image], size: int = 32) -> Likeness:
    looks = [
        measure_likeness(np.asarray(picture.resize((size, size), Image.Resampling.LANCZOS))) for picture in pictures
    ]
    thumbnails = np.array([list(thumbnail) for _, thumbnail in looks], np.uint8)
    return Likeness(np.array([bits for bits, _ in looks], np.uint64), thumbnails)


def as_jpeg(picture: Image.Image, quality: int) -> Image.Image:
    file = BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(BytesIO(file.getvalue())).convert("RGB")


@pytest.mark.parametrize(
    "change",
    [lambda p: as_jpeg(p, 60), lambda p: p.resize((150, 150)), lambda p: as_jpeg(p.resize((64, 64)), 85)],
    ids=["jpeg", "larger", "smaller jpeg"],
)
def test_the_same_photo_at_another_quality_or_size_is_found(change):
    photos = [photo(seed) for seed in range(40)]
    found = near_pairs(likeness_of(photos + [change(picture) for picture in photos]))
    assert {(int(a), int(b)) for a, b in found} == {(number, number + 40) for number in range(40)}


def test_equal_hashes_of_pictures_of_another_brightness_are_no_pair():
    dark, bright = (np.full((8, 8, 1), value, np.uint8) for value in (10, 200))
    assert measure_likeness(dark)[0] == measure_likeness(bright)[0]
    likeness = Likeness(np.zeros(2, np.uint64), np.array([[10] * 64, [200] * 64], np.uint8))
    assert len(near_pairs(likeness)) == 0


HASH = st.integers(0, 2**64 - 1)


@given(
    base=st.lists(HASH, min_size=1, max_size=30),
    flips=st.lists(st.tuples(st.integers(0, 29), st.sets(st.integers(0, 63), max_size=4)), max_size=30),
)
@settings(deadline=None, max_examples=50)
def test_pairs_are_those_of_comparing_each_with_each(base, flips):
    hashes = base + [base[at % len(base)] ^ sum(1 << bit for bit in bits) for at, bits in flips]
    likeness = Likeness(np.array(hashes, np.uint64), np.zeros((len(hashes), 64), np.uint8))
    expected = {
        (a, b)
        for a in range(len(hashes))
        for b in range(a + 1, len(hashes))
        if (hashes[a] ^ hashes[b]).bit_count() <= 2
    }
    assert {(int(a), int(b)) for a, b in near_pairs(likeness)} == expected


def test_no_images_are_no_pairs():
    assert near_pairs(Likeness(np.empty(0, np.uint64), np.empty((0, 64), np.uint8))).shape == (0, 2)


def test_chains_of_pairs_make_groups():
    numbers = groups(np.array([[0, 1], [1, 4], [2, 3]]), 6)
    assert [(numbers == numbers[row]).nonzero()[0].tolist() for row in (0, 2, 5)] == [[0, 1, 4], [2, 3], [5]]
