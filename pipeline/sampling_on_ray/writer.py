"""Encode and write shards in tasks; they stand apart from `job`, since they need not load torch."""

import numpy as np
import ray
from ray.actor import ActorHandle

from pipeline.cluster.first_error import FirstError
from pipeline.images.encodings import Encoding
from pipeline.sampling.records import GeneratedShard
from pipeline.sampling.shards.commits import ShardTarget
from pipeline.sampling.shards.render import Row, write_row


def write_unless_failed(
    row: Row, encoding: Encoding, target: ShardTarget, first_error: "ActorHandle[FirstError]"
) -> Row:
    """Write a shard as `write_row` does, unless there is an error already.

    So a store that does not answer is waited for once, not once a shard. The row also passes on how many `candidates`
    the shard took.
    """
    message = str(ray.get(first_error.message.remote()))
    if message:
        return {"shard": row["shard"], "message": np.array([message]), "candidates": np.array([0])}
    candidates = 0 if row["message"][0] else GeneratedShard.of_columns(row).candidates
    written = {**write_row(row, encoding, target), "candidates": np.array([candidates])}
    if written["message"][0]:
        ray.get(first_error.report.remote(str(written["message"][0])))
    return written
