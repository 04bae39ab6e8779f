"""Measure the model against held-out real images: writes `metrics/<name>/evaluate.json`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.base.process import run_process

if TYPE_CHECKING:
    from pipeline.runs.command import Work
    from stages.command import Stage


def _load() -> "Work":
    from pipeline.audit.evaluate import evaluate

    return evaluate


def stage() -> "Stage":
    """Describe the stage for its command line."""
    from stages.command import Stage

    return Stage("evaluate", __doc__, "metrics", _load)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage and return its exit code."""
    return stage().main(argv, "python -m stages.evaluate")


if __name__ == "__main__":
    run_process("evaluate", main)
