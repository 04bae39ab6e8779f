"""Find the runs below a root that nothing needs any more, and remove them."""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.base.errors import UserError
from pipeline.runs.earlier_runs import PARAMETERS
from pipeline.runs.lock import locked
from pipeline.runs.run import RUNS, is_worked_on, lock_of, run_name
from pipeline.store.local import LocalFolder

NAME = re.compile(r"(?P<stage>[a-z]+)-[0-9a-f]{16}")
REMOVABLE = ("ingest", "embed", "train", "sample")  # the other stages keep measurements, which no output names
REQUESTS = (PARAMETERS, "request.json")  # files of runs that say for which preset they are
# By file of an output that holds the identity of its run as `fingerprint`, the stage.
OUTPUTS = {"models/*/model.json": "train", "models/*/embedder.json": "embed", "datasets/*/manifest.json": "sample"}

AT_WORK = "a process works on it"
NAMED = "an output here was made by it"
MEASURED = "it holds measurements"
NEWEST = "it is the newest of its stage and preset"


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
    paths = [path for path in sorted((root / RUNS).glob("*-*")) if NAME.fullmatch(path.name) and path.is_dir()]
    presets = {path: named.get(path.name) or _preset_of(path) for path in paths}
    newest: dict[tuple[str, str | None], Path] = {}
    for path in sorted(paths, key=_modified):
        newest[_stage(path), presets[path]] = path
    return [_stored(path, presets[path], named, newest) for path in paths]


def remove_run(run: StoredRun) -> bool:
    """Remove a run; return False where a process has begun to work on it."""
    try:
        with locked(lock_of(run.path), "it is being worked on"):
            shutil.rmtree(run.path)
    except UserError:
        return False
    except OSError as error:
        raise UserError(f"{run.path} cannot be removed: {error.strerror}.") from None
    return True


def _stored(
    path: Path, preset: str | None, named: Mapping[str, str], newest: Mapping[tuple[str, str | None], Path]
) -> StoredRun:
    stage, kept = _stage(path), ""
    if is_worked_on(LocalFolder(path)):
        kept = AT_WORK
    elif path.name in named:
        kept = NAMED
    elif stage not in REMOVABLE:
        kept = MEASURED
    elif newest[stage, preset] == path:  # an interrupted command goes on from it
        kept = NEWEST
    return StoredRun(path, stage, preset, bytes_below(path), kept)


def bytes_below(folder: Path) -> int:
    """Return the size of all files below a folder."""
    return sum(file.lstat().st_size for file in _files(folder))


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_symlink() or path.is_file():
            yield path


def _stage(path: Path) -> str:
    return path.name.rpartition("-")[0]


def _modified(path: Path) -> float:
    """Return when something in a run was last written."""
    return max(each.lstat().st_mtime for each in (path, *path.rglob("*")))


def _preset_of(run: Path) -> str | None:
    return next((name for file in REQUESTS if (name := _value(run / file, "name")) is not None), None)


def _value(file: Path, key: str) -> str | None:
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    value = content.get(key) if isinstance(content, dict) else None
    return value if isinstance(value, str) else None
