"""Record the terminal sessions of the docs in a scratch clone, as pictures in docs/terminal/: `python -m tests.terminal_docs`.

Each shows what a person saw: the lines that stay, and each bar as it was last. `repro` takes some minutes; names choose sessions.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from tests.project import ROOT
from tests.terminal import on_terminal

FOLDER = ROOT / "docs" / "terminal"
COLUMNS = 100
TAB = 8  # columns from one stop of a terminal to the next
MOST_BYTES = 60_000
SESSIONS = {
    "help": ("imagemint --help",),
    "mistakes": (
        "imagemint shwo datasets/digits",
        "imagemint run all --preset fashion-minst",
        "imagemint run train --set train.total_imags=1000000",
    ),
    "init": ("ls scans", "imagemint init handwriting scans"),
    "repro": ("make repro PRESET=digits",),
}
ANSWERS = {"[Y/n] ": "y"}
BAR, BAR_ENDS = "━", "╸╺"  # of what bars are drawn
# What would change colours and widths; each picture is to be the same wherever it is recorded.
_UNSET = ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "COLUMNS", "LINES", "TERMINAL_WIDTH", "VIRTUAL_ENV")
_WRITTEN = re.compile(
    r"\x1b\[(?P<numbers>[?0-9;]*)(?P<command>[A-Za-z])|(?P<control>[\r\n\t])|(?P<character>[^\x1b\x00-\x1f])"
)
# Without the fonts that rich has a browser load from elsewhere.
_SVG = re.sub(r" *@font-face \{\{.*?\n    \}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


class Cell(NamedTuple):
    """Hold one character of a terminal, and the colours it is written in."""

    character: str
    colours: str


class Screen:
    """Follow what a program writes to a terminal without an end, and keep the bars that it erases."""

    def __init__(self, written: str, columns: int) -> None:
        """Follow all that was written."""
        self._rows: list[list[Cell]] = [[]]
        self._bars: list[tuple[int, list[Cell]]] = []  # by the row where each stood
        self._row = self._column = 0
        self._columns, self._colours = columns, ""
        for part in _WRITTEN.finditer(written):
            if part["character"]:
                self._put(part["character"])
            elif part["control"] == "\t":
                self._column = min((self._column // TAB + 1) * TAB, columns - 1)
            elif part["control"]:
                self._column = 0
                self._go_to(self._row + (part["control"] == "\n"))
            else:
                self._obey(part["command"], part["numbers"])

    def lines(self) -> list[Text]:
        """Return the lines from the top, with each bar as it was last before another one, or other work, began."""
        last: list[tuple[int, list[Cell]]] = []
        for row, bar in self._bars:
            if last and _label(last[-1][1]) == _label(bar):
                last.pop()
            last.append((row, bar))
        shown = [
            cells for row, line in enumerate(self._rows) for cells in (*(bar for at, bar in last if at == row), line)
        ]
        return [_text(cells) for cells in shown]

    def _put(self, character: str) -> None:
        if self._column == self._columns:
            self._column = 0
            self._go_to(self._row + 1)
        line = self._rows[self._row]
        line += [Cell(" ", "")] * (self._column + 1 - len(line))
        line[self._column] = Cell(character, self._colours)
        self._column += 1

    def _go_to(self, row: int) -> None:
        self._row = row
        self._rows += [[] for _ in range(row + 1 - len(self._rows))]

    def _obey(self, command: str, numbers: str) -> None:
        if command == "m":
            self._colours = "" if numbers in ("", "0") else f"{self._colours}\x1b[{numbers}m"
        elif command == "A":
            self._row -= int(numbers or 1)
        elif command == "K":
            line = self._rows[self._row]
            if BAR in (cell.character for cell in line):
                self._bars.append((self._row, line))
            self._rows[self._row] = []


def _label(bar: list[Cell]) -> str:
    return "".join(cell.character for cell in bar).partition(BAR)[0].rstrip(BAR_ENDS)


def _text(cells: list[Cell]) -> Text:
    runs = groupby(cells, key=lambda cell: cell.colours)
    return Text.from_ansi(
        "".join(f"{colours}{''.join(each.character for each in run)}\x1b[0m" for colours, run in runs)
    )


def picture(title: str, lines: list[Text], name: str) -> str:
    """Return the lines of a terminal as SVG; `name` begins the ids in it."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), color_system="truecolor", force_terminal=True)
    for line in lines:
        console.print(line, no_wrap=True, overflow="crop", crop=True)
    svg = console.export_svg(title=title, code_format=_SVG, unique_id=name)
    return "".join(f"{line.rstrip()}\n" for line in svg.splitlines())


def record(name: str, checkout: Path) -> str:
    """Run the commands of a session in a checkout, and return its picture."""
    lines: list[Text] = []
    for command in SESSIONS[name]:
        lines += [Text.assemble(("$ ", "bold green"), (command, "bold"))]
        shell = ("env", *(f"--unset={each}" for each in _UNSET), "bash", "-c", command)
        variables = {"PYTHONPATH": str(checkout), "LC_ALL": "C.UTF-8"}
        session = on_terminal(*shell, columns=COLUMNS, answers=ANSWERS, cwd=checkout, **variables)
        lines += [*Screen(session.written.rstrip(), COLUMNS).lines(), Text()]  # rich cuts the last line off too high
    return picture("imagemint", lines, name)


def scratch_checkout(folder: Path) -> Path:
    """Return a clone of what is committed here, with this checkout's .venv and some images to make a preset for."""
    clone = folder / "imagemint"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    (clone / ".venv").symlink_to(ROOT / ".venv")
    for name in ("pyproject.toml", "constraints.txt"):
        os.utime(clone / name, (0, 0))  # older than .venv, which make then takes for ready
    write_scans(clone / "scans")
    return clone


def write_scans(folder: Path) -> None:
    """Write scikit-learn's digits as PNG, a folder for each class."""
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    for number, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        path = folder / str(label) / f"{number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 255 / 16).round().astype("uint8")).save(path)


def main(names: list[str]) -> None:
    """Record the named sessions, or all."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        checkout = scratch_checkout(Path(scratch))
        for name in names or SESSIONS:
            svg = record(name, checkout)
            if scratch in svg or str(ROOT) in svg or len(svg.encode()) > MOST_BYTES:
                sys.exit(f"{name}: {len(svg.encode())} bytes, at most {MOST_BYTES}, or it shows a path of this machine")
            (FOLDER / f"{name}.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
