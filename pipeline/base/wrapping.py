"""Lay out long lines for a terminal, which would break them within words."""

import re
import shutil
import textwrap
from typing import TextIO

INDENT = 2  # columns
_TITLE = re.compile(r"\S* {2,}|\s+")  # what stands left of a column of text


def wrapped(text: str, stream: TextIO) -> str:
    """Return `text` broken into lines that fit where `stream` is a terminal, and as it is elsewhere.

    Lines go on below the text of their column, else two columns to the right. A word is never broken, so that a path can be copied.
    """
    if not stream.isatty():
        return text
    width = shutil.get_terminal_size().columns
    return "\n".join(_fitted(line, width) if len(line) >= width else line for line in text.split("\n"))


def _fitted(line: str, width: int) -> str:
    title = _TITLE.match(line)
    first = "" if title is None else title[0]
    return "\n".join(
        textwrap.wrap(
            line[len(first) :],
            max(width - 1, len(first) + 1),  # some terminals go on to the next line after the last column
            initial_indent=first,
            subsequent_indent=" " * (len(first) or INDENT),
            break_long_words=False,
            break_on_hyphens=False,
            replace_whitespace=False,
        )
    )
