"""Notice whether the source of real images has changed: `metrics/<name>/source.json`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.base.process import run_process

if TYPE_CHECKING:
    from pipeline.runs.command import Work


def _load() -> "Work":
    from pipeline.data.source_digest import source

    return source


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the stage and returns its exit code."""
    from stages.command import run_stage

    return run_stage("source", __doc__, "metrics", argv, load=_load)


if __name__ == "__main__":
    run_process("source", main)
