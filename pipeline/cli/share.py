"""Define the command that hands a dataset on."""

from typing import Annotated

import typer

from pipeline.base.command_line import add_command
from pipeline.base.process import raise_interrupts
from pipeline.cli.options import SHARE, say_which


def add_to(app: typer.Typer) -> None:
    """Add this command to a program."""
    add_command(app, publish, "imagemint publish --to s3://BUCKET/PREFIX", panel=SHARE)


def publish(
    place: Annotated[
        str | None,
        typer.Option("--to", metavar="PLACE", help="A folder, or s3://BUCKET/PREFIX (default: ROOT/published)."),
    ] = None,
) -> None:
    """Publish the active preset's accepted dataset as a version, and tag it in git."""
    from pipeline.config.load import load_preset
    from pipeline.release.publish import publish as published_to

    raise_interrupts()
    config = load_preset()
    say_which(config.name)
    published = published_to(config.name, place or f"{config.root}/published")
    print(f"{published.place}: {published.line}")
    print(f"git tags {', '.join(published.tags)}: `git push --tags` shares them")
