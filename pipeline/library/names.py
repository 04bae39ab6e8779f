"""Find what a caller names: a folder, or a class by its name or number."""

import difflib
from collections.abc import Sequence
from operator import index as whole_number
from pathlib import Path
from typing import SupportsIndex

from pipeline.base.errors import UserError
from pipeline.store.files import readable

CLASSES_SHOWN = 20


def local_folder(place: str | Path, example: str) -> Path:
    """Return the folder of this machine that a caller names.

    Raises:
        UserError: there is none.
    """
    path = Path(place).expanduser()
    with readable(path):
        if path.is_dir():
            return path
        beside = [found.name for found in path.parent.iterdir() if found.is_dir()] if path.parent.is_dir() else []
    raise UserError(f"{place}: there is no such folder.{_near(path.name, beside)} Give one such as {example}.")


def class_number(wanted: str | SupportsIndex, classes: Sequence[str]) -> int:
    """Return the number of the class that a caller names, or gives the number of.

    Raises:
        UserError: there is no such class.
    """
    if not classes:
        raise UserError(f"label {wanted!r}: the model has no classes. Leave the label out.")
    near = ""
    if not isinstance(wanted, str):
        wanted = whole_number(wanted)  # of a NumPy integer, too
        if 0 <= wanted < len(classes):
            return wanted
    elif wanted in classes:
        return classes.index(wanted)
    else:
        near = _near(wanted, classes)
    known = ", ".join(classes[:CLASSES_SHOWN]) + (", ..." if len(classes) > CLASSES_SHOWN else "")
    raise UserError(
        f"label {wanted!r}: the model has no such class.{near} "
        f"Allowed are the numbers 0 to {len(classes) - 1} and the names {known}."
    )


def _near(name: str, known: Sequence[str]) -> str:
    of_lower_case = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), of_lower_case, n=1)
    return f" Did you mean {of_lower_case[near[0]]!r}?" if near else ""
