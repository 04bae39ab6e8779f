"""What a run has committed: a record for each shard that is whole, and where a run's files are."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from pipeline.sampling.shards.ranges import ShardPlan
from pipeline.store.folder import Entry, Folder

Commit = dict[str, Any]
COMMITS, SHARDS = "commits", "shards"  # folders of a run


class _File(BaseModel):
    model_config = ConfigDict(strict=True)

    file: Annotated[str, Field(pattern=r"^data/train-\d{6,}\.(parquet|tar)$")]
    bytes: Annotated[int, Field(ge=0)]
    sha256: str


class ShardRecord(_File):
    """What is known of a shard, in its commit record and in the manifest."""

    shard: Annotated[int, Field(ge=0)]
    first_index: Annotated[int, Field(ge=0)]
    rows: Annotated[int, Field(ge=1, le=10**9)]
    candidates: Annotated[int, Field(ge=1)]  # drawn until every record had one that passed the filters
    refused: dict[str, Annotated[int, Field(ge=0)]]  # of them by each filter, by its kind
    also: list[_File]
    labels: dict[str, int]
    fingerprint: str


@dataclass(frozen=True)
class ShardTarget:
    """Where shards go and what they are called by."""

    run: Folder
    fingerprint: str
    formats: tuple[str, ...]
    classes: tuple[str, ...]  # none: the records have no labels


def commit_name(shard: int) -> str:
    """A commit record's name within the run."""
    return f"{COMMITS}/{shard:06d}.json"


def name_in_run(file: str) -> str:
    """A shard's name within the run, by its name within the dataset."""
    return f"{SHARDS}/{file.removeprefix('data/')}"


def committed(target: ShardTarget, plans: Sequence[ShardPlan]) -> dict[int, Commit]:
    """The commits among those of `plans` that are valid and whose files are whole, by shard."""
    there = target.run.entries(SHARDS)
    return {
        plan.shard: commit
        for plan, commit in valid_commits(target, plans, target.run.entries(COMMITS))
        if all(_is_whole(target.run, file, there) for file in shard_files(commit))
    }


def valid_commits(
    target: ShardTarget, plans: Sequence[ShardPlan], there: Mapping[str, Entry]
) -> Iterator[tuple[ShardPlan, Commit]]:
    """The commit records among those of `plans` that can be read and are of this run; `there`: the files in its `COMMITS`."""
    present = [plan for plan in plans if commit_name(plan.shard) in there]
    contents = target.run.read_many([commit_name(plan.shard) for plan in present])
    for plan, content in zip(present, contents, strict=True):
        commit = _parsed(content)
        if commit is not None and _is_commit_of(commit, target, plan):
            yield plan, commit


def work_seconds(commit: Commit) -> float:
    """How long a worker was at a shard, from its first record to its commit; 0 where that is not known."""
    seconds = commit.get("seconds")
    return seconds if isinstance(seconds, int | float) else 0.0


def shard_files(commit: Commit) -> list[dict[str, Any]]:
    """Every file of a shard: `{file, bytes, sha256}` each."""
    return [{key: commit[key] for key in ("file", "bytes", "sha256")}, *commit["also"]]


def _parsed(content: bytes | None) -> Commit | None:
    """A commit record, None where it is none."""
    if content is None:
        return None
    try:
        commit: Commit = json.loads(content)
        ShardRecord.model_validate(commit)
    except (ValueError, RecursionError):  # pydantic's ValidationError is a ValueError
        return None
    return commit


def _is_commit_of(commit: Commit, target: ShardTarget, plan: ShardPlan) -> bool:
    """Whether the record is one of this shard of this run, and its numbers agree with each other."""
    return (
        (commit["fingerprint"], commit["first_index"], commit["rows"])
        == (target.fingerprint, plan.first_index, plan.rows)
        and commit["candidates"] == plan.rows + sum(commit["refused"].values())
        and (not commit["labels"] or sum(commit["labels"].values()) == plan.rows)
    )


def _is_whole(run: Folder, file: dict[str, Any], there: Mapping[str, Entry]) -> bool:
    name = name_in_run(file["file"])
    entry = there.get(name)
    return (
        entry is not None and entry.size == file["bytes"] and (run.guards_content or run.sha256(name) == file["sha256"])
    )
