"""Notice whether the source of real images has changed: `metrics/<name>/source.json`."""

from collections.abc import Sequence

from pipeline.base.process import run_process


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the stage and returns its exit code."""
    from stages.command import run_stage

    return run_stage("source", __doc__, "metrics", argv)


if __name__ == "__main__":
    run_process("source", main)
