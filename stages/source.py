"""Notice whether the source of real images has changed: `metrics/<name>/source.json`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.base.process import run_process

if TYPE_CHECKING:
    from pipeline.runs.command import Command


def _work(command: "Command") -> None:
    from pipeline.data.source_digest import source

    source(command)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the stage and returns its exit code."""
    from stages.command import run_stage

    return run_stage("source", __doc__, "metrics", argv, work=_work)


if __name__ == "__main__":
    run_process("source", main)
