"""Figures in, verdict out: `metrics/<name>/accept.json`, or an end with the gates that were missed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.base.process import run_process

if TYPE_CHECKING:
    from pipeline.runs.command import Work


def _load() -> "Work":
    from pipeline.audit.accept import accept

    return accept


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the stage and returns its exit code."""
    from stages.command import run_stage

    return run_stage("accept", __doc__, "metrics", argv, load=_load)


if __name__ == "__main__":
    run_process("accept", main)
