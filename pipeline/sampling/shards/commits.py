"""Read the commit records of a run, one for each complete shard, and name the run's files."""

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
    """Describe a file of a shard; `file` is its name within the dataset."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    file: FileName
    bytes: NotNegative
    sha256: str


class ShardRecord(BaseModel):
    """Hold what the manifest says of a shard, in the order of its keys there; further keys are preserved."""

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
        """Return every file of the shard."""
        return [ShardFile(file=self.file, bytes=self.bytes, sha256=self.sha256), *self.also]


class Commit(ShardRecord):
    """Record that a shard is complete; further keys do not go into the manifest."""

    model_config = ConfigDict(extra="ignore")

    seconds: float = 0.0  # a worker was at it, from its first record to its commit; 0 where that is not known


@dataclass(frozen=True)
class ShardTarget:
    """Describe where shards are written, and the fingerprint, formats and classes that go with them."""

    run: Folder
    fingerprint: str
    formats: tuple[str, ...]
    classes: tuple[str, ...]  # none: the records have no labels


def commit_name(shard: int) -> str:
    """Return the name of a shard's commit record within the run."""
    return f"{COMMITS}/{shard:06d}.json"


def name_in_run(file: str) -> str:
    """Return a shard's name within the run, by its name within the dataset."""
    return f"{SHARDS}/{file.removeprefix('data/')}"


def committed(target: ShardTarget, plans: Sequence[ShardPlan]) -> dict[int, Commit]:
    """Return the valid commits of `plans` whose files are complete, by shard."""
    entries = target.run.entries(SHARDS)
    return {
        plan.shard: commit
        for plan, commit in valid_commits(target, plans, target.run.entries(COMMITS))
        if all(_is_whole(target.run, file, entries) for file in commit.files)
    }


def missing_shards(target: ShardTarget, plans: Sequence[ShardPlan]) -> list[ShardPlan]:
    """Return the plans that have no valid commit, or whose files are incomplete."""
    done = committed(target, plans)
    return [plan for plan in plans if plan.shard not in done]


def require_committed(target: ShardTarget, plans: Sequence[ShardPlan]) -> list[Commit]:
    """Return the commits of `plans`, all of which were written before.

    Raises:
        UserError: a commit or a file of it has disappeared.
    """
    done = committed(target, plans)
    lost = [plan.name for plan in plans if plan.shard not in done]
    if lost:
        raise UserError(
            f"{target.run}: {lost[0]} and {len(lost) - 1} more were written, but are now missing or incomplete: "
            "something else changes this run. Run the same command again; it generates what is missing."
        )
    return list(done.values())


def valid_commits(
    target: ShardTarget, plans: Sequence[ShardPlan], entries: Mapping[str, Entry]
) -> Iterator[tuple[ShardPlan, Commit]]:
    """Yield the commit records of `plans` that can be read and belong to this run.

    `entries` are the files in its folder `COMMITS`.
    """
    present = [plan for plan in plans if commit_name(plan.shard) in entries]
    contents = target.run.read_many([commit_name(plan.shard) for plan in present])
    for plan, content in zip(present, contents, strict=True):
        commit = _parsed(content)
        if commit is not None and _is_commit_of(commit, target, plan):
            yield plan, commit


def _parsed(content: bytes | None) -> Commit | None:
    """Return a commit record, or None where the content is none."""
    if content is None:
        return None
    try:
        return Commit.model_validate_json(content)
    except ValueError:  # pydantic's ValidationError is one
        return None


def _is_commit_of(commit: Commit, target: ShardTarget, plan: ShardPlan) -> bool:
    """Return whether the record belongs to this shard of this run, and its numbers agree with each other."""
    return (
        (commit.fingerprint, commit.first_index, commit.rows) == (target.fingerprint, plan.first_index, plan.rows)
        and commit.candidates == plan.rows + sum(commit.refused.values())
        and (not commit.labels or sum(commit.labels.values()) == plan.rows)
    )


def _is_whole(run: Folder, file: ShardFile, entries: Mapping[str, Entry]) -> bool:
    name = name_in_run(file.file)
    entry = entries.get(name)
    return entry is not None and entry.size == file.bytes and (run.guards_content or run.sha256(name) == file.sha256)
