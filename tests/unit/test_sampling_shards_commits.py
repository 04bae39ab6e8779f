"""Commits: what has a valid one is not made again, what has none is."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.errors import UserError
from pipeline.models.weights import TrainedPair
from pipeline.sampling.generate import RecordGenerator
from pipeline.sampling.shards.commits import (
    Commit,
    ShardTarget,
    commit_name,
    committed,
    missing_shards,
    require_committed,
)
from pipeline.sampling.shards.ranges import ShardPlan, plan_shards
from pipeline.store.files import file_sha256
from tests.unit.tiny import SETTINGS, SHARD_SIZE, flip_bit, make_shard, target_in

pytestmark = pytest.mark.usefixtures("one_thread")

PLANS = plan_shards(2 * SHARD_SIZE, SHARD_SIZE)


@pytest.fixture
def target(tiny_pair: TrainedPair, tmp_path: Path) -> ShardTarget:
    """A run with two committed shards in both formats."""
    target = target_in(tmp_path / "run", formats=("webdataset", "parquet"))
    for plan in PLANS:
        make_shard(RecordGenerator(tiny_pair, SETTINGS), target, plan)
    return target


def test_what_was_made_is_committed(target: ShardTarget) -> None:
    commits = committed(target, PLANS)
    assert sorted(commits) == [0, 1]
    assert commits[1].labels == {"cat": 4, "dog": 4, "owl": 4}
    assert (commits[1].first_index, commits[1].rows) == (SHARD_SIZE, SHARD_SIZE)


def test_a_shard_that_lost_a_file_is_missing_and_of_no_use_to_a_dataset(target: ShardTarget) -> None:
    assert missing_shards(target, PLANS) == []
    assert [commit.shard for commit in require_committed(target, PLANS)] == [0, 1]
    (target.run.path / "shards" / "train-000001.tar").unlink()
    assert missing_shards(target, PLANS) == [PLANS[1]]
    with pytest.raises(UserError, match=r"train-000001 and 0 more were written, but are now missing or incomplete"):
        require_committed(target, PLANS)


def test_a_commit_describes_each_file_parquet_first(target: ShardTarget) -> None:
    files = committed(target, PLANS)[1].files
    assert [file.file for file in files] == ["data/train-000001.parquet", "data/train-000001.tar"]
    for file in files:
        path = target.run.path / "shards" / Path(file.file).name
        assert (file.bytes, file.sha256) == (path.stat().st_size, file_sha256(path))


def test_the_keys_of_a_commit_are_those_of_a_manifest_s_shard_and_the_time_last(target: ShardTarget) -> None:
    keys = list(json.loads((target.run.path / commit_name(1)).read_text()))
    assert keys[:6] == ["shard", "first_index", "rows", "candidates", "refused", "file"]
    assert keys[6:] == ["bytes", "sha256", "also", "labels", "fingerprint", "seconds"]


def test_a_commit_that_does_not_say_its_time_holds(target: ShardTarget) -> None:
    path = target.run.path / commit_name(1)
    path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key != "seconds"}))
    assert committed(target, PLANS)[1].seconds == 0


def edit_commit(target: ShardTarget, **changes: Any) -> None:
    path = target.run.path / commit_name(1)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGES: dict[str, Callable[[ShardTarget], Any]] = {
    "no commit": lambda target: (target.run.path / commit_name(1)).unlink(),
    "half a commit": lambda target: truncate(target.run.path / commit_name(1)),
    "other rows": lambda target: edit_commit(target, rows=SHARD_SIZE - 1),
    "other records": lambda target: edit_commit(target, first_index=0),
    "other fingerprint": lambda target: edit_commit(target, fingerprint="e" * 64),
    "other candidates": lambda target: edit_commit(target, candidates=SHARD_SIZE + 1),
    "other labels": lambda target: edit_commit(target, labels={"cat": SHARD_SIZE, "dog": 1, "owl": 0}),
    "missing file": lambda target: (target.run.path / "shards" / "train-000001.parquet").unlink(),
    "missing second file": lambda target: (target.run.path / "shards" / "train-000001.tar").unlink(),
    "truncated file": lambda target: truncate(target.run.path / "shards" / "train-000001.parquet"),
    "truncated second file": lambda target: truncate(target.run.path / "shards" / "train-000001.tar"),
    "flipped bit": lambda target: flip_bit(target.run.path / "shards" / "train-000001.parquet"),
    "file of another shard": lambda target: (target.run.path / "shards" / "train-000000.tar").replace(
        target.run.path / "shards" / "train-000001.tar"
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_a_shard_whose_commit_does_not_hold_counts_as_not_made(
    target: ShardTarget, damage: Callable[[ShardTarget], Any]
) -> None:
    before = committed(target, PLANS)
    damage(target)
    after = committed(target, PLANS[1:])
    assert 1 in before
    assert after == {}


@pytest.mark.parametrize("content", ["{}", "[]"])
def test_a_commit_without_its_keys_counts_as_none(target: ShardTarget, content: str) -> None:
    (target.run.path / commit_name(1)).write_text(content)
    assert sorted(committed(target, PLANS)) == [0]


def test_damage_to_one_shard_leaves_the_others_committed(target: ShardTarget) -> None:
    flip_bit(target.run.path / "shards" / "train-000001.parquet")
    assert sorted(committed(target, PLANS)) == [0]


def identity(commit: Commit) -> dict[str, Any]:
    return commit.model_dump(exclude={"seconds"})


def test_a_shard_made_again_is_the_same_bytes(target: ShardTarget, tiny_pair: TrainedPair) -> None:
    before = committed(target, PLANS)[1]
    flip_bit(target.run.path / "shards" / "train-000001.parquet")
    again = make_shard(RecordGenerator(tiny_pair, SETTINGS), target, PLANS[1])
    assert identity(again) == identity(before)
    assert sorted(committed(target, PLANS)) == [0, 1]


def test_a_partial_last_shard_is_completed_when_the_dataset_grows(target: ShardTarget, tiny_pair: TrainedPair) -> None:
    partial = ShardPlan(2, 2 * SHARD_SIZE, 5)
    make_shard(RecordGenerator(tiny_pair, SETTINGS), target, partial)
    assert sorted(committed(target, [*PLANS, partial])) == [0, 1, 2]
    whole = replace(partial, rows=SHARD_SIZE)
    assert sorted(committed(target, [*PLANS, whole])) == [0, 1]
    make_shard(RecordGenerator(tiny_pair, SETTINGS), target, whole)
    assert sorted(committed(target, [*PLANS, whole])) == [0, 1, 2]


def test_a_shard_that_could_not_be_written_is_not_committed(tiny_pair: TrainedPair, tmp_path: Path) -> None:
    target = target_in(tmp_path / "run")
    (target.run.path / "shards" / "train-000000.parquet").mkdir(parents=True)
    with pytest.raises((OSError, UserError), match="directory"):
        make_shard(RecordGenerator(tiny_pair, SETTINGS), target, PLANS[0])
    assert committed(target, PLANS) == {}


def test_a_commit_of_records_without_labels_counts_none_and_holds(
    unconditional_pair: TrainedPair, tmp_path: Path
) -> None:
    target = target_in(tmp_path / "run", formats=("parquet", "webdataset"), classes=())
    make_shard(RecordGenerator(unconditional_pair, SETTINGS), target, PLANS[0])
    assert committed(target, PLANS)[0].labels == {}
