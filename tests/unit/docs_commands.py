"""Read what the project's commands take: their options, and the keys of a preset."""

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from pipeline.cli import console
from pipeline.config.config import Config
from stages import job
from tests.project import ROOT

CONSOLE = "pipeline.cli.console"


@cache
def options(module: str, *words: str) -> frozenset[str] | None:
    """Return the options of `python -m MODULE WORDS`, or None if there is no such command.

    Words that come after a command are its arguments.
    """
    if not (ROOT / f"{module.replace('.', '/')}.py").is_file():
        return None
    command = get_command(_program(module))
    for word in words:
        if not isinstance(command, TyperGroup):
            break
        if word not in command.commands:
            return None
        command = command.commands[word]
    context = command.make_context("", [], resilient_parsing=True)
    shown = [each for each in command.get_params(context) if not getattr(each, "hidden", False)]
    return frozenset(name for parameter in shown for name in parameter.opts if name[0] == "-")


def _program(module: str) -> typer.Typer:
    if module == CONSOLE:
        return console.commands()
    return (job if module == job.__name__ else import_module(module).stage()).program()


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
