"""Apply the gates to the metrics: writes `metrics/<name>/accept.json`, or ends with the gates that were missed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.base.process import run_process

if TYPE_CHECKING:
    from pipeline.runs.command import Work
    from stages.command import Stage


def _load() -> "Work":
    from pipeline.audit.accept import accept

    return accept


def stage() -> "Stage":
    """Describe the stage for its command line."""
    from stages.command import Stage

    return Stage("accept", __doc__, "metrics", _load)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage and return its exit code."""
    return stage().main(argv, "python -m stages.accept")


if __name__ == "__main__":
    run_process("accept", main)
