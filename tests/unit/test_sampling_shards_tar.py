"""Tar archives, read back by Python's own reader and by GNU tar."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sampling.shards.tar import archive, member

NAMES = st.text(st.characters(codec="ascii", exclude_characters="\0/"), min_size=1, max_size=100)


@given(st.dictionaries(NAMES, st.binary(max_size=1500), max_size=6))
def test_members_are_read_back_in_order(files: dict[str, bytes]) -> None:
    content = archive([member(name, content) for name, content in files.items()])
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:", errorlevel=2) as tar:
        found = [(entry.name, tar.extractfile(entry).read()) for entry in tar]
    # `tarfile` takes a slash at the end for a folder's; other characters stand for themselves.
    assert found == list(files.items())
    assert len(content) % tarfile.RECORDSIZE == 0


def test_nothing_of_time_owner_or_host_is_in_it() -> None:
    with tarfile.open(fileobj=io.BytesIO(archive([member("000000001.png", b"x")]))) as tar:
        entry = tar.next()
    assert entry is not None
    assert (entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname, entry.mode) == (0, 0, 0, "", "", 0o644)
    assert entry.isreg()


def test_gnu_tar_finds_nothing_to_complain_of(tmp_path: Path) -> None:
    path = tmp_path / "file.tar"
    path.write_bytes(archive([member("a.cls", b"7"), member("a.png", bytes(1024))]))
    listed = subprocess.run(["tar", "-tvf", path], capture_output=True, text=True, check=True)
    assert listed.stderr == ""
    assert [line.split()[-1] for line in listed.stdout.splitlines()] == ["a.cls", "a.png"]


def test_a_name_that_the_format_cannot_hold_is_an_error() -> None:
    with pytest.raises(ValueError, match="101 characters"):
        member("x" * 101, b"")
