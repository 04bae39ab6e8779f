"""Runs that nothing needs are told from those that are in use, and only the former are removed."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from pipeline.runs.lock import locked
from pipeline.runs.run import lock_of
from pipeline.runs.unneeded import AT_WORK, MEASURED, NAMED, NEWEST, UNKNOWN, named_runs, remove_run, stored_runs
from tests.project import ROOT, environment
from tests.project import run as run_command

TRAINED = "a" * 64


def make_run(root: Path, name: str, modified: int, preset: str | None = None) -> Path:
    run = root / "runs" / name
    run.mkdir(parents=True)
    (run / "weights").write_bytes(b"x" * 100)
    if preset is not None:
        (run / "parameters.json").write_text(json.dumps({"name": preset, "parameters": {}}))
    for path in (*run.iterdir(), run):
        os.utime(path, (modified, modified))
    lock_of(run).touch()
    return run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout with one model, and runs of which it needs some."""
    for name, modified in ((f"train-{TRAINED[:16]}", 1), ("train-" + "b" * 16, 2), ("train-" + "c" * 16, 3)):
        make_run(tmp_path, name, modified, "digits")
    make_run(tmp_path, "train-" + "d" * 16, 1, "emoji")
    make_run(tmp_path, "floor-" + "e" * 16, 1)
    make_run(tmp_path, "floor-" + "f" * 16, 2)
    (tmp_path / "runs" / "downloads").mkdir()
    model = tmp_path / "models" / "digits" / "model.json"
    model.parent.mkdir(parents=True)
    model.write_text(json.dumps({"fingerprint": TRAINED}))
    return tmp_path


def why_kept(root: Path) -> dict[str, str]:
    return {run.path.name[: run.path.name.index("-") + 2]: run.kept for run in stored_runs(root, named_runs(root))}


def test_a_run_stays_that_an_output_names_that_is_the_newest_or_that_holds_measurements(root: Path) -> None:
    assert why_kept(root) == {
        "train-a": NAMED,
        "train-b": "",
        "train-c": NEWEST,
        "train-d": NEWEST,
        "floor-e": MEASURED,
        "floor-f": MEASURED,
    }


def test_a_run_that_does_not_say_for_which_preset_it_is_stays(root: Path) -> None:
    older, newer = (make_run(root, f"ingest-{digit * 16}", modified) for digit, modified in (("1", 1), ("2", 2)))
    assert (why_kept(root)["ingest-1"], why_kept(root)["ingest-2"]) == (UNKNOWN, UNKNOWN)
    for run in (older, newer):
        (run / "preset.json").write_text('{"name": "digits"}')
    assert sorted((why_kept(root)["ingest-1"], why_kept(root)["ingest-2"])) == ["", NEWEST]


def test_a_run_that_is_worked_on_stays(root: Path) -> None:
    run = root / "runs" / ("train-" + "b" * 16)
    with locked(lock_of(run), "taken"):
        assert why_kept(root)["train-b"] == AT_WORK


def test_a_run_that_was_taken_up_since_it_was_listed_is_not_removed(root: Path) -> None:
    (run,) = [each for each in stored_runs(root, named_runs(root)) if not each.kept]
    with locked(lock_of(run.path), "taken"):
        assert not remove_run(run)
    assert run.path.is_dir()
    assert remove_run(run)
    assert not run.path.exists()


def test_a_removal_that_is_killed_leaves_no_half_of_a_run_and_the_next_one_ends_it(root: Path) -> None:
    (run,) = [each for each in stored_runs(root, named_runs(root)) if not each.kept]
    kill = f"""
import os, sys
from pathlib import Path
from pipeline.runs.unneeded import named_runs, remove_run, stored_runs
root = Path({str(root)!r})
(run,) = [each for each in stored_runs(root, named_runs(root)) if not each.kept]
sys.addaudithook(lambda event, _: os._exit(9) if event == "os.remove" else None)
remove_run(run)
"""
    assert run_command("python", "-c", kill, cwd=ROOT).returncode == 9
    assert not run.path.exists()
    (left,) = [each for each in stored_runs(root, named_runs(root)) if not each.kept]
    assert (left.stage, left.preset, left.bytes > 0) == ("train", "digits", True)
    with locked(lock_of(run.path), "a stage that makes the run anew"):
        assert not remove_run(left)
    assert remove_run(left)
    assert not remove_run(left)
    assert [path.name for path in (root / "runs").glob("*" + "b" * 16) if path.is_dir()] == []


def test_a_run_that_lies_elsewhere_by_a_link_is_left_alone(root: Path) -> None:
    (root / "runs" / ("train-" + "9" * 16)).symlink_to(root / "runs" / ("train-" + "b" * 16))
    assert "train-9" not in why_kept(root)


def test_files_that_a_process_removes_meanwhile_hinder_nothing(root: Path) -> None:
    run = root / "runs" / ("train-" + "c" * 16)
    (run / "checkpoints").mkdir()
    work = f"""
import itertools
from pathlib import Path
for number in itertools.count():
    path = Path({str(run / "checkpoints")!r}, f"{{number % 9}}.tmp")
    path.write_bytes(b"x")
    path.unlink()
"""
    with subprocess.Popen(["python", "-c", work], env=environment()) as worker:
        try:
            for _ in range(1000):
                assert why_kept(root)["train-b"] == ""
            assert worker.poll() is None
        finally:
            worker.kill()


def test_a_damaged_output_names_no_run_and_hinders_nothing(root: Path) -> None:
    (root / "models" / "digits" / "model.json").write_text("{")
    assert why_kept(root)["train-a"] == ""
    assert [run.bytes for run in stored_runs(root, {}) if run.stage == "floor"] == [100, 100]
