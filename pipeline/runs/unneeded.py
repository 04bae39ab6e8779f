"""Find the runs below a root that nothing needs any more, and remove them."""

import json
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.base.errors import UserError
from pipeline.runs.earlier_runs import PARAMETERS
from pipeline.runs.lock import locked
from pipeline.runs.run import PRESET, RUNS, is_worked_on, lock_of, run_name
from pipeline.store.local import LocalFolder

LEFTOVER = ".removed-"  # before the name of a run whose removal was cut short
NAME = re.compile(rf"({re.escape(LEFTOVER)})?[a-z]+-[0-9a-f]{{16}}")
REMOVABLE = ("ingest", "embed", "train", "sample")  # the other stages keep measurements, which no output names
REQUESTS = (PARAMETERS, "request.json", PRESET)  # files of runs that say for which preset they are
# By file of an output that holds the identity of its run as `fingerprint`, the stage.
OUTPUTS = {"models/*/model.json": "train", "models/*/embedder.json": "embed", "datasets/*/manifest.json": "sample"}

AT_WORK = "a process works on it"
NAMED = "an output here was made by it"
MEASURED = "it holds measurements"
NEWEST = "it is the newest of its stage and preset"
UNKNOWN = "it does not say for which preset it is"


@dataclass(frozen=True)
class StoredRun:
    """Hold what is known of one run on this machine."""

    path: Path
    stage: str
    preset: str | None  # None where the run does not say
    bytes: int
    kept: str  # why it stays; empty where it may go


def named_runs(checkout: Path) -> dict[str, str]:
    """Return the names of the runs that made what lies in a checkout, and of each the preset."""
    found = {}
    for pattern, stage in OUTPUTS.items():
        for file in checkout.glob(pattern):
            identity = _value(file, "fingerprint")
            if identity is not None:
                found[run_name(stage, identity)] = file.parent.name
    return found


def stored_runs(root: Path, named: Mapping[str, str]) -> list[StoredRun]:
    """Return the runs below a root, by name.

    Args:
        root: of the runs.
        named: by name, the runs that must stay, and their presets.
    """
    found = [path for path in sorted((root / RUNS).glob("*-*")) if NAME.fullmatch(path.name)]
    paths = [path for path in found if path.is_dir() and not path.is_symlink()]  # a link's owner keeps it elsewhere
    presets = {path: named.get(path.name) or _preset_of(path) for path in paths}
    newest: dict[tuple[str, str | None], Path] = {}
    for path in sorted((path for path in paths if not _is_leftover(path)), key=_modified):
        newest[_stage(path), presets[path]] = path
    return [_stored(path, presets[path], named, newest) for path in paths]


def remove_run(run: StoredRun) -> bool:
    """Remove a run; return False where a process has begun to work on it, or has removed it.

    It loses its name first, since a stage would go on from the half of a run that an interrupted removal leaves.
    """
    named = run.path.with_name(run.path.name.removeprefix(LEFTOVER))
    leftover = run.path.with_name(f"{LEFTOVER}{named.name}")
    try:
        with locked(lock_of(named), "it is being worked on"):
            if not run.path.is_dir():
                return False
            if run.path != leftover:
                if leftover.is_dir():
                    shutil.rmtree(leftover)
                run.path.rename(leftover)
            shutil.rmtree(leftover)
    except UserError:
        return False
    except OSError as error:
        raise UserError(f"{run.path} cannot be removed: {error.strerror}.") from None
    return True


def _stored(
    path: Path, preset: str | None, named: Mapping[str, str], newest: Mapping[tuple[str, str | None], Path]
) -> StoredRun:
    stage, kept = _stage(path), ""
    if _is_leftover(path):
        return StoredRun(path, stage, preset, bytes_below(path), kept)
    if is_worked_on(LocalFolder(path)):
        kept = AT_WORK
    elif path.name in named:
        kept = NAMED
    elif stage not in REMOVABLE:
        kept = MEASURED
    elif preset is None:
        kept = UNKNOWN
    elif newest[stage, preset] == path:  # an interrupted command goes on from it
        kept = NEWEST
    return StoredRun(path, stage, preset, bytes_below(path), kept)


def bytes_below(folder: Path) -> int:
    """Return the size of all files below a folder."""
    return sum(status.st_size for status in _statuses(folder) if not stat.S_ISDIR(status.st_mode))


def _statuses(folder: Path) -> Iterator[os.stat_result]:
    """Yield the status of a folder and of all below it, without what a process removes meanwhile."""
    for place, _, files in os.walk(folder):
        for path in (Path(place), *(Path(place, file) for file in files)):
            with suppress(FileNotFoundError):
                yield path.lstat()


def _is_leftover(path: Path) -> bool:
    return path.name.startswith(LEFTOVER)


def _stage(path: Path) -> str:
    return path.name.removeprefix(LEFTOVER).rpartition("-")[0]


def _modified(path: Path) -> float:
    """Return when something in a run was last written."""
    return max((status.st_mtime for status in _statuses(path)), default=0.0)


def _preset_of(run: Path) -> str | None:
    return next((name for file in REQUESTS if (name := _value(run / file, "name")) is not None), None)


def _value(file: Path, key: str) -> str | None:
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    value = content.get(key) if isinstance(content, dict) else None
    return value if isinstance(value, str) else None
