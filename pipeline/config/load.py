"""Load YAML files and `--set` into a `Config`, or raise one message that lists every error at once."""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipeline.base.errors import UserError
from pipeline.base.json_object import JsonObject
from pipeline.base.junk import is_junk
from pipeline.config.config import Config
from pipeline.config.defaults import fill_in, found_in
from pipeline.config.filters import FILTER_KINDS
from pipeline.config.schema import Sample

CONF = Path("conf")
DATA = Path("data")
ACTIVE = CONF / "active.yaml"
ROOT_VARIABLE = "IMAGEMINT_ROOT"
UNIONS = (
    ("sample", "labels"), ("data", "channels"), ("data", "classes"), ("data", "validation_share"), ("data", "holdout_share"),
)  # fmt: skip
QUOTES = ("'", '"')


class _Loader(yaml.SafeLoader):
    """Load YAML safely, without two surprises of YAML 1.1.

    Of two equal keys it would take the last without a word: for this loader that is an error. And `1e-4` would be a
    string: it is a number, as in YAML 1.2 and for DVC.
    """


def _unique_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    twice = sorted({str(key) for key in keys if keys.count(key) > 1})
    if twice:
        raise yaml.constructor.ConstructorError(None, None, f"the key {twice[0]!r} occurs twice", node.start_mark)
    return dict(yaml.SafeLoader.construct_mapping(loader, node, deep=True))


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def presets() -> list[str]:
    """Return the names of the presets of this checkout, sorted."""
    if not CONF.is_dir():
        raise UserError(f"No folder {CONF}/ in {Path.cwd()}: run this in the project's top folder.")
    return sorted(path.stem for path in CONF.glob("*.yaml") if path != ACTIVE and not is_junk(path.name))


def active_preset() -> str:
    """Return the preset that `conf/active.yaml` names."""
    known = presets()
    if not ACTIVE.exists():
        raise UserError(
            f"No {ACTIVE}, which names the active preset: run `imagemint use NAME`. Presets here: {', '.join(known)}."
        )
    raw = _read_yaml(ACTIVE)
    name = raw.get("preset")
    if set(raw) != {"preset"} or not isinstance(name, str):
        raise UserError(f"{ACTIVE}: expected the one line `preset: NAME`, NAME being one of {', '.join(known)}.")
    return name


def which_config(name: str, file: Path | None = None) -> str:
    """Return what a command says first: the preset that it uses, or the config file that was given in its place."""
    return f"preset {name} ({CONF / name}.yaml)" if file is None else f"config {file} (name: {name})"


def load_preset(
    name: str | None = None,
    overrides: list[str] | None = None,
    data: Path | None = None,
    *,
    before_ingest: bool = False,
) -> Config:
    """Load `conf/<name>.yaml` (default: the active preset) with `--set` overrides; the rest as in `load_config`."""
    chosen = name if name is not None else active_preset()
    known = presets()
    if chosen not in known:
        near = difflib.get_close_matches(chosen, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UserError(f"Unknown preset {chosen!r}.{hint} Presets here: {', '.join(known)}.")
    config = load_config(CONF / f"{chosen}.yaml", overrides, data, before_ingest=before_ingest)
    if config.name != chosen:
        # dvc.yaml names outputs by the preset, stages by `name`: two presets of one name overwrite each other.
        raise UserError(
            f"{CONF / chosen}.yaml: name: found {config.name!r}; allowed: {chosen!r}, as the file is called."
        )
    return config


def load_preset_or_file(
    preset: str | None,
    file: Path | None,
    overrides: list[str],
    data: Path | None = None,
    *,
    before_ingest: bool = False,
) -> Config:
    """Load the config that a command line asks for: a file, a preset, or without either the active preset."""
    if file is None:
        return load_preset(preset, overrides, data, before_ingest=before_ingest)
    return load_config(file, overrides, data, before_ingest=before_ingest)


def load_config(
    path: Path, overrides: list[str] | None = None, data: Path | None = None, *, before_ingest: bool = False
) -> Config:
    """Load one config file, and fill in what it leaves out.

    Args:
        path: of the file.
        overrides: `section.key=value`, the value written as in YAML.
        data: the canonical dataset that the defaults follow; None: `data/NAME`.
        before_ingest: whether a dataset that is there may be another one's, which says nothing.
    """
    raw = _read_yaml(path)
    if os.environ.get(ROOT_VARIABLE):
        raw["root"] = os.environ[ROOT_VARIABLE]
    for override in overrides or []:
        _apply(raw, override)
    folder = data or DATA / str(raw.get("name"))
    try:
        return Config.model_validate(fill_in(raw, None if before_ingest else found_in(folder / "dataset.json")))
    except ValidationError as error:
        _refuse(path, error, overridden=bool(overrides))


class _SampleAlone(BaseModel):
    sample: Sample


def sample_section(keys: Mapping[str, object]) -> Sample:
    """Return the section `sample` with these keys, and defaults for the others; `count` may be left out.

    Raises:
        UserError: a key is unknown, or its value is not allowed.
    """
    try:
        return _SampleAlone.model_validate({"sample": {"count": 1, **keys}}).sample
    except ValidationError as error:
        _refuse("settings", error, overridden=False)


def _read_yaml(path: Path) -> JsonObject:
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # a subclass of SafeLoader
    except FileNotFoundError:
        raise UserError(f"No config file {path} (looked from {Path.cwd()}).") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}.") from None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UserError(f"{path}{line}: not valid YAML: {error.problem}.") from None
    except (
        yaml.YAMLError,
        ValueError,
        RecursionError,
    ) as error:  # ValueError: of what looks like a date or a number and is none
        raise UserError(f"{path}: not valid YAML: {error}.") from None
    if not isinstance(raw, dict):
        raise UserError(f"{path}: expected sections with keys, found {type(raw).__name__}.")
    return raw


