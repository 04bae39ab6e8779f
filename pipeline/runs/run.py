"""Represent one run of a stage: a folder below the root that one process at a time works in, and that outlives it."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pipeline.base.errors import UserError
from pipeline.base.json_object import JsonObject
from pipeline.base.log import run_context
from pipeline.runs.lease import LEASE, holder, lease
from pipeline.runs.lock import is_locked, locked
from pipeline.runs.working_copy import WorkingCopy, working_copy
from pipeline.store.bucket import Bucket
from pipeline.store.files import read_json, require_free_space, sweep_temporary, write_json
from pipeline.store.folder import Folder
from pipeline.store.local import LocalFolder
from pipeline.store.places import is_remote

RUNS = "runs"  # below the root
PRESET = "preset.json"  # in a run: the preset that used it last


def local_root(root: str) -> Path | None:
    """Return the root as a folder of this machine; None where it is in an object store.

    Nodes need credentials for a root in a store.
    """
    return None if is_remote(root) else Path(root)


def root_here(root: str) -> Path:
    """Return the folder of this machine that keeps what no other machine needs.

    That is the root, or the checkout where the root is in a store.
    """
    return local_root(root) or Path()


def store_prefix(root: str, name: str) -> Folder | None:
    """Return the folder `name` below a root in an object store; None where the root is on this machine."""
    return Bucket(root) / name if is_remote(root) else None


def run_name(stage: str, identity: str) -> str:
    """Return the name of a run's folder."""
    return f"{stage}-{identity[:16]}"


def runs_below(root: str, stage: str) -> list[Folder]:
    """Return the folders of all runs of a stage below the root, by name."""
    if is_remote(root):
        below = Bucket(root) / RUNS
        below.require_answer()
        return [below / run for run in below.folders() if run.startswith(f"{stage}-")]
    return [LocalFolder(path) for path in sorted(Path(root).glob(f"{RUNS}/{stage}-*")) if path.is_dir()]


def is_worked_on(run: Folder) -> bool:
    """Return whether a process holds a run."""
    if isinstance(run, LocalFolder):
        return is_locked(lock_of(run.path))
    return isinstance(run, Bucket) and holder(run) is not None


@dataclass
class Run:
    """Represent a run that this process holds, wherever it is stored; see `open`."""

    stage: str
    identity: str  # of all that its result depends on
    folder: Folder  # where it is kept, also for the workers of a cluster
    _copy: WorkingCopy
    _downloaded: bool = False

    @classmethod
    @contextmanager
    def open(cls, root: str, stage: str, identity: str, *, fresh: bool = False) -> Iterator[Self]:
        """Hold the run of that identity below `root`; with `fresh` it is empty at first.

        What was written to `path` is stored at the end, also where that is an error.

        Raises:
            UserError: another process holds it, or it cannot be written.
        """
        with _held(root, stage, identity, fresh=fresh) as folder, working_copy(folder) as copy, run_context(identity):
            try:
                yield cls(stage, identity, folder, copy)
            except BaseException:
                with suppress(UserError):  # what went wrong before says more
                    copy.push()
                raise
            copy.push()

    @property
    def name(self) -> str:
        """Return the name of the run's folder."""
        return run_name(self.stage, self.identity)

    @property
    def path(self) -> Path:
        """Return the folder of the run's files on this machine.

        Of a run in an object store it is a copy, which holds all files unless `download` was called.
        """
        if not self._downloaded:
            self.download()
        return self._copy.path

    def download(self, *names: str) -> Path:
        """Download files and folders of these names to this machine, by default all, and return `path`."""
        self._downloaded = True
        self._copy.pull(*names)
        return self._copy.path

    def note_preset(self, name: str) -> None:
        """Store for which preset the run is, which `imagemint clean` reads."""
        write_json(self.path / PRESET, {"name": name})

    def cached_json(self, name: str, compute: Callable[[], JsonObject]) -> JsonObject:
        """Return what `compute` once returned; the run stores it as the file `name`."""
        file = self.path / name
        if not file.is_file():
            write_json(file, compute())
        value: JsonObject = read_json(file, name)
        return value


def is_whole(load: Callable[[Path], object], folder: Path) -> bool:
    """Return whether `load` accepts what a finished run left in `folder`; if not, the stage makes it again."""
    try:
        load(folder)
    except UserError:
        return False
    return True


def require_space(root: str, needed: int, stage: str, out: Path) -> None:
    """Refuse to begin where the disk of the root or of the output has fewer than `needed` bytes free.

    A root in an object store has no such disk.
    """
    if (here := local_root(root)) is not None:
        require_free_space(here, needed, stage, "--set root=FOLDER")
        require_free_space(out, needed, stage, "--out FOLDER")


@contextmanager
def _held(root: str, stage: str, identity: str, *, fresh: bool) -> Iterator[Folder]:
    name = run_name(stage, identity)
    if is_remote(root):
        bucket = Bucket(root) / f"{RUNS}/{name}"
        bucket.require_answer()
        with lease(bucket, stage):
            if fresh:
                bucket.remove([file for file in bucket.entries("") if file != LEASE])
            yield bucket
        return
    path = (Path(root) / RUNS / name).absolute()
    refusal = f"Another process is working on this {stage} run ({path}): wait for it, or end it first."
    with _written(root, path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock_of(path).touch()
    with locked(lock_of(path), refusal):
        if fresh:
            shutil.rmtree(path, ignore_errors=True)
        with _written(root, path):
            path.mkdir(exist_ok=True)
            tempfile.TemporaryFile(dir=path).close()
        sweep_temporary(path)
        yield LocalFolder(path)


@contextmanager
def _written(root: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"root: {root!r}: {path} cannot be written: {error.strerror}.") from None


def lock_of(run: Path) -> Path:
    """Return the file whose lock a process holds that works on a run of this machine."""
    return run.with_suffix(".lock")
