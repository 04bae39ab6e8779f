"""Define the commands that keep a checkout tidy."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.base.command_line import add_command
from pipeline.base.process import raise_interrupts
from pipeline.cli.options import KEEP, AsJson, print_json


def add_to(app: typer.Typer) -> None:
    """Add these commands to a program."""
    add_command(app, clean, "imagemint clean --yes", panel=KEEP)
    add_command(app, schema, "imagemint schema > conf/schema.json", panel=KEEP)


def clean(
    yes: Annotated[bool, typer.Option("--yes", help="Remove the runs instead of only listing them.")] = False,
    root: Annotated[
        str | None,
        typer.Option(
            "--root", metavar="FOLDER", help="The folder that holds runs/ (default: the active preset's root)."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Free space: list the runs that nothing here needs any more, and remove them with --yes.

    A run stays where an output here names it, or a process works on it. The newest of each stage and preset stays, too.
    """
    from pipeline.cli.cleaning import clean_runs

    raise_interrupts()
    report = clean_runs(Path.cwd(), root, remove=yes)
    if as_json:
        print_json(report.values())
    else:
        report.write()


def schema() -> None:
    """Print the JSON schema of a preset, for editors."""
    from pipeline.config import Config
    from pipeline.config.defaults import editor_schema

    print_json(editor_schema(Config.model_json_schema()))
