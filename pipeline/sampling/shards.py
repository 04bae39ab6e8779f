"""Writing shards: encode, write, commit. What has a valid commit is never made again."""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, TypeGuard

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from pipeline.cpu import keep_freed_memory
from pipeline.errors import UserError
from pipeline.folders import Folder, write_document
from pipeline.sampling.encodings import Encoding
from pipeline.sampling.formats import FORMATS
from pipeline.sampling.plan import ShardPlan
from pipeline.sampling.records import MintedShard

Commit = dict[str, Any]
Row = dict[str, Any]  # name -> array of one element


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
    return f"commits/{shard:06d}.json"


def name_in_run(file: str) -> str:
    """A shard's name within the run, by its name within the dataset."""
    return f"shards/{file.removeprefix('data/')}"


def render_shard(
    minted: MintedShard, encoding: Encoding, formats: Sequence[str], classes: Sequence[str]
) -> dict[str, bytes | memoryview]:
    """The content of a shard's file in each format, in the order of `FORMATS`."""
    encoded = [encoding.encode(image) for image in minted.records.images]
    return {
        kind: render(minted.records, encoded, classes, encoding.ending)
        for kind, (_, render) in FORMATS.items()
        if kind in formats
    }


def write_shard(minted: MintedShard, encoding: Encoding, target: ShardTarget, plan: ShardPlan) -> Commit:
    """Writes one shard in each format and commits it, the commit record last."""
    started = time.monotonic()
    files = []
    for kind, content in render_shard(minted, encoding, target.formats, target.classes).items():
        name = f"{plan.name}{FORMATS[kind][0]}"
        file = f"data/{name}"
        target.run.write(name_in_run(file), content)
        files.append({"file": file, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()})
    commit = {
        "shard": plan.shard,
        "first_index": plan.first_index,
        "rows": plan.rows,
        "candidates": plan.rows + sum(minted.refused.values()),
        "refused": minted.refused,
        **files[0],
        "also": files[1:],
        "labels": label_counts(minted.records.labels, target.classes),
        "fingerprint": target.fingerprint,
        "seconds": round(minted.seconds + time.monotonic() - started, 3),
    }
    write_document(target.run, commit_name(plan.shard), commit)
    return commit


def write_row(row: Row, encoding: Encoding, target: ShardTarget) -> Row:
    """As `write_shard`, of a plan's numbers and a minted shard's columns, unless they bear a message; passes number and message on.

    A message is returned, not raised, as the one who asked is in another process.
    """
    keep_freed_memory()
    message = str(row["message"][0])
    if not message:
        try:
            write_shard(MintedShard.of_columns(row), encoding, target, plan_of(row))
        except UserError as error:
            message = str(error)
    return {"shard": row["shard"], "message": np.array([message])}


def plan_of(row: Row) -> ShardPlan:
    """The plan whose numbers a row has."""
    return ShardPlan(*(int(row[field.name][0]) for field in fields(ShardPlan)))


def label_counts(labels: NDArray[np.int64] | None, classes: Sequence[str]) -> dict[str, int]:
    """Records of each class, by its name; nothing where there are no labels (`int64 [N]` or None)."""
    if labels is None:
        return {}
    return dict(zip(classes, np.bincount(labels, minlength=len(classes)).tolist(), strict=True))


def committed(target: ShardTarget, plans: Sequence[ShardPlan]) -> dict[int, Commit]:
    """The valid commits among those of `plans`, by shard."""
    found = {}
    for plan in plans:
        commit = read_commit(target, plan.shard)
        if is_commit_of(commit, target, plan) and _files_are_whole(commit, target):
            found[plan.shard] = commit
    return found


def shard_files(commit: Commit) -> list[dict[str, Any]]:
    """Every file of a shard: `{file, bytes, sha256}` each."""
    return [{key: commit[key] for key in ("file", "bytes", "sha256")}, *commit["also"]]


def read_commit(target: ShardTarget, shard: int) -> Commit | None:
    """A shard's commit record, None where there is none that can be read."""
    try:
        commit: Commit = json.loads(target.run.read(commit_name(shard)))
        ShardRecord.model_validate(commit)
    except (OSError, ValueError, RecursionError):  # pydantic's ValidationError is a ValueError
        return None
    return commit


def is_commit_of(commit: Commit | None, target: ShardTarget, plan: ShardPlan) -> TypeGuard[Commit]:
    """Whether the record is one of this shard of this run, and its numbers agree with each other."""
    return (
        commit is not None
        and (commit["fingerprint"], commit["first_index"], commit["rows"])
        == (target.fingerprint, plan.first_index, plan.rows)
        and commit["candidates"] == plan.rows + sum(commit["refused"].values())
        and (not commit["labels"] or sum(commit["labels"].values()) == plan.rows)
    )


def _files_are_whole(commit: Commit, target: ShardTarget) -> bool:
    return all(_is_whole(target.run, file) for file in shard_files(commit))


def _is_whole(run: Folder, file: dict[str, Any]) -> bool:
    name = name_in_run(file["file"])
    entry = run.entry(name)
    return (
        entry is not None and entry.size == file["bytes"] and (run.guards_content or run.sha256(name) == file["sha256"])
    )
