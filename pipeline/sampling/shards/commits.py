"""What a run has committed: a record for each shard that is whole, and where a run's files are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from pipeline.base.errors import UserError
from pipeline.sampling.shards.ranges import ShardPlan
from pipeline.store.folder import Entry, Folder

COMMITS, SHARDS = "commits", "shards"  # folders of a run

FileName = Annotated[str, Field(pattern=r"^data/train-\d{6,}\.(parquet|tar)$")]
NotNegative = Annotated[int, Field(ge=0)]


class ShardFile(BaseModel):
    """A file of a shard; `file` is its name within the dataset."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    file: FileName
    bytes: NotNegative
    sha256: str


class ShardRecord(BaseModel):
    """What the manifest says of a shard, in the order of the keys there; further keys are kept."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    shard: NotNegative
    first_index: NotNegative
    rows: Annotated[int, Field(ge=1, le=10**9)]
    candidates: Annotated[int, Field(ge=1)]  # generated until every record had one that passed the filters
    refused: dict[str, NotNegative]  # of them by each filter, by its kind
    file: FileName
    bytes: NotNegative
    sha256: str
    also: list[ShardFile]  # the same records in other formats
    labels: dict[str, int]
    fingerprint: str

    @property
    def files(self) -> list[ShardFile]:
        """Every file of the shard."""
        return [ShardFile(file=self.file, bytes=self.bytes, sha256=self.sha256), *self.also]


class Commit(ShardRecord):
    """The record that a shard is whole; further keys are none of the manifest's."""

    model_config = ConfigDict(extra="ignore")

    seconds: float = 0.0  # a worker was at it, from its first record to its commit; 0 where that is not known


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
        if all(_is_whole(target.run, file, there) for file in commit.files)
    }


def missing_shards(target: ShardTarget, plans: Sequence[ShardPlan]) -> list[ShardPlan]:
    """Return those of `plans` that have no valid commit, or whose files are not whole."""
    done = committed(target, plans)
    return [plan for plan in plans if plan.shard not in done]


def require_committed(target: ShardTarget, plans: Sequence[ShardPlan]) -> list[Commit]:
    """Return the commits of `plans`, all of which were made.

    Raises:
        UserError: one is not there any more.
    """
    done = committed(target, plans)
    lost = [plan.name for plan in plans if plan.shard not in done]
    if lost:
        raise UserError(
            f"{target.run}: {lost[0]} and {len(lost) - 1} more were made, but are not there whole any more: something else changes this "
            "run. Run the same command again: it makes what is missing."
        )
    return list(done.values())


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


def _parsed(content: bytes | None) -> Commit | None:
    """A commit record, None where it is none."""
    if content is None:
        return None
    try:
        return Commit.model_validate_json(content)
    except ValueError:  # pydantic's ValidationError is one
        return None


def _is_commit_of(commit: Commit, target: ShardTarget, plan: ShardPlan) -> bool:
    """Whether the record is one of this shard of this run, and its numbers agree with each other."""
    return (
        (commit.fingerprint, commit.first_index, commit.rows) == (target.fingerprint, plan.first_index, plan.rows)
        and commit.candidates == plan.rows + sum(commit.refused.values())
        and (not commit.labels or sum(commit.labels.values()) == plan.rows)
    )


def _is_whole(run: Folder, file: ShardFile, there: Mapping[str, Entry]) -> bool:
    name = name_in_run(file.file)
    entry = there.get(name)
    return entry is not None and entry.size == file.bytes and (run.guards_content or run.sha256(name) == file.sha256)
