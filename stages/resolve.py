"""Fill in what the preset leaves out by what ingest found: `metrics/<name>/preset.yaml`, by which DVC sees what has changed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.base.process import run_process

if TYPE_CHECKING:
    from pipeline.runs.command import Work


def _load() -> "Work":
    from pipeline.data.resolve import resolve

    return resolve


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the stage and returns its exit code."""
    from stages.command import run_stage

    return run_stage("resolve", __doc__, "metrics", argv, load=_load)


if __name__ == "__main__":
    run_process("resolve", main)
