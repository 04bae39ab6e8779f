"""Runs that nothing needs are told from those that are in use, and only the former are removed."""

import json
import os
from pathlib import Path

import pytest

from pipeline.runs.lock import locked
from pipeline.runs.run import lock_of
from pipeline.runs.unneeded import AT_WORK, MEASURED, NAMED, NEWEST, named_runs, remove_run, stored_runs

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


def test_a_damaged_output_names_no_run_and_hinders_nothing(root: Path) -> None:
    (root / "models" / "digits" / "model.json").write_text("{")
    assert why_kept(root)["train-a"] == ""
    assert [run.bytes for run in stored_runs(root, {}) if run.stage == "floor"] == [100, 100]