def _apply(raw: JsonObject, override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise UserError(f"--set {override}: expected section.key=value, for example --set sample.count=20000.")
    try:
        value = yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        value = text
    if isinstance(value, str) and not text.startswith(QUOTES):
        value = text  # in which " #" begins no comment: it may be part of a folder's name
    node = raw
    *sections, last = key.split(".")
    for section in sections:
        inner = node.setdefault(section, {})
        if not isinstance(inner, dict):
            raise UserError(f"--set {override}: {section!r} is a value ({inner!r}), not a section.")
        node = inner
    node[last] = value


def _refuse(path: Path | str, error: ValidationError, overridden: bool) -> NoReturn:
    lines = _merged([line for item in error.errors() for line in _describe(item)])
    where = f"{path}{' with --set' if overridden else ''}"
    count = "1 error" if len(lines) == 1 else f"{len(lines)} errors"
    raise UserError("\n".join([f"{where}: {count}", *(f"  {line}" for line in lines)]))


def _merged(lines: list[str]) -> list[str]:
    """Merge the errors of a value that fits none of the types of a union: each type has its own."""
    allowed: dict[str, list[str]] = {}
    for line in lines:
        problem, _, fits = line.partition("; allowed: ")
        allowed.setdefault(problem, []).append(fits)
    return [f"{problem}; allowed: {' or '.join(fits)}" if any(fits) else problem for problem, fits in allowed.items()]


def _describe(item: ErrorDetails) -> list[str]:
    # A union puts which of its types was tried into the path; it is no key of the file.
    steps = [step for position, step in enumerate(item["loc"]) if not _is_tag(item["loc"], position)]
    key = ".".join(str(step) for step in steps if step != "[key]")
    if item["type"] == "value_error":
        problem = str(item["ctx"]["error"])
        return [f"{key}: {_found(item)}; {problem}"] if key else problem.split("\n")
    if item["type"] == "extra_forbidden":
        known = _keys_at(item["loc"][:-1])
        near = difflib.get_close_matches(str(steps[-1]), known, n=1, cutoff=0.5)
        elsewhere = [f"{section}.{key}" for section in known if len(steps) == 1 and key in _keys_at((section,))]
        hint = (
            f"did you mean {near[0]!r}? " if near else f"it belongs to {' or '.join(elsewhere)}. " if elsewhere else ""
        )
        return [f"{key}: unknown key; {hint}{'Known' if hint else 'known'} here: {', '.join(known)}"]
    if item["type"] == "missing":
        return [f"{key}: missing; it has no default"]
    return [f"{key}: {_found(item)}; allowed: {_allowed(item)}"]


def _found(item: ErrorDetails) -> str:
    found = repr(item["input"])
    return f"found {found if len(found) <= 80 else found[:77] + '...'} ({type(item['input']).__name__})"


def _allowed(item: ErrorDetails) -> str:
    if item["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return "a section whose key kind is " + ", ".join(repr(tag) for tag in FILTER_KINDS)
    if item["type"] in ("model_type", "model_attributes_type"):
        return f"a section with the keys {', '.join(_keys_at(item['loc']))}"
    if item["type"] in ("tuple_type", "list_type"):
        return "a list, as in [a, b]"
    message = item["msg"]
    if item["type"] == "literal_error":
        known = re.findall(r"'([^']*)'", message)
        near = difflib.get_close_matches(str(item["input"]), known, n=1, cutoff=0.5)
        message += f"; did you mean {near[0]!r}?" if near else ""
    for prefix in ("Input should be ", "Input should "):
        message = message.removeprefix(prefix)
    return message


def _is_tag(location: tuple[int | str, ...], position: int) -> bool:
    if location[:2] == ("sample", "filters"):
        return position == 3 and location[3] in FILTER_KINDS
    return position == 2 and (location[:2] in UNIONS or location[0] == "cluster")


def _keys_at(steps: tuple[int | str, ...]) -> list[str]:
    """Return the known keys of the section that the path `steps` leads to."""
    models: list[type[BaseModel]] = [Config]
    for step in steps:
        fields = [model.model_fields[str(step)] for model in models if str(step) in model.model_fields]
        if fields:
            models = [model for field in fields for model in _models_in(field.annotation)]
        elif any("kind" in model.model_fields for model in models):  # the tag of a union
            # Else the place in a list, all of whose sections may be of each kind.
            models = [m for m in models if step in get_args(m.model_fields["kind"].annotation)] or models
        # Else the key of a dict, all of whose values are alike.
    return sorted({name for model in models for name in model.model_fields})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
