"""How far a run is, read from what it has committed."""

import os
from pathlib import Path
from typing import Any

import pytest

from pipeline.models.weights import TrainedPair
from pipeline.runs.lock import locked
from pipeline.sampling.generate import RecordGenerator
from pipeline.sampling.shards.commits import ShardTarget, commit_name
from pipeline.sampling.shards.ranges import plan_shards
from pipeline.sampling.status import Request, Status, is_going_on, read_request, statuses, write_request
from tests.unit.tiny import SETTINGS, SHARD_SIZE, make_shard, target_in

pytestmark = pytest.mark.usefixtures("one_thread")

STARTED = 1_000_000.0


def run_in(root: Path, name: str = "tiny", count: int = 30, started: float = STARTED, digest: str = "a") -> ShardTarget:
    """A run that has not made anything yet."""
    target = target_in(root / "runs" / f"sample-{digest * 16}", digest * 64)
    fingerprint = target.fingerprint
    write_request(
        target.run,
        Request(name=name, out="out", fingerprint=fingerprint, count=count, shard_size=SHARD_SIZE, started=started),
    )
    return target


def commit(target: ShardTarget, pair: TrainedPair, shard: int, at: float, took: float = 1) -> None:
    """Makes a shard, whose commit bears a time and says how long the work took."""
    made = make_shard(RecordGenerator(pair, SETTINGS), target, plan_shards(30, SHARD_SIZE)[shard])
    record = target.run.path / commit_name(shard)
    record.write_text(made.model_copy(update={"seconds": took}).model_dump_json())
    os.utime(record, (at, at))


def only(root: Path) -> Status:
    (status,) = statuses(root, "tiny")
    return status


def test_a_run_that_has_just_begun_has_no_rate_yet(tmp_path: Path) -> None:
    run_in(tmp_path)
    status = only(tmp_path)
    assert (status.done_shards, status.shards, status.done_rows) == (0, 3, 0)
    assert status.images_per_s is None
    assert status.seconds_left is None


@pytest.mark.parametrize(
    ("changes", "going_on"), [({}, True), ({"out": "elsewhere"}, False), ({"published": True}, False)]
)
def test_a_request_goes_on_where_the_last_one_was_for_the_same_output_and_not_published(
    tmp_path: Path, changes: dict[str, Any], going_on: bool
) -> None:
    run = run_in(tmp_path).run
    request = read_request(run)
    assert request is not None
    write_request(run, request.model_copy(update=changes))
    assert is_going_on(run, request) == going_on


def test_a_request_to_a_run_that_was_never_begun_does_not_go_on(tmp_path: Path) -> None:
    request = read_request(run_in(tmp_path).run)
    assert request is not None
    assert not is_going_on(target_in(tmp_path / "new").run, request)


def test_rate_and_time_left_are_of_the_work_since_the_last_start(tmp_path: Path, tiny_pair: TrainedPair) -> None:
    target = run_in(tmp_path)
    commit(target, tiny_pair, 2, at=STARTED - 500)
    commit(target, tiny_pair, 0, at=STARTED + 64, took=4)  # a minute went into the start of Ray
    status = only(tmp_path)
    assert (status.done_shards, status.done_rows) == (2, 18)
    assert status.images_per_s == 3
    assert status.seconds_left == 4


def test_a_damaged_commit_and_one_of_another_size_do_not_count(tmp_path: Path, tiny_pair: TrainedPair) -> None:
    target = run_in(tmp_path, count=36)
    commit(target, tiny_pair, 1, at=STARTED)
    commit(target, tiny_pair, 2, at=STARTED)  # partial: the run was asked for fewer then
    (target.run.path / commit_name(0)).write_text("{")
    assert only(tmp_path).done_shards == 1


def test_runs_of_this_preset_the_last_first(tmp_path: Path) -> None:
    assert statuses(tmp_path, "tiny") == []
    first = run_in(tmp_path, digest="b")
    second = run_in(tmp_path, started=STARTED + 1)
    run_in(tmp_path, name="other", digest="c")
    assert [status.run for status in statuses(tmp_path, "tiny")] == [second.run, first.run]


def test_a_request_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    target = run_in(tmp_path)
    run_in(tmp_path, digest="b")
    (target.run.path / "request.json").write_text('{"name": "tiny"}')
    assert len(statuses(tmp_path, "tiny")) == 1


def test_a_run_that_a_process_holds_is_being_worked_on(tmp_path: Path) -> None:
    target = run_in(tmp_path)
    assert not only(tmp_path).working
    with locked(target.run.path.with_suffix(".lock"), "taken"):
        assert only(tmp_path).working
    assert not only(tmp_path).working
