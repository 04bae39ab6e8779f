"""Canonical dataset and embedder in, trained pair out: `models/<name>/`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.base.process import run_process

if TYPE_CHECKING:
    from pipeline.runs.command import Command, Work


def _load() -> "Work":
    from pipeline.report.curves import write_curves
    from pipeline.training_on_ray.train import train

    def work(command: "Command") -> None:
        train(command)
        write_curves(command.metrics / "training.csv", command.out / "samples" / "curves.png")

    return work


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the stage and returns its exit code."""
    from stages.command import run_stage

    return run_stage("train", __doc__, "models", argv, load=_load)


if __name__ == "__main__":
    run_process("train", main)
