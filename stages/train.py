"""Train the generator and the discriminator: writes `models/<name>/`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.base.process import run_process

if TYPE_CHECKING:
    from pipeline.runs.command import Command, Work
    from stages.command import Stage


def _load() -> "Work":
    from pipeline.report.curves import write_curves
    from pipeline.training_on_ray.train import train

    def work(command: "Command") -> None:
        train(command)
        write_curves(command.metrics / "training.csv", command.out / "samples" / "curves.png")

    return work


def stage() -> "Stage":
    """Describe the stage for its command line."""
    from stages.command import Stage

    return Stage("train", __doc__, "models", _load)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage and return its exit code."""
    return stage().main(argv, "python -m stages.train")


if __name__ == "__main__":
    run_process("train", main)
