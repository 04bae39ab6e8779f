"""A folder stands for the object store: what differs there is tried in tests/integration/test_object_store.py."""

import os
from pathlib import Path

import pytest

from pipeline.runs.lease import LEASE
from pipeline.runs.working_copy import WorkingCopy, working_copy
from pipeline.store.local import LocalFolder
from tests.project import digests


@pytest.fixture
def store(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path / "store")


@pytest.fixture
def mirror(store: LocalFolder, tmp_path: Path) -> WorkingCopy:
    (tmp_path / "here").mkdir()
    return WorkingCopy(store, tmp_path / "here")


def test_what_is_asked_for_is_brought_and_a_lease_is_not(store: LocalFolder, mirror: WorkingCopy) -> None:
    for name in ("model/a", "model/b", "samples/c", "d", LEASE):
        store.write(name, name.encode())
    mirror.pull("model", "d", "nothing")
    assert digests(mirror.path) == {name: name.encode() for name in ("model/a", "model/b", "d")}
    mirror.pull()
    assert set(digests(mirror.path)) == {"model/a", "model/b", "samples/c", "d"}


def test_what_is_made_changed_and_removed_here_is_so_there(store: LocalFolder, mirror: WorkingCopy) -> None:
    for name in ("kept", "changed", "removed", "never pulled/e"):
        store.write(name, b"old")
    mirror.pull("kept", "changed", "removed")
    (mirror.path / "changed").write_bytes(b"new content")
    (mirror.path / "made").write_bytes(b"made")
    (mirror.path / "removed").unlink()
    before = store.entry("kept")
    mirror.push()
    assert digests(store.path) == {
        "kept": b"old", "changed": b"new content", "made": b"made", "never pulled/e": b"old"
    }  # fmt: skip
    assert store.entry("kept") == before  # not written again


def test_what_is_half_written_stays_here(store: LocalFolder, mirror: WorkingCopy) -> None:
    (mirror.path / ".checkpoint.pt.17.tmp").write_bytes(b"half")
    mirror.push()
    assert digests(store.path) == {}


def test_files_arrive_in_the_order_in_which_they_were_written(tmp_path: Path) -> None:
    """So that nobody finds a file that says of others that they are whole before these are there."""

    class Told(LocalFolder):
        def write(self, name: str, content: bytes | memoryview) -> None:
            arrived.append(name)
            super().write(name, content)

    arrived: list[str] = []
    names = ["z", "model/weights", "a", "model/description"]
    for position, name in enumerate(names):
        path = tmp_path / "here" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        os.utime(path, ns=(position, position))
    WorkingCopy(Told(tmp_path / "store"), tmp_path / "here").push()
    assert arrived == names


def test_a_folder_of_this_machine_is_worked_in_itself(store: LocalFolder) -> None:
    store.write("a", b"content")
    with working_copy(store) as mirror:
        assert mirror.path == store.path
        mirror.pull()
        mirror.push()
    assert digests(store.path) == {"a": b"content"}
