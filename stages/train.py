"""Canonical dataset and embedder in, trained pair out: `models/<name>/`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.base.process import run_process

if TYPE_CHECKING:
    from pipeline.runs.command import Command


def _work(command: "Command") -> None:
    from pipeline.report.curves import write_curves
    from pipeline.training_on_ray.train import train

    train(command)
    write_curves(command.metrics / "training.csv", command.out / "samples" / "curves.png")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the stage and returns its exit code."""
    from stages.command import run_stage

    return run_stage("train", __doc__, "models", argv, work=_work)


if __name__ == "__main__":
    run_process("train", main)
