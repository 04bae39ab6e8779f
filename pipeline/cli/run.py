"""Define the command `run`: one stage, or the whole pipeline."""

from importlib import import_module
from typing import Annotated

import typer

from pipeline.base.command_line import Group, add_command
from pipeline.base.errors import UserError
from pipeline.base.process import raise_interrupts
from pipeline.base.stage_names import ALL, STAGES
from pipeline.cli.options import MAKE
from stages.command import PresetName

run = typer.Typer(cls=Group)


def add_to(app: typer.Typer) -> None:
    """Add this command to a program."""
    app.add_typer(
        run, name="run", rich_help_panel=MAKE, epilog="Example: imagemint run train --set train.total_images=1000000"
    )


@run.callback(invoke_without_command=True, subcommand_metavar="STAGE|all [OPTIONS]")
def stage_or_all(context: typer.Context) -> None:
    """Run the whole pipeline, or one stage of it."""
    if context.invoked_subcommand is None:
        print(context.get_help())


def run_all_stages(
    preset: PresetName = None,
    default: Annotated[bool, typer.Option("--default", help="Take the preset that git shares.")] = False,
    overrides: Annotated[list[str] | None, typer.Option("--set", hidden=True)] = None,
) -> None:
    """Run what has changed of the whole pipeline, from the source to the accepted dataset.

    What is finished is not done again. --preset makes that preset active in this checkout, as `imagemint use` does.
    All stages go by the preset's file: change a key there. `imagemint run STAGE --set` changes it for one stage alone.
    """
    from pipeline.cli.run_all import run_all

    raise_interrupts()
    if overrides:
        raise UserError(f"--set {overrides[0]}: all stages go by the preset's file: change the key there.")
    raise typer.Exit(run_all(preset, default=default))


add_command(run, run_all_stages, "imagemint run all --preset digits", panel="Stages", name=ALL)
for _name in STAGES:
    import_module(f"stages.{_name}").stage().add_to(run)
