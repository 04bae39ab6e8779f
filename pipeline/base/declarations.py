"""Collect what the entries of a registry declare, for rooms that go by it and run nothing of an entry."""

from importlib import import_module
from typing import Any

from pipeline.base.errors import UserError
from pipeline.base.registry import entry_names


def declarations(package: str, name: str) -> dict[str, Any]:
    """Return what the entries of a package declare as `name`, by entry; a UserError names a file that declares nothing.

    A caller may stand below the package's room. An entry's work cannot change what comes of its declaration, so
    `pipeline/runs/code.py` follows `load_entries` and not this.
    """
    found = {}
    for entry in entry_names(package):
        module = import_module(f"{package}.{entry}")
        if not hasattr(module, name):
            raise UserError(
                f"{module.__file__} does not define {name}. Define it (docs/architecture.md says what it holds), or "
                "remove the file."
            )
        found[entry] = getattr(module, name)
    return found
