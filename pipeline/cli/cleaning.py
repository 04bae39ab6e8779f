"""Find, remove and report the runs that `imagemint clean` is about."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import psutil

from pipeline.base.errors import UserError
from pipeline.base.json_object import JsonObject
from pipeline.cli.options import print_table
from pipeline.cli.run_all import alone_in_checkout
from pipeline.config.load import load_preset, presets
from pipeline.runs.run import RUNS, local_root, run_name
from pipeline.runs.unneeded import StoredRun, bytes_below, named_runs, remove_run, stored_runs
from pipeline.store.files import size_text

CACHE = Path(".dvc") / "cache"


@dataclass(frozen=True)
class Cleaning:
    """Hold the runs that were found, and those of them that were removed."""

    root: Path
    outside: bool  # whether other checkouts may use the root, too
    runs: list[StoredRun]
    removed: list[StoredRun]
    remove: bool

    def values(self) -> JsonObject:
        """Return all of it for a program."""
        return {
            "root": str(self.root),
            "runs": [
                {
                    "run": run.path.name,
                    "stage": run.stage,
                    "preset": run.preset,
                    "bytes": run.bytes,
                    "kept": run.kept or None,
                    "removed": run in self.removed,
                }
                for run in self.runs
            ],
            "bytes": sum(run.bytes for run in self.runs),
            "bytes_not_needed": sum(run.bytes for run in self.runs if not run.kept),
            "bytes_removed": sum(run.bytes for run in self.removed),
        }

    def write(self) -> None:
        """Write it for people."""
        unneeded = [run for run in self.runs if not run.kept]
        if self.runs:
            print_table(("preset", "stage", "runs", "size", "not needed", "their size"), self._rows(), _NUMBERS)
        else:
            print(f"There are no runs in {self.root / RUNS}.")
        if self.remove:
            print(f"{_runs(self.removed)} removed, {_size(self.removed)} freed.")
        elif unneeded:
            print(f"No longer needed: {_runs(unneeded)}, {_size(unneeded)}. `imagemint clean --yes` removes them.")
        elif self.runs:
            print("Every run is still needed.")
        if unneeded and self.outside:
            print(
                f"{self.root} is outside of this checkout. This command does not check whether other checkouts need "
                "these runs."
            )
        if CACHE.is_dir():
            size = size_text(bytes_below(CACHE))
            print(
                f"DVC's cache, {CACHE}, holds {size}: `dvc gc --workspace` keeps what dvc.lock lists now, and removes the rest, "
                "also that of other presets."
            )

    def _rows(self) -> list[tuple[str, ...]]:
        groups: dict[tuple[str, str], list[StoredRun]] = {}
        for run in self.runs:
            groups.setdefault((run.preset or "not known", run.stage), []).append(run)
        return [
            (*kind, *_counted(runs), *_counted([r for r in runs if not r.kept]))
            for kind, runs in sorted(groups.items())
        ]


def _runs(runs: list[StoredRun]) -> str:
    return "1 run" if len(runs) == 1 else f"{len(runs)} runs"


_NUMBERS = ("runs", "size", "not needed", "their size")


def clean_runs(checkout: Path, root: str | None, *, remove: bool) -> Cleaning:
    """Look for runs that nothing in the checkout needs, and remove them where that is wanted.

    Args:
        checkout: whose outputs are looked at.
        root: what holds the runs; None: the active preset's root.
        remove: whether to remove what is not needed.
    """
    place = load_preset().root if root is None else root
    here = local_root(place)
    if here is None:
        raise UserError(
            f"root: {place!r}: this command removes no runs from an object store. Use the store's own tools."
        )
    if root is not None and not here.is_dir():
        raise UserError(f"--root {root}: there is no such folder.")
    with _while_nothing_runs(checkout) if remove else nullcontext():
        runs = stored_runs(here, {**named_runs(checkout), **_runs_of_ingest()})
        removed = [run for run in runs if not run.kept and remove_run(run)] if remove else []
    return Cleaning(here, not here.resolve().is_relative_to(checkout.resolve()), runs, removed, remove)


@contextmanager
def _while_nothing_runs(checkout: Path) -> Iterator[None]:
    """Keep the pipeline from running: DVC removes the outputs of a stage before it runs, and no output names its run then."""
    with alone_in_checkout("`imagemint run all` works in this checkout: wait for it, then clean."):
        busy = [number for number in _pids_of_dvc(checkout) if psutil.pid_exists(number)]
        if busy:
            raise UserError(f"DVC works in this checkout (process {busy[0]}): wait for it, then clean.")
        yield


def _pids_of_dvc(checkout: Path) -> Iterator[int]:
    """Yield the processes that DVC notes as readers and writers of files, in `.dvc/tmp/rwlock`."""
    try:
        noted = json.loads((checkout / ".dvc" / "tmp" / "rwlock").read_bytes())
    except (OSError, ValueError):
        return
    yield from (user["pid"] for user in noted.get("write", {}).values())
    yield from (user["pid"] for users in noted.get("read", {}).values() for user in users)


def _runs_of_ingest() -> dict[str, str]:
    """Return the runs in which the presets here would prepare their images: no output names these."""
    from pipeline.data.ingest import identity_of_run

    found = {}
    for name in presets():
        try:
            config = load_preset(name, before_ingest=True)
        except UserError:
            continue
        found[run_name("ingest", identity_of_run(config))] = name
    return found


def _counted(runs: list[StoredRun]) -> tuple[str, str]:
    return (str(len(runs)), _size(runs)) if runs else ("", "")


def _size(runs: list[StoredRun]) -> str:
    return size_text(sum(run.bytes for run in runs))
