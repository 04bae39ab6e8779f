"""Real images in, canonical dataset out: `data/<name>/`."""

from collections.abc import Sequence

from pipeline.base.process import run_process


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the stage and returns its exit code."""
    from stages.command import run_stage

    return run_stage("ingest", __doc__, "data", argv)


if __name__ == "__main__":
    run_process("ingest", main)
