"""Canonical dataset in, domain classifier out: `models/<name>/embedder.*`, the ruler of every distance."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.base.process import run_process

if TYPE_CHECKING:
    from pipeline.runs.command import Work


def _load() -> "Work":
    from pipeline.embedding.embed import embed

    return embed


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the stage and returns its exit code."""
    from stages.command import run_stage

    return run_stage("embed", __doc__, "models", argv, load=_load)


if __name__ == "__main__":
    run_process("embed", main)
