"""Load registries whose entries are modules of a package: a new entry is a new file, and its name is the file's."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

import pipeline


def entry_names(package: str) -> tuple[str, ...]:
    """Return the names of the entries in a package of this project, by name; none of them is imported."""
    folder = Path(pipeline.__file__).parent.parent.joinpath(*package.split("."))
    names = (found.name for found in iter_modules([str(folder)]))
    return tuple(sorted(name for name in names if name.isidentifier()))  # "hinge (copy)" is a desktop's


def load_entries(package: str) -> dict[str, ModuleType]:
    """Import the entries of a package and return them by name."""
    return {name: import_module(f"{package}.{name}") for name in entry_names(package)}


def name_in_config(entry: str) -> str:
    """Return what the config calls an entry.

    A word of Python's, such as `class`, has an underscore behind it as a file's name.
    """
    return entry.rstrip("_")
