"""Write shards: encode the images, write the files, commit."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.base.cpu import keep_freed_memory
from pipeline.base.errors import UserError
from pipeline.images.encodings import Encoding
from pipeline.sampling.records import GeneratedShard
from pipeline.sampling.shards.commits import Commit, ShardFile, ShardTarget, commit_name, name_in_run
from pipeline.sampling.shards.formats import FORMATS
from pipeline.sampling.shards.ranges import ShardPlan
from pipeline.store.folder import write_document

Row = dict[str, NDArray[Any]]  # name -> array of one element


def render_shard(
    shard: GeneratedShard, encoding: Encoding, formats: Sequence[str], classes: Sequence[str]
) -> dict[str, bytes | memoryview]:
    """Return the content of a shard's file in each of the `formats`, in the order of `FORMATS`."""
    encoded = [encoding.encode(image) for image in shard.records.images]
    return {
        kind: render(shard.records, encoded, classes, encoding.suffix)
        for kind, (_, render) in FORMATS.items()
        if kind in formats
    }


def write_shard(shard: GeneratedShard, encoding: Encoding, target: ShardTarget, plan: ShardPlan) -> Commit:
    """Write one shard in each format and commit it; the commit record comes last."""
    started = time.monotonic()
    files = []
    for kind, content in render_shard(shard, encoding, target.formats, target.classes).items():
        name = f"{plan.name}{FORMATS[kind][0]}"
        file = f"data/{name}"
        target.run.write(name_in_run(file), content)
        files.append(ShardFile(file=file, bytes=len(content), sha256=hashlib.sha256(content).hexdigest()))
    first, *others = files
    commit = Commit(
        shard=plan.shard,
        first_index=plan.first_index,
        rows=plan.rows,
        candidates=plan.rows + sum(shard.refused.values()),
        refused=shard.refused,
        file=first.file,
        bytes=first.bytes,
        sha256=first.sha256,
        also=others,
        labels=label_counts(shard.records.labels, target.classes),
        fingerprint=target.fingerprint,
        seconds=round(shard.seconds + time.monotonic() - started, 3),
    )
    write_document(target.run, commit_name(plan.shard), commit.model_dump())
    return commit


def write_row(row: Row, encoding: Encoding, target: ShardTarget) -> Row:
    """Write the shard in a row, unless the row bears an error message, and return its number and the message.

    A row holds a plan's numbers and a generated shard's columns. An error is returned as a message, not raised, because
    the caller is in another process.
    """
    keep_freed_memory()
    message = str(row["message"][0])
    if not message:
        try:
            write_shard(GeneratedShard.of_columns(row), encoding, target, plan_of(row))
        except UserError as error:
            message = str(error)
    return {"shard": row["shard"], "message": np.array([message])}


def plan_of(row: Row) -> ShardPlan:
    """Return the plan whose numbers a row holds."""
    return ShardPlan(*(int(row[field.name][0]) for field in fields(ShardPlan)))


def label_counts(labels: NDArray[np.int64] | None, classes: Sequence[str]) -> dict[str, int]:
    """Return the number of records of each class, by its name; empty where there are no labels (`int64 [N]` or None)."""
    if labels is None:
        return {}
    return dict(zip(classes, np.bincount(labels, minlength=len(classes)).tolist(), strict=True))
