"""Files are whole or not there, and no error leaves a half or a stray one behind."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.base.errors import UserError
from pipeline.store.files import (
    atomic_path,
    file_sha256,
    is_there,
    link_or_copy,
    link_or_copy_all,
    own_temporary_folder,
    read_json,
    readable,
    require_free_space,
    sweep_temporary,
    write_atomically,
    write_json,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)

# Run on a small disk of its own: an old file, then a write of 1 MB, then what is left.
WRITE_TOO_MUCH = """
from pipeline.base.errors import UserError
from pipeline.store.files import write_atomically
target = disk / "file"
target.write_bytes(b"old")
try:
    write_atomically(target, bytes(1_000_000))
    error = None
except UserError as refused:
    error = str(refused)
print(json.dumps({"error": error, "content": target.read_text(), "files": sorted(p.name for p in disk.iterdir())}))
"""

WRITE_READ_ONLY = """
import subprocess
from pipeline.base.errors import UserError
from pipeline.store.files import write_atomically
target = disk / "file"
target.write_bytes(b"old")
subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
try:
    write_atomically(target, b"new")
    error = None
except UserError as refused:
    error = str(refused)
print(json.dumps({"error": error, "content": target.read_text(), "files": sorted(p.name for p in disk.iterdir())}))
"""

LINK_FROM_ANOTHER_DISK = """
import os
from pipeline.store.files import link_or_copy
source, target = Path(os.environ["SOURCE"]), disk / "target"
target.write_bytes(b"old")
link_or_copy(source, target)
print(json.dumps({"content": target.read_text(), "files": sorted(p.name for p in disk.iterdir())}))
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_write_makes_missing_folders_and_replaces_the_old_file(tmp_path):
    target = tmp_path / "new" / "folder" / "file"
    for content in (b"first", b"second"):
        write_atomically(target, content)
        assert target.read_bytes() == content
    assert names(target.parent) == ["file"]


def break_off(target: Path, error: type[BaseException]) -> None:
    """Writes half a file, then fails."""
    with atomic_path(target) as temporary:
        temporary.write_bytes(b"ha")
        raise error


@pytest.mark.parametrize(
    ("error", "seen"), [(ValueError, ValueError), (OSError, UserError), (KeyboardInterrupt, KeyboardInterrupt)]
)
def test_failure_half_way_leaves_the_old_file_and_no_temporary_one(tmp_path, error, seen):
    target = tmp_path / "file"
    target.write_bytes(b"old")
    with pytest.raises(seen):
        break_off(target, error)
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_the_target_does_not_change_before_the_write_is_complete(tmp_path):
    target = tmp_path / "file"
    target.write_bytes(b"old")
    with atomic_path(target) as temporary:
        temporary.write_bytes(b"new")
        assert target.read_bytes() == b"old"
        assert temporary.parent == target.parent  # else the rename could cross disks
    assert target.read_bytes() == b"new"


def test_writer_that_writes_nothing_is_an_error_and_not_a_missing_file(tmp_path):
    with pytest.raises(UserError, match="cannot be written"), atomic_path(tmp_path / "file"):
        pass
    assert names(tmp_path) == []


def test_replacing_a_file_leaves_other_names_of_it_alone(tmp_path):
    run, out = tmp_path / "run", tmp_path / "out"
    run.write_bytes(b"finished")
    os.link(run, out)
    write_atomically(out, b"other")
    assert run.read_bytes() == b"finished"


@pytest.mark.parametrize("how", ["write", "link"])
def test_leftover_of_a_killed_process_with_the_same_id_is_not_written_through(tmp_path, how):
    # In a container ids come again, and the leftover may be a hard link to a finished shard.
    finished, source, target = tmp_path / "finished", tmp_path / "source", tmp_path / "target"
    finished.write_bytes(b"finished")
    source.write_bytes(b"new")
    with atomic_path(target) as temporary:
        temporary.write_bytes(b"old")
    os.link(finished, temporary)
    if how == "write":
        write_atomically(target, b"new")
    else:
        link_or_copy(source, target)
    assert (finished.read_bytes(), target.read_bytes()) == (b"finished", b"new")
    assert names(tmp_path) == ["finished", "source", "target"]


