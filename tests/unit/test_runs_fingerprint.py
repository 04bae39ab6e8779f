"""Equal things have one name, different ones never share it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.runs.fingerprint import canonical_digest, run_identity

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text('aé\n"')
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc"), inner, max_size=4),
    max_leaves=10,
)


def reordered(value):
    """The same value, the keys of every dict in the opposite order."""
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return [reordered(item) for item in value] if isinstance(value, list) else value


@given(value=JSON)
@settings(deadline=None)
def test_digest_depends_on_neither_key_order_nor_a_trip_through_json(value):
    assert canonical_digest(reordered(value)) == canonical_digest(value)
    assert canonical_digest(json.loads(json.dumps(value))) == canonical_digest(value)


@given(first=JSON, second=JSON)
@settings(deadline=None)
def test_digests_are_equal_exactly_when_the_values_are(first, second):
    same = json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)
    assert (canonical_digest(first) == canonical_digest(second)) == same


@pytest.mark.parametrize(
    ("first", "second"), [([1, 2], [2, 1]), ({"a": 1}, {"a": "1"}), (0, False), (["a,b"], ["a", "b"]), (None, "null")]
)
def test_near_equal_values_have_different_digests(first, second):
    assert canonical_digest(first) != canonical_digest(second)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("-inf")]}])
def test_value_that_is_no_json_is_refused(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_digest(value)


def test_runs_of_different_stages_or_parameters_have_different_names():
    assert (
        len({run_identity("train", {"a": 1}), run_identity("train", {"a": 2}), run_identity("sample", {"a": 1})}) == 3
    )
