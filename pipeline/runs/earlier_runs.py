"""Compare a training run with earlier runs of its preset, since a new run that starts from 0 can take hours."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.base.pace import in_words
from pipeline.config import Config
from pipeline.runs.run import runs_below
from pipeline.runs.usage import usage_of
from pipeline.store.folder import Folder, write_document

PARAMETERS = "parameters.json"  # in a run
NAMED_DIFFERENCES = 3  # differences that are named
UNCHANGED_BY = ("train.data", "train.tensorboard")  # a run goes on under other values of these
# With other values of these an image takes another time.
COSTLY = ("model.", "data.size", "device", "train.loss", "train.penalty", "train.augmentation", "train.precision")

Parameters = Mapping[str, Any]  # dotted config keys, and in words what else a run depends on


def config_parameters(config: Config) -> dict[str, object]:
    """Return the config keys that a training run depends on, with their values as in JSON."""
    dumped = config.model_dump(mode="json", include={"data": {"size"}, "model": True, "train": True})
    return {key: value for key, value in _flat(dumped) if key not in UNCHANGED_BY}


def remember_parameters(run: Folder, name: str, parameters: Parameters) -> None:
    """Write into a training run of the preset `name` what it depends on."""
    write_document(run, PARAMETERS, {"name": name, "parameters": parameters})


def restart(root: str, name: str, parameters: Parameters, total_images: int) -> str | None:
    """Return why training with `parameters` starts from 0 although the preset has an earlier run, and what it costs.

    None says that the preset `name` has no earlier run, or one with all of these parameters, which can be taken up
    again. Of several runs the message names the one that differs least, and the newest of those.
    """
    found = [(_differences(before, parameters), -modified, run) for run, before, modified in _earlier(root, name)]
    if not found:
        return None
    differences, _, run = min(found, key=lambda each: (len(each[0]), each[1]))
    if not differences:
        return None
    named = [_difference_in_words(key, before, now) for key, (before, now) in differences.items()]
    more = f" and {len(named) - NAMED_DIFFERENCES} more" if len(named) > NAMED_DIFFERENCES else ""
    usage = usage_of(run)
    cost = ""
    if usage.images and not any(key.startswith(COSTLY) for key in differences):
        cost = f"; {in_words(total_images * usage.seconds / usage.images)} at the earlier run's speed"
    return f"starts from 0: {', '.join(named[:NAMED_DIFFERENCES])}{more}{cost}; the earlier run is kept in {run}"


def _earlier(root: str, name: str) -> Iterator[tuple[Folder, Parameters, float]]:
    for run in runs_below(root, "train"):
        entry = run.entry(PARAMETERS)
        try:
            record = json.loads(run.read(PARAMETERS)) if entry else {}
        except (OSError, ValueError):
            continue
        if entry and isinstance(record, dict) and record.get("name") == name:
            yield run, record.get("parameters", {}), entry.modified


def _differences(before: Parameters, now: Parameters) -> dict[str, tuple[Any, Any]]:
    return {key: (before.get(key), value) for key, value in now.items() if before.get(key) != value}


def _difference_in_words(key: str, before: Any, now: Any) -> str:
    """Return the difference in words, for example "train.total_images was 12,800, is 25,600".

    What is known by its digest alone has changed, and no more can be said.
    """
    return f"{key} has changed" if key.startswith("the ") else f"{key} was {_value(before)}, is {_value(now)}"


def _value(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else json.dumps(value).strip('"')


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield path, value
        return
    for key, inner in value.items():
        yield from _flat(inner, f"{path}.{key}" if path else key)
