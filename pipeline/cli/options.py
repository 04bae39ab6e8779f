"""Define the options that several commands of `imagemint` share, and write what commands found."""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from pipeline.base.command_line import nearest
from pipeline.base.errors import UserError
from pipeline.base.json_object import JsonObject
from pipeline.base.wrapping import wrapped
from stages.command import require_one_config

if TYPE_CHECKING:
    from pipeline.config import Config

MAKE, LOOK, SHARE, CLUSTER, KEEP = (
    "Make a dataset",
    "Inspect a dataset (also outside of a checkout)",
    "Share",
    "On a cluster",
    "House-keeping",
)
SAME_FILE = 0.7  # how near the name of a file or folder has to be to be meant: few of them are alike
WIDE = 200  # columns of a table that no terminal shows

Dataset = Annotated[str, typer.Argument(metavar="DATASET", help="A folder, or s3://BUCKET/PREFIX.", show_default=False)]
ModelOfDataset = Annotated[
    Path | None,
    typer.Option("--model", metavar="FOLDER", help="The model that generated the records (default: models/NAME)."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


class Line(NamedTuple):
    """Hold one line of a report for people, and what it says as values for programs."""

    title: str
    text: str
    values: JsonObject

    def __str__(self) -> str:
        """Return the line for people."""
        return f"{self.title:11}{self.text}"


def say(text: str) -> None:
    """Write text for people, broken between words where a terminal is too narrow for it."""
    print(wrapped(text, sys.stdout), flush=True)


def print_lines(lines: Iterable[Line], as_json: bool) -> None:
    """Write a report line by line as it comes, or at its end as one JSON object."""
    values: JsonObject = {}
    for line in lines:
        values |= line.values
        if not as_json:
            say(str(line))
    if as_json:
        print_json(values)


def print_json(value: Any) -> None:
    """Write a value for a program to read."""
    print(json.dumps(value, indent=2))


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = ()) -> None:
    """Write a table; the columns that `right` names hold numbers."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in header:
        # On a narrow terminal names stay whole: some begin alike.
        whole = name in (*right, "preset", "stage")
        table.add_column(name, justify="right" if name in right else "left", no_wrap=whole, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else WIDE).print(table)


def config_of(preset: str | None, file: Path | None, overrides: list[str] | None, data: Path | None = None) -> "Config":
    """Load the config that a command is asked to go by."""
    from pipeline.config.load import load_preset_or_file

    require_one_config(preset, file)
    return load_preset_or_file(preset, file, overrides or [], data)


def say_which(name: str, file: Path | None = None, *, as_json: bool = False) -> None:
    """Say what a command goes by, and warn where `imagemint use` chose another preset."""
    from pipeline.config.active import lost_choice
    from pipeline.config.load import which_config

    if not as_json:
        print(which_config(name, file), flush=True)
    if file is None:
        warn(lost_choice(name))


def warn(warning: str | None) -> None:
    """Write a warning, where there is one, to standard error."""
    if warning is not None:
        print(f"imagemint: warning: {warning}", file=sys.stderr)


def require_dataset(place: str) -> None:
    """Refuse a place of this machine that is not there, or that lies in a dataset; name what was meant, where that is known."""
    path = Path(place)
    if "://" in place:
        return
    try:
        missing = next((each for each in (*reversed(path.parents), path) if not each.exists()), None)
        if missing is None:
            above = [] if _holds_manifest(path) else filter(_holds_manifest, path.absolute().parents[:2])
            for whole in above:
                raise UserError(f"{place}: is a part of a dataset. Give the dataset's folder, {whole}.")
            return
        known = [each.name for each in missing.parent.iterdir()] if missing.parent.is_dir() else []
    except OSError:  # whoever reads it says why
        return
    near = nearest(missing.name, known, SAME_FILE)
    meant = "" if near is None else f" Did you mean {str(missing.parent / near)!r}?"
    raise UserError(f"{place}: there is no {'such folder' if missing == path else f'folder {missing}'}.{meant}")


def _holds_manifest(path: Path) -> bool:
    return (path / "manifest.json").is_file()
