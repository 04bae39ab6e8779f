"""Run all stages, or those up to one, as a job on a cluster: from what is kept below the root, to there."""

import sys
from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer

from pipeline.base.command_line import SETTINGS, add_command, exit_code, run_command_line
from pipeline.base.log import log_info, require_known_format
from pipeline.base.process import raise_interrupts, run_process
from pipeline.base.stage_names import ALL, STAGES


def job(
    target: Annotated[str, typer.Argument(metavar="STAGE|all", help=f"{ALL}, or one of {', '.join(STAGES)}.")],
    preset: Annotated[
        str | None, typer.Option("--preset", metavar="NAME", help="A preset of conf/ (default: the active one).")
    ] = None,
    root: Annotated[
        str | None,
        typer.Option(
            "--root",
            metavar="PLACE",
            help="s3://BUCKET/PREFIX, or a folder that all nodes have (default: the preset's).",
        ),
    ] = None,
) -> None:
    """Run all stages, or those up to one, as `imagemint submit` has a cluster do it; end as `dvc repro` does."""

    def work() -> int:
        from pipeline.jobs.work import run_job

        raise_interrupts()
        require_known_format()
        return run_job(target, preset, root, partial(log_info, "job"))

    raise typer.Exit(exit_code("job", work, "interrupted; the same job submitted again goes on from here."))


def program() -> typer.Typer:
    """Return the job as a program."""
    app = typer.Typer(add_completion=False, context_settings=SETTINGS)
    add_command(app, job, "python -m stages.job all --preset digits --root s3://BUCKET/PREFIX", panel="Stages")
    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line of the job; return its exit code."""
    return run_command_line(program(), "job", "python -m stages.job", sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    run_process("job", main)
