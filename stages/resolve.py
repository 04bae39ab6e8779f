"""Fill in what the preset leaves out by what ingest found: writes `metrics/<name>/preset.yaml`, which DVC watches."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.base.process import run_process

if TYPE_CHECKING:
    from pipeline.runs.command import Work
    from stages.command import Stage


def _load() -> "Work":
    from pipeline.data.resolve import resolve

    return resolve


def stage() -> "Stage":
    """Describe the stage for its command line."""
    from stages.command import Stage

    return Stage("resolve", __doc__, "metrics", _load)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage and return its exit code."""
    return stage().main(argv, "python -m stages.resolve")


if __name__ == "__main__":
    run_process("resolve", main)
