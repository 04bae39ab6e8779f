"""Model and holdout in, its quality out: `metrics/<name>/evaluate.json`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.base.process import run_process

if TYPE_CHECKING:
    from pipeline.runs.command import Work


def _load() -> "Work":
    from pipeline.audit.evaluate import evaluate

    return evaluate


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the stage and returns its exit code."""
    from stages.command import run_stage

    return run_stage("evaluate", __doc__, "metrics", argv, load=_load)


if __name__ == "__main__":
    run_process("evaluate", main)
