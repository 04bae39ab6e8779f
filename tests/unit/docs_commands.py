"""What the project's commands take: their options as `--help` tells them, and the keys of a preset."""

import contextlib
import io
import re
import runpy
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pipeline.config.config import Config
from tests.project import ROOT

CONSOLE = "pipeline.cli.console"


@cache
def options(module: str, *words: str) -> frozenset[str] | None:
    """Return the options of `python -m MODULE WORDS`, or None if there is no such command."""
    if not (ROOT / f"{module.replace('.', '/')}.py").is_file():
        return None
    said = io.StringIO()
    with (
        patch.object(sys, "argv", [module, *words, "--help"]),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", RuntimeWarning)  # the module may have been imported before it is run
        try:
            runpy.run_module(module, run_name="__main__")
        except SystemExit as end:
            return _listed(said.getvalue()) if end.code == 0 else None
    raise AssertionError(f"{module} --help does not end")


def _listed(described: str) -> frozenset[str]:
    lines = re.findall(r"(?m)^ {2,}(-.*)$", described)
    return frozenset(word for line in lines for word in re.findall(r"(?<![\w-])--?[a-z][\w-]*", line))


def options_in(script: Path) -> frozenset[str] | None:
    """Return what looks like an option in a script's text, or None if there is no such script."""
    return frozenset(re.findall(r"(?<![\w-])--[a-z][\w-]*", script.read_text())) if script.is_file() else None


@cache
def config_schema() -> dict[str, Any]:
    return Config.model_json_schema()


def _objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield the schemas of objects that a value may have, or its items."""
    if "$ref" in schema:
        yield from _objects(config_schema()["$defs"][schema["$ref"].rsplit("/", 1)[1]])
    for choice in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _objects(choice)
    if "items" in schema:
        yield from _objects(schema["items"])
    if schema.get("type") == "object":
        yield schema


def is_key(path: str) -> bool:
    """Return whether a preset may have this key, as in "train.penalty.r1"."""
    found = [config_schema()]
    for name in path.split("."):
        found = [value for schema in found for each in _objects(schema) if (value := _value(each, name)) is not None]
    return bool(found)


def _value(schema: dict[str, Any], name: str) -> dict[str, Any] | None:
    if name in schema.get("properties", {}):
        return dict(schema["properties"][name])
    allowed = schema.get("propertyNames", {}).get("enum", [name])
    return schema["additionalProperties"] if name in allowed and schema.get("additionalProperties") else None


@cache
def key_names() -> frozenset[str]:
    """Return the names of all keys, of whatever section."""
    schema = config_schema()
    sections = [schema, *schema["$defs"].values()]
    return frozenset(name for section in sections for name in section.get("properties", ()))
