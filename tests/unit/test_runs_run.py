"""A run is held by one process, is empty when it is to be fresh, and keeps what was made in it."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.base.errors import UserError
from pipeline.runs.run import (
    Run,
    is_whole,
    is_worked_on,
    local_root,
    require_space,
    root_here,
    runs_below,
    store_prefix,
)
from pipeline.store.local import LocalFolder
from tests.project import ROOT

IDENTITY = "a" * 64


def test_what_is_made_in_it_is_there_the_next_time_and_gone_when_fresh(tmp_path: Path) -> None:
    with Run.open(str(tmp_path), "embed", IDENTITY) as run:
        assert (run.name, run.folder) == (f"embed-{'a' * 16}", LocalFolder(run.path))
        (run.path / "made").write_text("x")
        (run.path / ".half.17.tmp").write_text("left by a process that was killed")
    with Run.open(str(tmp_path), "embed", IDENTITY) as run:
        assert [path.name for path in run.path.iterdir()] == ["made"]
    with Run.open(str(tmp_path), "embed", IDENTITY, fresh=True) as run:
        assert not list(run.path.iterdir())


def test_runs_of_other_stages_and_identities_have_folders_of_their_own(tmp_path: Path) -> None:
    keys = [("embed", IDENTITY), ("embed", "b" * 64), ("train", IDENTITY)]
    for stage, identity in keys:
        with Run.open(str(tmp_path), stage, identity) as run:
            (run.path / stage).touch()
    assert [str(folder).rpartition("/")[2] for folder in runs_below(str(tmp_path), "embed")] == [
        "embed-" + "a" * 16,
        "embed-" + "b" * 16,
    ]
    assert len(runs_below(str(tmp_path), "train")) == 1


HOLD = """
import sys
from pipeline.runs.run import Run
with Run.open(sys.argv[1], "embed", sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_one_is_gone(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path, IDENTITY],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        (folder,) = runs_below(str(tmp_path), "embed")
        assert is_worked_on(folder)
        with (
            pytest.raises(UserError, match="Another process is working on this embed run"),
            Run.open(str(tmp_path), "embed", IDENTITY),
        ):
            pass
        other.kill()
    assert not is_worked_on(folder)
    with Run.open(str(tmp_path), "embed", IDENTITY):
        assert is_worked_on(folder)


def test_what_was_computed_once_is_read_back(tmp_path: Path) -> None:
    computed = []

    def compute() -> dict[str, int]:
        computed.append(1)
        return {"value": 7}

    for _ in range(2):
        with Run.open(str(tmp_path), "audit", IDENTITY) as run:
            assert run.cached_json("figures.json", compute) == {"value": 7}
    assert len(computed) == 1


def test_what_ends_in_an_error_keeps_what_was_made(tmp_path: Path) -> None:
    def fail() -> None:
        with Run.open(str(tmp_path), "audit", IDENTITY) as run:
            run.cached_json("figures.json", lambda: {"value": 7})
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    with Run.open(str(tmp_path), "audit", IDENTITY) as run:
        assert run.cached_json("figures.json", lambda: pytest.fail("computed again")) == {"value": 7}


def test_a_root_that_cannot_hold_runs_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"root: .*cannot be written"), Run.open(f"{tmp_path}/file", "embed", IDENTITY):
        pass


def test_roots_of_this_machine_and_of_stores() -> None:
    assert (local_root("/big"), local_root("s3://bucket/x")) == (Path("/big"), None)
    assert (root_here("/big"), root_here("s3://bucket/x")) == (Path("/big"), Path())
    assert store_prefix("/big", "a/b") is None
    assert str(store_prefix("s3://bucket/x", "a/b")) == "s3://bucket/x/a/b"


def test_only_what_loads_is_whole(tmp_path: Path) -> None:
    def load(folder: Path) -> str:
        try:
            return (folder / "model").read_text()
        except OSError:
            raise UserError("damaged") from None

    assert not is_whole(load, tmp_path)
    (tmp_path / "model").touch()
    assert is_whole(load, tmp_path)


def test_work_that_does_not_fit_on_the_disk_is_not_begun(tmp_path: Path) -> None:
    require_space(str(tmp_path), 1, "sample", tmp_path / "out")
    with pytest.raises(UserError, match="--set root=FOLDER"):
        require_space(str(tmp_path), 10**18, "sample", tmp_path / "out")
    require_space(
        "s3://bucket/prefix", 10**18, "sample", tmp_path / "out"
    )  # where the records do not come to this disk
