"""Labels by weight: exact over a cycle, as near as whole numbers come to it anywhere."""

from math import gcd

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.models.labels import label_cycle, labels_of

NAMES = [f"class {number}" for number in range(8)]
WEIGHTS = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 60), min_size=1)


@given(WEIGHTS)
def test_a_cycle_holds_the_classes_exactly_in_proportion(weights: dict[str, int]) -> None:
    counts = np.bincount(label_cycle(weights, NAMES), minlength=len(NAMES))
    assert (counts * gcd(*weights.values())).tolist() == [weights.get(name, 0) for name in NAMES]


@given(WEIGHTS, st.integers(1, 1000))
def test_the_first_records_hold_each_class_s_share_rounded_up_or_down(weights: dict[str, int], count: int) -> None:
    counts = np.bincount(labels_of(label_cycle(weights, NAMES), 0, count), minlength=len(NAMES))
    shares = np.array([weights.get(name, 0) for name in NAMES]) * count / sum(weights.values())
    assert (np.floor(shares) <= counts).all()
    assert (counts <= np.ceil(shares)).all()


@given(WEIGHTS, st.integers(0, 10**12), st.integers(1, 50), st.integers(1, 50))
def test_labels_are_addressed_by_index(weights: dict[str, int], first: int, count: int, more: int) -> None:
    cycle = label_cycle(weights, NAMES)
    together = labels_of(cycle, first, count + more)
    apart = np.concatenate([labels_of(cycle, first, count), labels_of(cycle, first + count, more)])
    assert together.tolist() == apart.tolist()


def test_equal_weights_and_none_go_round_alike() -> None:
    assert label_cycle(None, NAMES).tolist() == label_cycle(dict.fromkeys(NAMES, 7), NAMES).tolist() == list(range(8))


def test_one_class_alone() -> None:
    assert labels_of(label_cycle({"class 3": 5}, NAMES), 10, 4).tolist() == [3, 3, 3, 3]


def test_a_class_whose_name_is_a_number_is_asked_for_by_its_name() -> None:
    """vision#714: "10" is the third class here, not the eleventh, nor the second as texts sort."""
    assert label_cycle({"10": 1}, ["1", "2", "10"]).tolist() == [2]
