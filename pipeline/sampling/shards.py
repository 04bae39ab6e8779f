"""Making shards: mint, encode, write, commit. What has a valid commit is never made again."""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeGuard

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from pipeline.models.weights import TrainedPair
from pipeline.sampling.drawing import MintSettings
from pipeline.sampling.filters import Filter
from pipeline.sampling.formats import FORMATS
from pipeline.sampling.minting import MintedShard, mint
from pipeline.sampling.plan import ShardPlan
from pipeline.storage import file_sha256, write_atomically, write_json

Commit = dict[str, Any]


class _File(BaseModel):
    model_config = ConfigDict(strict=True)

    file: Annotated[str, Field(pattern=r"^data/train-\d{6,}\.(parquet|tar)$")]
    bytes: Annotated[int, Field(ge=0)]
    sha256: str


class ShardRecord(_File):
    """What is known of a shard, in its commit record and in the manifest."""

    shard: Annotated[int, Field(ge=0)]
    first_index: Annotated[int, Field(ge=0)]
    rows: Annotated[int, Field(ge=1)]
    candidates: int  # drawn until every record had one that passed the filters
    refused: dict[str, int]  # of them by each filter, by its kind
    also: list[_File]
    labels: dict[str, int]
    fingerprint: str


@dataclass(frozen=True)
class ShardTarget:
    """Where shards go and what they are called by."""

    run: Path
    fingerprint: str
    formats: tuple[str, ...]
    classes: tuple[str, ...]  # none: the records have no labels

    @property
    def shards(self) -> Path:
        return self.run / "shards"

    def commit_path(self, shard: int) -> Path:
        return self.run / "commits" / f"{shard:06d}.json"


def render_shard(
    pair: TrainedPair,
    settings: MintSettings,
    filters: Sequence[Filter],
    formats: Sequence[str],
    classes: Sequence[str],
    plan: ShardPlan,
) -> tuple[MintedShard, dict[str, bytes | memoryview]]:
    """What is in a shard, and the content of its file in each format, in the order of `FORMATS`."""
    minted = mint(pair, settings, plan, filters)
    records, encoding = minted.records, settings.encoding
    encoded = [encoding.encode(image) for image in records.images]
    contents = {
        kind: render(records, encoded, classes, encoding.ending)
        for kind, (_, render) in FORMATS.items()
        if kind in formats
    }
    return minted, contents


def make_shard(
    pair: TrainedPair, settings: MintSettings, filters: Sequence[Filter], target: ShardTarget, plan: ShardPlan
) -> Commit:
    """Makes one shard in each format and commits it; the commit record is written last."""
    started = time.monotonic()
    minted, contents = render_shard(pair, settings, filters, target.formats, target.classes, plan)
    files = []
    for kind, content in contents.items():
        name = f"{plan.name}{FORMATS[kind][0]}"
        write_atomically(target.shards / name, content)
        files.append({"file": f"data/{name}", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()})
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
        "seconds": round(time.monotonic() - started, 3),
    }
    write_json(target.commit_path(plan.shard), commit)
    return commit


def label_counts(labels: NDArray[np.int64] | None, classes: Sequence[str]) -> dict[str, int]:
    """Records of each class, by its name; nothing where there are no labels (`int64 [N]` or None)."""
    if labels is None:
        return {}
    return dict(zip(classes, np.bincount(labels, minlength=len(classes)).tolist(), strict=True))


def committed(target: ShardTarget, plans: Sequence[ShardPlan]) -> dict[int, Commit]:
    """The valid commits among those of `plans`, by shard."""
    found = {}
    for plan in plans:
        commit = read_commit(target.commit_path(plan.shard))
        if is_commit_of(commit, target, plan) and _files_are_whole(commit, target):
            found[plan.shard] = commit
    return found


def shard_files(commit: Commit) -> list[dict[str, Any]]:
    """Every file of a shard: `{file, bytes, sha256}` each."""
    return [{key: commit[key] for key in ("file", "bytes", "sha256")}, *commit["also"]]


def read_commit(path: Path) -> Commit | None:
    """The commit record in a file, None where there is none that can be read."""
    try:
        commit: Commit = json.loads(path.read_text(encoding="utf-8"))
        ShardRecord.model_validate(commit)
    except (OSError, ValueError):  # pydantic's ValidationError is a ValueError
        return None
    return commit


def is_commit_of(commit: Commit | None, target: ShardTarget, plan: ShardPlan) -> TypeGuard[Commit]:
    """Whether the record is one of this shard of this run."""
    return commit is not None and (commit["fingerprint"], commit["first_index"], commit["rows"]) == (
        target.fingerprint,
        plan.first_index,
        plan.rows,
    )


def _files_are_whole(commit: Commit, target: ShardTarget) -> bool:
    for file in shard_files(commit):
        path = target.shards / Path(file["file"]).name
        if not path.is_file() or path.stat().st_size != file["bytes"] or file_sha256(path) != file["sha256"]:
            return False
    return True
