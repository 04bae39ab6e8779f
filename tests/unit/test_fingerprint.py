"""Equal things have one name, different ones never share it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.fingerprint import canonical_digest, run_folder, source_digest

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


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The folder of an importable package `ruler` with a subpackage."""
    folder = tmp_path / "ruler"
    (folder / "sub").mkdir(parents=True)
    for name in ("__init__.py", "a.py", "sub/__init__.py", "sub/b.py"):
        (folder / name).write_text(f"# {name}\n")
    (tmp_path / "lone_module.py").write_text("x = 1\n")
    (tmp_path / "stranger.py").write_text("y = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


@pytest.mark.parametrize("file", ["__init__.py", "a.py", "sub/b.py"])
def test_source_digest_changes_with_any_file_of_the_package(package, file):
    before = source_digest("ruler")
    (package / file).write_text("# changed\n")
    assert source_digest("ruler") != before


def test_source_digest_changes_when_a_file_is_added_moved_or_removed(package):
    digests = [source_digest("ruler")]
    (package / "c.py").write_text("# a.py\n")
    digests.append(source_digest("ruler"))
    (package / "c.py").rename(package / "sub" / "c.py")
    digests.append(source_digest("ruler"))
    (package / "a.py").unlink()
    digests.append(source_digest("ruler"))
    assert len(set(digests)) == len(digests)


def test_source_digest_is_blind_to_what_does_not_run(package):
    before = source_digest("ruler")
    (package / "notes.txt").write_text("x")
    (package / "._a.py").write_text("left by a Mac")
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "a.cpython-312.pyc").write_bytes(b"x")
    assert source_digest("ruler") == before


def test_source_digest_of_a_module_covers_that_file_alone(package):
    before = source_digest("lone_module")
    (package.parent / "stranger.py").write_text("y = 2\n")
    assert source_digest("lone_module") == before
    (package.parent / "lone_module.py").write_text("x = 2\n")
    assert source_digest("lone_module") != before


def test_source_digest_does_not_depend_on_the_order_of_the_names_or_the_place(package, tmp_path, monkeypatch):
    before = source_digest("ruler", "lone_module")
    assert source_digest("lone_module", "ruler") == before
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for path in (package, package.parent / "lone_module.py"):
        path.rename(moved / path.name)
    monkeypatch.syspath_prepend(moved)
    assert source_digest("ruler", "lone_module") == before


def test_source_digest_of_a_misspelt_module_is_an_error():
    with pytest.raises(ModuleNotFoundError, match="pipelin_typo"):
        source_digest("pipelin_typo")


def test_runs_of_different_stages_roots_or_fingerprints_never_share_a_folder():
    ways = [(".", "train", "a" * 64), (".", "train", "b" * 64), (".", "sample", "a" * 64), ("/big", "train", "a" * 64)]
    assert len({run_folder(*way) for way in ways}) == len(ways)
