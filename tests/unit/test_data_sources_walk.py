"""A folder is walked through its links, and the walk ends."""

import os

import pytest

from pipeline.base.errors import UserError
from pipeline.data.sources import walk
from pipeline.data.sources.walk import BROKEN, LOOP, NO_FILE, walk_local


def make(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def test_files_come_by_name_with_size_and_time(tmp_path):
    make(tmp_path, "b/2", "b/1", "a", "b-c")
    found, left_out = walk_local(tmp_path)
    assert (list(found), left_out) == (["a", "b-c", "b/1", "b/2"], [])
    assert (found["b/1"].size, found["b/1"].modified) == (3, (tmp_path / "b/1").stat().st_mtime)


def test_links_lead_to_files_and_folders_elsewhere(tmp_path):
    make(tmp_path, "elsewhere/deep/a.png", "elsewhere/b")
    (tmp_path / "set").mkdir()
    (tmp_path / "set/folder").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set/c").symlink_to("../elsewhere/b")
    found, left_out = walk_local(tmp_path / "set")
    assert (list(found), left_out) == (["c", "folder/b", "folder/deep/a.png"], [])
    assert found["c"].size == len("elsewhere/b")


def test_loops_end_and_are_named(tmp_path):
    make(tmp_path, "cat/a", "dog/b")
    (tmp_path / "cat/self").symlink_to(".")
    (tmp_path / "dog/up").symlink_to("..")
    (tmp_path / "dog/cats").symlink_to("../cat")
    found, left_out = walk_local(tmp_path)
    assert list(found) == ["cat/a", "dog/b", "dog/cats/a"]
    assert left_out == [("cat/self", LOOP), ("dog/cats/self", LOOP), ("dog/up", LOOP)]


def test_what_is_no_file_is_named_with_the_reason(tmp_path):
    make(tmp_path, "a")
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "x").symlink_to("y")
    (tmp_path / "y").symlink_to("x")
    os.mkfifo(tmp_path / "pipe")
    found, left_out = walk_local(tmp_path)
    assert list(found) == ["a"]
    assert left_out == [("gone", BROKEN), ("pipe", NO_FILE), ("x", BROKEN), ("y", BROKEN)]


def test_folders_that_all_link_to_each_other_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(walk, "MOST_THROUGH_LINKS", 1_000)
    names = [f"d{number}" for number in range(8)]
    make(tmp_path, *(f"{name}/a" for name in names))
    for name in names:
        for other in names:
            (tmp_path / name / f"to-{other}").symlink_to(f"../{other}")
    with pytest.raises(UserError, match=r"more than 1,000 files through links.*Remove the links"):
        walk_local(tmp_path)
