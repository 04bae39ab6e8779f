"""Before training starts from 0, it is told what is otherwise than in an earlier run, and what that costs."""

import os
from pathlib import Path

import pytest

from pipeline.config.load import load_config
from pipeline.runs.earlier_runs import PARAMETERS, config_parameters, remember_parameters, restart
from pipeline.runs.usage import TIME
from pipeline.store.folder import write_document
from pipeline.store.local import LocalFolder
from tests.unit.config_cases import SMALLEST

BEFORE = {"train.total_images": 12_800, "train.loss": "relativistic", "model.width": 32, "the data": "a" * 64}


def run_with(root: Path, number: int, parameters: dict, name: str = "tiny", age: int = 0) -> Path:
    """A run that took 64 s for 12,800 images."""
    folder = root / "runs" / f"train-{number:016x}"
    remember_parameters(LocalFolder(folder), name, parameters)
    write_document(LocalFolder(folder), TIME, {"images": 12_800, "seconds": 64, "core_seconds": 128, "gpu_seconds": 0})
    os.utime(folder / PARAMETERS, (1_000_000 - age, 1_000_000 - age))
    return folder


def told(root: Path, **changed: object) -> str | None:
    now = {**BEFORE, **{key.replace("__", "."): value for key, value in changed.items()}}
    return restart(str(root), "tiny", now, 25_600)


def test_a_raised_budget_says_what_it_was_what_it_costs_and_where_the_run_is_kept(tmp_path: Path) -> None:
    run = run_with(tmp_path, 1, BEFORE)
    assert told(tmp_path, train__total_images=25_600) == (
        "starts from 0: train.total_images was 12,800, is 25,600; about 2 min at the earlier run's speed; "
        f"the earlier run is kept in {run}"
    )


def test_networks_of_another_size_have_another_speed(tmp_path: Path) -> None:
    run = run_with(tmp_path, 1, BEFORE)
    assert (
        told(tmp_path, model__width=64) == f"starts from 0: model.width was 32, is 64; the earlier run is kept in {run}"
    )


def test_a_run_that_told_no_time_has_no_speed(tmp_path: Path) -> None:
    run = run_with(tmp_path, 1, BEFORE)
    (run / TIME).unlink()
    assert "speed" not in (told(tmp_path, train__total_images=25_600) or "speed")


def test_what_is_known_by_a_digest_has_changed(tmp_path: Path) -> None:
    run_with(tmp_path, 1, BEFORE)
    assert "starts from 0: the data has changed; about 2 min" in (told(tmp_path, **{"the data": "b" * 64}) or "")


def test_the_run_that_differs_least_is_told_of_and_the_newest_of_those(tmp_path: Path) -> None:
    run_with(tmp_path, 1, {**BEFORE, "train.loss": "hinge"})
    run_with(tmp_path, 2, BEFORE, age=10)
    newest = run_with(tmp_path, 3, {**BEFORE, "train.total_images": 6400})
    run_with(tmp_path, 4, BEFORE, name="other")
    said = told(tmp_path, train__total_images=25_600) or ""
    assert "was 6,400, is 25,600" in said
    assert said.endswith(str(newest))


def test_of_many_differences_some_are_named(tmp_path: Path) -> None:
    run_with(tmp_path, 1, {})
    assert "train.loss was null, is relativistic, model.width was null, is 32 and 1 more;" in (told(tmp_path) or "")


@pytest.mark.parametrize("text", ["{", "[]", '{"name": "other"}'])
def test_where_no_run_is_known_there_is_nothing_to_tell(tmp_path: Path, text: str) -> None:
    assert told(tmp_path, train__total_images=25_600) is None
    (run_with(tmp_path, 1, BEFORE) / PARAMETERS).write_text(text)
    (tmp_path / "runs" / "train-0000000000000002").mkdir()
    assert told(tmp_path, train__total_images=25_600) is None


def test_a_run_that_can_be_taken_up_again_is_no_restart(tmp_path: Path) -> None:
    run_with(tmp_path, 1, BEFORE)
    run_with(tmp_path, 2, {**BEFORE, "train.total_images": 6400})
    assert told(tmp_path) is None


def test_parameters_are_the_keys_of_the_config_that_make_another_run(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(SMALLEST)
    first = config_parameters(load_config(tmp_path / "tiny.yaml"))
    sets = ["train.total_images=2000", "train.tensorboard=true", "sample.count=2000", "train.penalty.r1=3"]
    second = config_parameters(load_config(tmp_path / "tiny.yaml", sets))
    assert {key for key in first | second if first.get(key) != second.get(key)} == {
        "train.total_images",
        "train.penalty.r1",
    }
