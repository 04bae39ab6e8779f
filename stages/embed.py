"""Canonical dataset in, domain classifier out: `models/<name>/embedder.*`, the ruler of every distance."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.base.process import run_process

if TYPE_CHECKING:
    from pipeline.runs.command import Command


def _work(command: "Command") -> None:
    from pipeline.embedding.embed import embed

    embed(command)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the stage and returns its exit code."""
    from stages.command import run_stage

    return run_stage("embed", __doc__, "models", argv, work=_work)


if __name__ == "__main__":
    run_process("embed", main)
