"""Every image is in one split at most, placed by content alone, and never beside a picture that looks the same."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data.description import SPLITS
from pipeline.data.likeness import Likeness
from pipeline.data.splits import (
    DUPLICATE,
    HOLDOUT,
    IN_HOLDOUT,
    IN_VALIDATION,
    NEAR_HOLDOUT,
    NEAR_KEPT,
    NEAR_VALIDATION,
    NOWHERE,
    TRAIN,
    VALIDATION,
    Placement,
    Shares,
    place,
    shares_of,
)
from tests.unit.canonical_data import data_of

SHARES = Shares(0.2, 0.3, 0)


def placed(
    numbers: list[int],
    official: list[int] | None = None,
    labels: list[int] | None = None,
    shares: Shares = SHARES,
    hashes: list[int] | None = None,
    *,
    drop_near: bool = False,
) -> Placement:
    """One image a number, whose label is its oddness."""
    digests = np.array([hashlib.sha256(str(number).encode()).hexdigest() for number in numbers], dtype="S64")
    likeness = None
    if hashes is not None:
        likeness = Likeness(np.array(hashes, np.uint64), np.zeros((len(hashes), 64), np.uint8))
    return place(
        digests,
        np.array([number % 2 for number in numbers] if labels is None else labels, np.int64),
        np.array([TRAIN] * len(numbers) if official is None else official, np.int64),
        likeness,
        shares,
        drop_near=drop_near,
    )


def by_split(numbers: list[int], placement: Placement) -> list[list[int]]:
    return [sorted(np.array(numbers)[placement.places == split].tolist()) for split in range(len(SPLITS))]


# With repeats, in any order.
NUMBERS = st.lists(st.integers(0, 60), min_size=1, max_size=80)


@given(numbers=NUMBERS)
@settings(deadline=None, max_examples=60)
def test_every_distinct_image_is_in_exactly_one_split(numbers):
    parts = by_split(numbers, placed(numbers))
    assert sorted(number for part in parts for number in part) == sorted(set(numbers))


@given(numbers=NUMBERS, random=st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=60)
def test_order_and_repeats_of_the_source_do_not_change_the_splits(numbers, random):
    shuffled = numbers + random.choices(numbers, k=3)
    random.shuffle(shuffled)
    assert by_split(shuffled, placed(shuffled)) == by_split(numbers, placed(numbers))


@given(numbers=NUMBERS, holdout=st.lists(st.integers(40, 90), min_size=1, max_size=20))
@settings(deadline=None, max_examples=60)
def test_official_holdout_is_taken_as_it_is_and_its_images_are_in_no_other_split(numbers, holdout):
    together = numbers + holdout
    official = [TRAIN] * len(numbers) + [HOLDOUT] * len(holdout)
    train, validation, held = by_split(together, placed(together, official, shares=Shares(0.2, 0, 0)))
    assert held == sorted(holdout)
    assert not set(holdout) & {*train, *validation}


def test_official_validation_is_kept_from_train_and_holdout():
    numbers = [*range(10), *range(8, 14), *range(13, 16)]
    official = [TRAIN] * 10 + [VALIDATION] * 6 + [HOLDOUT] * 3
    placement = placed(numbers, official, shares=Shares(0, 0, 0))
    assert by_split(numbers, placement) == [[*range(8)], [*range(8, 13)], [13, 14, 15]]
    assert sorted(placement.reasons.values()) == [IN_HOLDOUT, IN_VALIDATION, IN_VALIDATION]


def test_image_with_two_labels_keeps_the_lowest_whatever_the_order():
    numbers = [*range(40), *range(20)]
    labels = [1] * 40 + [0] * 20
    for order in (range(60), range(59, -1, -1)):
        placement = placed([numbers[row] for row in order], labels=[labels[row] for row in order])
        kept = {numbers[row]: labels[row] for row, at in zip(order, placement.places, strict=True) if at != NOWHERE}
        assert kept == {number: int(number >= 20) for number in range(40)}


def test_shares_hold_within_each_class():
    numbers = [*range(0, 400, 2), *range(1, 200, 2)]  # 200 even, 100 odd
    counts = [np.bincount(np.array(part) % 2).tolist() for part in by_split(numbers, placed(numbers))]
    assert counts == [[100, 50], [40, 20], [60, 30]]


def test_another_seed_cuts_other_splits():
    numbers = list(range(100))
    first, second = (by_split(numbers, placed(numbers, shares=Shares(0.2, 0.3, seed))) for seed in (0, 1))
    assert first[HOLDOUT] != second[HOLDOUT]


def test_more_images_of_one_class_do_not_move_those_of_another():
    few, many = [*range(0, 80, 2), *range(1, 80, 2)], [*range(0, 200, 2), *range(1, 80, 2)]
    odd = [[[n for n in part if n % 2] for part in by_split(numbers, placed(numbers))] for numbers in (few, many)]
    assert odd[0] == odd[1]


def test_what_is_left_out_has_its_reason():
    numbers = [0, 0, 0, *range(1, 50), 1, 2, 100]
    official = [TRAIN] * 52 + [HOLDOUT] * 3
    placement = placed(numbers, official, shares=Shares(0.2, 0, 0))
    assert placement.reasons == {1: DUPLICATE, 2: DUPLICATE, 3: IN_HOLDOUT, 4: IN_HOLDOUT}
    assert {row for row, at in enumerate(placement.places) if at == NOWHERE} == set(placement.reasons)


# Pictures that look alike --------------------------------------------------------------------------------------------

FAR = 0b111 << 40


@given(st.lists(st.integers(0, 14), min_size=4, max_size=60), st.integers(0, 5))
@settings(deadline=None, max_examples=60)
def test_pictures_that_look_alike_are_never_on_two_sides(families, seed):
    """Images of a family have one hash; those of families differ in four bits or more."""
    numbers = list(range(len(families)))
    hashes = [0b1111 << (4 * family) for family in families]
    places = placed(numbers, hashes=hashes, labels=[0] * len(numbers), shares=Shares(0.3, 0.3, seed)).places
    for family in set(families):
        assert len({at for at, own in zip(places.tolist(), families, strict=True) if own == family}) == 1


def test_of_training_images_that_look_alike_one_stays_where_the_others_are_dropped():
    placement = placed([0, 1, 2], labels=[1, 0, 0], shares=Shares(0, 0, 0), hashes=[0b11, 0, FAR], drop_near=True)
    assert placement.reasons == {0: NEAR_KEPT}
    assert placement.places.tolist() == [NOWHERE, TRAIN, TRAIN]


@pytest.mark.parametrize(
    ("images", "expected"),
    [(0, (0.3, 0.3)), (40, (0.3, 0.3)), (200, (0.15, 0.25)), (5_000, (0.1, 0.2)), (60_000, (0.05, 0.1))],
)
def test_auto_shares_measure_well_and_leave_most_to_train(images, expected):
    shares = shares_of(data_of("auto", validation_share="auto", holdout_share="auto"), ["train"], images)
    assert (shares.validation, shares.holdout) == expected


def test_nothing_is_cut_for_a_split_that_the_source_has():
    data = data_of("auto", validation_share="auto", holdout_share="auto")
    assert shares_of(data, ["train", "holdout"], 5_000) == Shares(0.1, 0, data.seed)
    assert shares_of(data_of("auto", validation_share=0.12, holdout_share=None), ["train"], 5_000).validation == 0.12


@pytest.mark.parametrize(("upper", "reason"), [(HOLDOUT, NEAR_HOLDOUT), (VALIDATION, NEAR_VALIDATION)])
@pytest.mark.parametrize("upper_first", [False, True])
def test_what_looks_like_an_official_image_leaves_train(upper, reason, upper_first):
    official = [TRAIN, upper, TRAIN] if not upper_first else [upper, TRAIN, TRAIN]
    placement = placed([0, 1, 2], official, shares=Shares(0, 0, 0), hashes=[0b11, 0, FAR])
    gone = 1 if upper_first else 0
    assert placement.reasons == {gone: reason}
    assert placement.places.tolist() == [
        upper if at == upper else NOWHERE if row == gone else TRAIN for row, at in enumerate(official)
    ]


@given(families=st.lists(st.integers(0, 12), min_size=1, max_size=80))
@settings(deadline=None, max_examples=60)
def test_what_the_source_says_belongs_together_is_never_on_two_sides(families):
    digests = np.array(
        [hashlib.sha256(str(number).encode()).hexdigest() for number in range(len(families))], dtype="S64"
    )
    labels, official = np.zeros(len(families), np.int64), np.full(len(families), TRAIN)
    places = place(digests, labels, official, None, SHARES, families=np.array(families)).places
    for family in set(families):
        assert len(set(places[np.array(families) == family])) == 1


def test_family_of_one_and_likeness_to_another_make_a_chain():
    """Images 0 and 1 are one family, and each of the others looks like the one before: all stay together."""
    digests = np.array([hashlib.sha256(str(number).encode()).hexdigest() for number in range(40)], dtype="S64")
    hashes = np.array([0, *(7 << (6 * (number // 2 % 10)) for number in range(39))], np.uint64)
    likeness = Likeness(hashes, np.zeros((40, 64), np.uint8))
    labels, official = np.zeros(40, np.int64), np.full(40, TRAIN)
    families = np.array([0, 0, *range(1, 39)])
    together = np.append(0, np.flatnonzero(hashes == hashes[1]))
    for seed in range(10):
        shares = Shares(0.2, 0.3, seed)
        places = place(digests, labels, official, likeness, shares, families=families).places
        assert len(set(places[together])) == 1
        assert len(set(places)) == 3
