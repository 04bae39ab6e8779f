"""Train the domain classifier, by which distances are measured: writes `models/<name>/embedder.*`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.base.process import run_process

if TYPE_CHECKING:
    from pipeline.runs.command import Work
    from stages.command import Stage


def _load() -> "Work":
    from pipeline.embedding.embed import embed

    return embed


def stage() -> "Stage":
    """Describe the stage for its command line."""
    from stages.command import Stage

    return Stage("embed", __doc__, "models", _load)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage and return its exit code."""
    return stage().main(argv, "python -m stages.embed")


if __name__ == "__main__":
    run_process("embed", main)
