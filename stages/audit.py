"""Dataset on disk in, its figures and report out: `metrics/<name>/audit.json`, card, Croissant and page beside the shards."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.base.process import run_process

if TYPE_CHECKING:
    from pipeline.runs.command import Work


def _load() -> "Work":
    from pipeline.audit.audit import audit

    return audit


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the stage and returns its exit code."""
    from stages.command import run_stage

    return run_stage("audit", __doc__, "datasets", argv, load=_load, switches={"--full": "audit.full=true"})


if __name__ == "__main__":
    run_process("audit", main)
