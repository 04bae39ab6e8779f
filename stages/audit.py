"""Read the dataset back and measure it against real images: writes `metrics/<name>/audit.json`, card and report."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.base.process import run_process

if TYPE_CHECKING:
    from pipeline.runs.command import Work
    from stages.command import Stage


def _load() -> "Work":
    from pipeline.audit.audit import audit

    return audit


def stage() -> "Stage":
    """Describe the stage for its command line."""
    from stages.command import Stage

    return Stage("audit", __doc__, "datasets", _load, switches={"--full": "audit.full=true"})


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage and return its exit code."""
    return stage().main(argv, "python -m stages.audit")


if __name__ == "__main__":
    run_process("audit", main)
