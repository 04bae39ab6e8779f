"""Prepare the images of the source: writes the canonical dataset `data/<name>/`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.base.process import run_process

if TYPE_CHECKING:
    from pipeline.runs.command import Work
    from stages.command import Stage


def _load() -> "Work":
    from pipeline.data.ingest import ingest

    return ingest


def stage() -> "Stage":
    """Describe the stage for its command line."""
    from stages.command import Stage

    return Stage("ingest", __doc__, "data", _load)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage and return its exit code."""
    return stage().main(argv, "python -m stages.ingest")


if __name__ == "__main__":
    run_process("ingest", main)
