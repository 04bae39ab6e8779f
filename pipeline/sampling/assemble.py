"""A run's shards become a dataset, its manifest last."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from pathlib import Path

from pipeline.base.errors import UserError
from pipeline.base.junk import is_junk
from pipeline.runs.lock import locked
from pipeline.runs.output_places import require_own_dataset
from pipeline.runs.run import store_prefix
from pipeline.sampling.changes import record_changes
from pipeline.sampling.manifest import LOCATION, MANIFEST, Manifest, ManifestHeader, manifest_in, read_manifest
from pipeline.sampling.shards.commits import ShardFile, ShardTarget, name_in_run
from pipeline.sampling.shards.wids import WIDS, wids_index
from pipeline.store.bucket import at_once
from pipeline.store.files import write_json
from pipeline.store.folder import Folder, write_document
from pipeline.store.local import LocalFolder
from pipeline.store.places import copy_files

LOCK = ".lock"


@dataclass(frozen=True)
class DatasetOutput:
    """Where a dataset goes: a folder of this machine, and where the root is in an object store, a prefix there that holds the shards.

    The prefix is named by the dataset's identity and never changed. The folder holds the manifest then, too, and in `data` nothing
    but the prefix's name.
    """

    folder: Path
    root: str = "."

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """Keep other processes from making a dataset in the folder for as long as it lasts."""
        lock = self.folder / LOCK
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.touch()
        except OSError as error:
            raise UserError(f"{self.folder}: cannot be written: {error.strerror}.") from None
        taken = f"{self.folder}: another process is making a dataset there; wait for it, or give another --out."
        with locked(lock, taken):
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)  # while it is held: a dataset has no such file

    def require_same_records(self, fingerprint: str, header: ManifestHeader) -> None:
        """Refuse to put a dataset where one of other records lies: only a larger or smaller count may take its place.

        `fingerprint` and `header` are the new manifest's.
        """
        try:
            json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError):  # none, or a damaged one, which the new one replaces
            return
        changed = record_changes(read_manifest(self.folder), fingerprint, header)
        if changed:
            raise UserError(
                f"{self.folder}: holds a dataset of other records, which are not mixed with new ones. What differs:\n"
                + "\n".join(f"  {line}" for line in changed)
                + "\nGive another --out, or --fresh to replace it."
            )

    def assemble(self, target: ShardTarget, manifest: Manifest) -> Folder | Path:
        """Make a dataset of a run's shards, its manifest last; until then there is none, so nothing half-made looks whole.

        What an audit wrote about another dataset there is removed.

        Returns:
            Where the shards are.
        """
        out, dataset = self.folder, store_prefix(self.root, f"datasets/{manifest.name}/{manifest.dataset_id[:16]}")
        if dataset is None:
            wanted = {Path(file.file).name for shard in manifest.shards for file in shard.files}
            runs = target.run.path.parent if isinstance(target.run, LocalFolder) else None
            with _replacing(out, manifest, wanted, runs):
                _put(target.run, manifest, LocalFolder(out), whole=False)
            return out
        there = _whole(dataset, manifest.dataset_id)
        _put(target.run, manifest, dataset, whole=there is not None)
        if there is None:
            write_document(dataset, MANIFEST, manifest.model_dump())
        # The manifest that was there first stays: the same records may have been asked for with another config around them.
        with _replacing(out, there or manifest, {LOCATION}, None) as data:
            write_json(data / LOCATION, {"url": str(dataset)})
        return dataset


def _put(run: Folder, manifest: Manifest, dataset: Folder, *, whole: bool) -> None:
    """Copy the shards that the dataset lacks; `whole`: whether it has a manifest, without which a file is at best half of a dataset's."""
    files = [file for shard in manifest.shards for file in shard.files]
    there = at_once(partial(_holds, dataset), files) if whole else repeat(False)  # what is there may be damaged
    missing = [file.file for file, is_there in zip(files, there, strict=False) if not is_there]
    copy_files(run, dataset, [(name_in_run(name), name) for name in sorted(missing)])
    index = wids_index(manifest)
    if index is not None:
        write_document(dataset, WIDS, index)


def _whole(dataset: Folder, identity: str) -> Manifest | None:
    """The manifest of the dataset of that identity, where it can be read."""
    try:
        manifest = manifest_in(dataset)
    except UserError:  # there is none, or it is damaged
        return None
    return manifest if manifest.dataset_id == identity else None


def _holds(dataset: Folder, file: ShardFile) -> bool:
    entry = dataset.entry(file.file)
    return entry is not None and entry.size == file.bytes and dataset.sha256(file.file) == file.sha256


@contextmanager
def _replacing(out: Path, manifest: Manifest, wanted: set[str], runs: Path | None) -> Iterator[Path]:
    """Makes way for a dataset in `out`, gives its folder for data, which shall hold `wanted`, and writes the manifest last.

    `runs` holds the runs of this root, None where they are in an object store.
    """
    require_own_dataset(out, runs)
    if _identity(out) != manifest.dataset_id:
        # They describe another dataset.
        for name in ("README.md", "croissant.json", "report/index.html"):
            (out / name).unlink(missing_ok=True)
        with suppress(OSError):  # there is none, or what a desktop has put into it stays
            (out / "report").rmdir()
    (out / MANIFEST).unlink(missing_ok=True)
    data = out / "data"
    if data.is_dir():
        for stale in sorted(data.iterdir()):
            if stale.name not in wanted and not is_junk(stale.name):
                stale.unlink()
    yield data
    write_json(out / MANIFEST, manifest.model_dump())


def _identity(out: Path) -> str | None:
    """The identity of what was published here before, None where nothing was or it cannot be read."""
    try:
        return read_manifest(out).dataset_id
    except UserError:
        return None
