"""Draw a bar at the bottom of a terminal, with what is logged above it; the one module that draws with rich.

The bar is one line high. What C code and other processes write to the terminal then stands behind a bar that was, and is not
erased: rich goes up only where it has drawn several lines. What Python code writes goes above the bar.
"""

import atexit
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipeline.base.progress import SEPARATOR, Progress

DRAWN_PER_S = 4
SHARE, NARROWEST, WIDEST = 0.2, 8, 30  # of the line that the bar itself takes; its columns at least and at most
KEPT_FREE = (
    3  # columns at the end: a terminal writes ^C there, and what went on to the next line would leave the bar behind
)


class _CursorShown(Console):
    """Leave the cursor where it is: a process that is killed while it is hidden would not show it again."""

    def show_cursor(self, show: bool = True) -> bool:  # noqa: ARG002
        """Do nothing."""
        return False


class Bar:
    """Draw how far the work of this process is, in place, until it ends."""

    def __init__(self, output: TextIO) -> None:
        """Draw on `output`, which is a terminal."""
        self._console = _CursorShown(file=output, highlight=False)
        self._live: Live | None = None
        self._shown: tuple[str, Progress]

    @property
    def drawn(self) -> bool:
        """Return whether the bar is there now."""
        return self._live is not None

    def show(self, stage: str, progress: Progress) -> None:
        """Draw the bar anew, or remove it where the work has ended."""
        if progress.ended:
            self.remove()
            return
        self._shown = stage, progress
        if self._live is None:
            self._live = Live(
                console=self._console, refresh_per_second=DRAWN_PER_S, transient=True, get_renderable=self._line
            )
            self._live.start(refresh=True)
            atexit.register(self.remove)

    def write(self, line: str) -> None:
        """Write a line above the bar, which the terminal wraps."""
        self._console.print(Text(line), soft_wrap=True)

    def remove(self) -> None:
        """Remove the bar, and let Python's standard output and standard error be what they were."""
        if self._live is not None:
            live, self._live = self._live, None
            atexit.unregister(self.remove)
            live.stop()

    def _line(self) -> Table:
        return line_of(*self._shown, self._console.width, ascii_only=self._console.options.ascii_only)


def line_of(stage: str, progress: Progress, width: int, *, ascii_only: bool = False) -> Table:
    """Return the one line of `width` columns: what is done, the bar, how far it is.

    As the terminal gets narrower, first the last numbers go and the bar gets shorter, then the counts go and the words are cut.
    """
    label = Text(f"{stage}: {progress.doing}" if progress.doing else stage)
    room = width - KEPT_FREE - 2  # between the three stands a space each
    parts = progress.parts()
    vital = 2 if progress.seconds_left else 1  # how far, and how long still
    spare = [room - label.cell_len - _columns(parts[:number]) for number in (vital + 1, vital)]
    fitting = next((columns for columns in spare if columns >= NARROWEST), NARROWEST)
    bar = max(NARROWEST, min(WIDEST, int(SHARE * width), fitting))
    rest = room - bar
    if spare[-1] < NARROWEST:
        parts[0] = progress.percent
        words = max(rest - _columns(parts[:vital]), min(room // 2, rest - _columns(parts[:1])), 1)
        label.truncate(words, overflow="crop" if ascii_only else "ellipsis")
    said = _those_that_fit(parts, rest - label.cell_len)
    line = Table.grid(padding=(0, 1, 0, 0))
    for columns in (label.cell_len, bar, cell_len(said)):
        line.add_column(width=columns, no_wrap=True)
    # It moves to and fro before the first item is done, so that nobody takes a long one for a standstill.
    drawn = ProgressBar(total=progress.total, completed=progress.done, width=bar, pulse=not progress.done)
    line.add_row(label, drawn, Text(said))
    return line


def _columns(parts: list[str]) -> int:
    return cell_len(SEPARATOR.join(parts))


def _those_that_fit(parts: list[str], room: int) -> str:
    """Return the first part and those after it for which there is room, each whole: a number that is cut reads as another."""
    said, *others = SEPARATOR.join(parts).split(SEPARATOR)
    for other in others:
        longer = f"{said}{SEPARATOR}{other}"
        if cell_len(longer) > room:
            break
        said = longer
    return said