def test_what_a_killed_writer_left_is_swept_and_finished_files_stay(tmp_path):
    killed = """
import os, signal, sys
from pathlib import Path
from pipeline.store.files import atomic_path
with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    write_atomically(tmp_path / "shards" / "finished", b"finished")
    subprocess.run([sys.executable, "-c", killed, tmp_path / "shards" / "killed"], check=False)
    assert len(names(tmp_path / "shards")) == 2
    sweep_temporary(tmp_path)
    assert names(tmp_path / "shards") == ["finished"]


def test_full_disk_is_a_user_error_that_names_the_file_and_keeps_the_old_one(run_on_tmpfs):
    result = run_on_tmpfs("64k", WRITE_TOO_MUCH)
    assert "disk is full" in result["error"]
    assert "/file " in result["error"]
    assert (result["content"], result["files"]) == ("old", ["file"])


def test_read_only_disk_is_a_user_error(run_on_tmpfs):
    result = run_on_tmpfs("64k", WRITE_READ_ONLY)
    assert "cannot be written: Read-only file system" in result["error"]
    assert (result["content"], result["files"]) == ("old", ["file"])


def test_folder_without_write_permission_is_a_user_error(tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    if os.access(folder, os.W_OK):
        pytest.skip("this user may write everywhere")
    with pytest.raises(UserError, match=r"file cannot be written: Permission denied"):
        write_atomically(folder / "file", b"new")


@pytest.mark.parametrize("below", ["file", "sub/file"])
def test_file_where_a_folder_is_needed_is_a_user_error(tmp_path, below):
    (tmp_path / "taken").write_bytes(b"a file")
    with pytest.raises(UserError, match="cannot be written"):
        write_atomically(tmp_path / "taken" / below, b"new")
    assert (tmp_path / "taken").read_bytes() == b"a file"


def test_link_replaces_the_target_and_never_edits_what_it_was_linked_to(tmp_path):
    first, second, target = tmp_path / "first", tmp_path / "second", tmp_path / "target"
    first.write_bytes(b"first")
    second.write_bytes(b"second")
    for source in (first, second, second):
        link_or_copy(source, target)
        assert target.read_bytes() == source.read_bytes()
    assert first.read_bytes() == b"first"
    assert names(tmp_path) == ["first", "second", "target"]


def test_linked_target_takes_no_second_copy_of_the_bytes(tmp_path):
    source, target = tmp_path / "source", tmp_path / "deep" / "target"
    source.write_bytes(b"content")
    link_or_copy(source, target)
    assert target.samefile(source)


def test_link_across_disks_falls_back_to_a_copy(run_on_tmpfs, tmp_path, monkeypatch):
    (tmp_path / "source").write_text("content")
    monkeypatch.setenv("SOURCE", str(tmp_path / "source"))
    assert run_on_tmpfs("64k", LINK_FROM_ANOTHER_DISK) == {"content": "content", "files": ["target"]}
    assert (tmp_path / "source").read_text() == "content"


def test_link_of_a_missing_source_leaves_the_old_target(tmp_path):
    target = tmp_path / "target"
    target.write_bytes(b"old")
    with pytest.raises(UserError, match="No such file"):
        link_or_copy(tmp_path / "missing", target)
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["target"]


@given(value=JSON)
@settings(deadline=None, max_examples=50)
def test_json_comes_back_as_it_was_written(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "round-trip.json"
    write_json(path, value)
    assert read_json(path, "value") == value


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], object()])
def test_json_that_others_could_not_read_is_refused_and_the_old_file_stays(tmp_path, value):
    write_json(tmp_path / "file", {"a": 1})
    with pytest.raises((ValueError, TypeError)):
        write_json(tmp_path / "file", value)
    assert json.loads((tmp_path / "file").read_text()) == {"a": 1}


def test_missing_json_is_named_with_its_role(tmp_path):
    with pytest.raises(UserError, match=r"^manifest not found: .*gone\.json"):
        read_json(tmp_path / "gone.json", "manifest")


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"\xff\xfe", b"not json"])
def test_damaged_json_is_named_with_its_role(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(UserError, match=r"^manifest .*file is damaged: "):
        read_json(tmp_path / "file", "manifest")


def test_digest_is_that_of_the_whole_file(tmp_path):
    content = bytes(range(256)) * 10_000
    (tmp_path / "file").write_bytes(content)
    assert file_sha256(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_too_little_space_is_refused_before_work_even_where_the_folder_is_still_to_be_made(tmp_path):
    folder = tmp_path / "not" / "yet" / "made"
    with pytest.raises(
        UserError, match=r"^sample needs about 1,000,000\.0 TB under .*made, where .* are free.* --out FOLDER"
    ):
        require_free_space(folder, 10**18, "sample", "--out FOLDER")
    require_free_space(folder, 1, "sample", "--out FOLDER")
    assert not (tmp_path / "not").exists()


@pytest.mark.parametrize(
    ("free", "needed", "said"),
    [
        (0, 400, "400 bytes under DISK, where 0 bytes are free"),
        (12_000, 2_100_000, "2.1 MB under DISK, where 12.0 KB are free"),
        (1_000_000_000, 1_000_000_001, "1,000,000,001 bytes under DISK, where 1,000,000,000 bytes are free"),
    ],
)
def test_what_is_needed_and_what_is_free_never_read_the_same(tmp_path, monkeypatch, free, needed, said):
    monkeypatch.setattr(
        "shutil.disk_usage", lambda _: SimpleNamespace(free=free)
    )  # no disk has just so many bytes left
    with pytest.raises(UserError, match="choose another place with --set root=FOLDER") as caught:
        require_free_space(tmp_path, needed, "ingest", "--set root=FOLDER")
    assert said.replace("DISK", str(tmp_path)) in str(caught.value)


def test_a_temporary_folder_where_others_may_write_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = own_temporary_folder()
    assert folder == own_temporary_folder()
    assert folder.stat().st_mode & 0o077 == 0
    folder.chmod(0o777)
    with pytest.raises(UserError, match="others may write there"):
        own_temporary_folder()
    folder.rmdir()
    folder.symlink_to(tmp_path)
    with pytest.raises(UserError, match="belongs to somebody else"):
        own_temporary_folder()


def test_a_place_that_cannot_be_looked_at_is_named_once_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert is_there(tmp_path / "file")
    assert not is_there(tmp_path)
    assert not is_there(tmp_path / "file" / "below")
    long = tmp_path / ("x" * 300)
    with pytest.raises(UserError, match=f"^{long}: cannot be read: File name too long.$"):
        is_there(long)
    with pytest.raises(UserError, match=f"^--out y: {long} cannot be read: "), readable("--out y"):
        long.stat()


def test_each_of_many_files_is_told_of(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_text(name)
    told: list[int] = []
    link_or_copy_all([(tmp_path / name, tmp_path / "there" / name) for name in "abc"], told.append)
    assert told == [1, 1, 1]
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["a", "b", "c"]
