"""Notice whether the source of real images has changed: writes `metrics/<name>/source.json`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.base.process import run_process

if TYPE_CHECKING:
    from pipeline.runs.command import Work
    from stages.command import Stage


def _load() -> "Work":
    from pipeline.data.source_digest import source

    return source


def stage() -> "Stage":
    """Describe the stage for its command line."""
    from stages.command import Stage

    return Stage("source", __doc__, "metrics", _load)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage and return its exit code."""
    return stage().main(argv, "python -m stages.source")


if __name__ == "__main__":
    run_process("source", main)
