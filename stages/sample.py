"""Model in, synthetic dataset out: `datasets/<name>/{data/,manifest.json}`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.base.process import run_process

if TYPE_CHECKING:
    from pipeline.runs.command import Work


def _load() -> "Work":
    from pipeline.sampling_on_ray.sample import sample

    return sample


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the stage and returns its exit code."""
    from stages.command import run_stage

    return run_stage("sample", __doc__, "datasets", argv, load=_load)


if __name__ == "__main__":
    run_process("sample", main)
