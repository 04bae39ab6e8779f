"""What goes wrong in one of Ray's processes, told to all of them. Apart from `job`, since writers need not load torch."""

import numpy as np
import ray
from ray.actor import ActorHandle

from pipeline.images.encodings import Encoding
from pipeline.sampling.records import GeneratedShard
from pipeline.sampling.shards.commits import ShardTarget
from pipeline.sampling.shards.render import Row, write_row


class Trouble:
    """An actor that keeps the first message for the user, from whichever process: who finds one here does nothing more."""

    def __init__(self) -> None:
        self.message = ""

    def report(self, message: str) -> None:
        """Keeps it, unless there is one."""
        self.message = self.message or message

    def first(self) -> str:
        """The message; empty so far."""
        return self.message


def write_unless_trouble(row: Row, encoding: Encoding, target: ShardTarget, trouble: "ActorHandle[Trouble]") -> Row:
    """As `write_row`, unless there is trouble already: a store that does not answer is waited for once, not once a shard.

    Passes on how many `candidates` the shard took, too.
    """
    message = str(ray.get(trouble.first.remote()))
    if message:
        return {"shard": row["shard"], "message": np.array([message]), "candidates": np.array([0])}
    candidates = 0 if row["message"][0] else GeneratedShard.of_columns(row).candidates
    written = {**write_row(row, encoding, target), "candidates": np.array([candidates])}
    if written["message"][0]:
        ray.get(trouble.report.remote(str(written["message"][0])))
    return written
