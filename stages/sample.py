"""Generate the synthetic dataset with the model: writes `datasets/<name>/{data/,manifest.json}`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.base.process import run_process

if TYPE_CHECKING:
    from pipeline.runs.command import Work
    from stages.command import Stage


def _load() -> "Work":
    from pipeline.sampling_on_ray.sample import sample

    return sample


def stage() -> "Stage":
    """Describe the stage for its command line."""
    from stages.command import Stage

    return Stage("sample", __doc__, "datasets", _load)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage and return its exit code."""
    return stage().main(argv, "python -m stages.sample")


if __name__ == "__main__":
    run_process("sample", main)
