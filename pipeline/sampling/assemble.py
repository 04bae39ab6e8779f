"""Assemble the shards of a run to a dataset, whose manifest is written last."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from pathlib import Path

from pipeline.base.errors import UserError
from pipeline.base.junk import is_junk
from pipeline.base.progress_meter import track_in
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
    """Represent where a dataset goes: a folder of this machine and, with a root in an object store, a prefix there.

    The prefix holds the shards. It is named by the dataset's identity and never changes afterwards. The folder then
    holds the manifest as well, and its `data` holds only the name of the prefix.
    """

    folder: Path
    root: str = "."

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """Keep other processes from writing a dataset into the folder as long as the context lasts.

        Raises:
            UserError: the folder cannot be written, or another process holds its lock.
        """
        lock = self.folder / LOCK
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.touch()
        except OSError as error:
            raise UserError(f"{self.folder}: cannot be written: {error.strerror}.") from None
        busy = f"{self.folder}: another process is making a dataset there; wait for it, or give another --out."
        with locked(lock, busy):
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)  # while it is held: a dataset has no such file

    def require_same_records(self, fingerprint: str, header: ManifestHeader) -> None:
        """Refuse to replace a dataset of other records: only the same records in another count may replace it.

        `fingerprint` and `header` belong to the new manifest.

        Raises:
            UserError: the records differ; its message lists the settings that do.
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
        """Assemble a run's shards to a dataset and write its manifest last.

        No manifest exists until then, so an unfinished dataset never looks complete. Files that an audit wrote for
        another dataset in the folder are removed.

        Returns:
            The folder that holds the shards, or the prefix in the object store.
        """
        out, dataset = self.folder, store_prefix(self.root, f"datasets/{manifest.name}/{manifest.dataset_id[:16]}")
        if dataset is None:
            wanted = {Path(file.file).name for shard in manifest.shards for file in shard.files}
            runs = target.run.path.parent if isinstance(target.run, LocalFolder) else None
            with _replacing(out, manifest, wanted, runs):
                _put(target.run, manifest, LocalFolder(out), whole=False)
            return out
        existing = _whole(dataset, manifest.dataset_id)
        _put(target.run, manifest, dataset, whole=existing is not None)
        if existing is None:
            write_document(dataset, MANIFEST, manifest.model_dump())
        # The manifest that was there first stays: the same records may have been asked for with another config around them.
        with _replacing(out, existing or manifest, {LOCATION}, None) as data:
            write_json(data / LOCATION, {"url": str(dataset)})
        return dataset


def _put(run: Folder, manifest: Manifest, dataset: Folder, *, whole: bool) -> None:
    """Copy the shards that the dataset lacks.

    `whole` says whether the dataset has a manifest. Without one, no file in it is trusted and all are copied.
    """
    files = [file for shard in manifest.shards for file in shard.files]
    there = at_once(partial(_holds, dataset), files) if whole else repeat(False)  # what is there may be damaged
    missing = [file.file for file, is_there in zip(files, there, strict=False) if not is_there]
    if missing:
        on_files = track_in("sample")("assembling", len(missing), "files")
        copy_files(run, dataset, [(name_in_run(name), name) for name in sorted(missing)], on_files)
    index = wids_index(manifest)
    if index is not None:
        write_document(dataset, WIDS, index)


def _whole(dataset: Folder, identity: str) -> Manifest | None:
    """Return the manifest of the dataset with that identity, or None where it cannot be read."""
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
    """Prepare the folder `out` for a dataset, yield its data folder, and write the manifest at the end.

    Files in the data folder that are not in `wanted` are deleted. `runs` holds the runs of this root; None: they are in
    an object store.
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
    """Return the identity of the dataset that was assembled in `out` before, or None where no manifest can be read."""
    try:
        return read_manifest(out).dataset_id
    except UserError:
        return None
