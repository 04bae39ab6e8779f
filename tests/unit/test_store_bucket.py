"""Folders of this machine. Those of an object store are tried in tests/integration/test_object_store.py, on a real one."""

import hashlib
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.errors import UserError
from pipeline.store.bucket import Bucket, at_once
from pipeline.store.folder import write_document
from pipeline.store.local import LocalFolder
from pipeline.store.places import is_remote


def test_what_was_written_is_read_and_known(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    folder.write("a/b.bin", b"one")
    folder.write("a/b.bin", memoryview(b"two!"))
    assert folder.read("a/b.bin") == b"two!"
    entry = folder.entry("a/b.bin")
    assert entry is not None
    assert entry.size == 4
    assert entry.modified == (tmp_path / "a" / "b.bin").stat().st_mtime
    assert folder.sha256("a/b.bin") == hashlib.sha256(b"two!").hexdigest()


def test_names_are_those_of_files_below_in_order(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    for name in ("data/b", "data/a/c", "other/d"):
        folder.write(name, b"")
    assert list(folder.entries("data")) == ["data/a/c", "data/b"]
    assert folder.entries("nothing") == {}


def test_many_files_are_read_in_the_order_asked_for(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    folder.write("b", b"two")
    folder.write("a", b"one")
    assert list(folder.read_many(["b", "x", "a"])) == [b"two", None, b"one"]


@given(st.integers(0, 5 * 7 + 3))
def test_what_is_done_at_once_comes_in_order(count: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pipeline.store.bucket.ITEMS_AT_ONCE", 7)
        assert list(at_once(str, range(count), threads=3)) == [str(item) for item in range(count)]


def test_what_is_done_at_once_fails_as_it_does_alone() -> None:
    with pytest.raises(ZeroDivisionError):
        list(at_once(lambda item: 1 // item, [2, 1, 0]))


def test_what_is_not_there_is_none_or_an_error(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    (tmp_path / "folder").mkdir()
    assert folder.entry("x") is folder.entry("folder") is None
    for look in (folder.read, folder.sha256):
        with pytest.raises(FileNotFoundError):
            look("x")


def test_a_document_is_json_and_has_no_nan(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    write_document(folder, "x.json", {"a": [1, None]})
    assert folder.read("x.json") == b'{\n  "a": [\n    1,\n    null\n  ]\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_document(folder, "x.json", float("nan"))


@pytest.mark.parametrize(("place", "remote"), [("s3://a/b", True), ("gs://a", True), ("/s3://a", False), (".", False)])
def test_places_in_object_stores_are_told_by_their_scheme(place: str, remote: bool) -> None:
    assert is_remote(place) is remote


@pytest.mark.parametrize("url", ["s3://", "s3:///x"])
def test_a_place_without_a_bucket_is_refused(url: str) -> None:
    with pytest.raises(UserError, match="use s3://BUCKET/PREFIX"):
        Bucket(url).read("x")


def test_a_bucket_travels_without_its_connection_and_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a-key-that-is-known")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-that-is-known")
    bucket = Bucket("s3://bucket/prefix")
    assert bucket._store is not None
    sent = pickle.dumps(bucket)
    assert b"that-is-known" not in sent
    assert pickle.loads(sent) == bucket
    assert str(bucket / "x") == "s3://bucket/prefix/x"
