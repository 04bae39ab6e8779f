"""Publishing: a run's shards become a dataset, its manifest last."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pipeline.base.errors import UserError
from pipeline.base.junk import is_junk
from pipeline.runs.output_places import require_own_dataset
from pipeline.sampling.changes import record_changes
from pipeline.sampling.manifest import LOCATION, MANIFEST, manifest_in, read_manifest
from pipeline.sampling.shards.commits import ShardTarget, name_in_run, shard_files
from pipeline.sampling.shards.wids import WIDS, wids_index
from pipeline.store.bucket import Bucket, at_once
from pipeline.store.files import link_or_copy_all, write_json
from pipeline.store.folder import write_document
from pipeline.store.local import LocalFolder

LOCK = ".lock"


def publish(target: ShardTarget, manifest: dict[str, Any], out: Path) -> None:
    """Puts the shards into `out/data` and the manifest last; until then `out` has none, so nothing half-made looks whole.

    What an audit wrote about another dataset in the same place is removed.
    """
    assert isinstance(target.run, LocalFolder)
    wanted = {Path(file["file"]).name for shard in manifest["shards"] for file in shard_files(shard)}
    index = wids_index(manifest)
    run = target.run.path
    with _replacing(out, manifest, wanted, run.parent) as data:
        link_or_copy_all((run / name_in_run(name), data / name) for name in sorted(wanted))
        if index is not None:
            write_json(out / WIDS, index)


def publish_in_store(target: ShardTarget, manifest: dict[str, Any], root: Bucket, out: Path) -> Bucket:
    """Puts the shards of a run in an object store into a prefix there that is named by the dataset's identity, its manifest last.

    `out` holds the manifest, too, and in `data` nothing but the prefix's name. What is in the prefix is never changed.
    """
    run = target.run
    assert isinstance(run, Bucket)
    dataset = root / f"datasets/{manifest['name']}/{manifest['dataset_id'][:16]}"
    there = _published(dataset, manifest["dataset_id"])
    files = [file for shard in manifest["shards"] for file in shard_files(shard)]

    def put(file: dict[str, Any]) -> None:
        # What an earlier publish has put there may be damaged; without its manifest, a file is at best half of a dataset's.
        if there is None or not _holds(dataset, file):
            dataset.copy_from(run, name_in_run(file["file"]), file["file"])

    for _ in at_once(put, files):
        pass
    index = wids_index(manifest)
    if index is not None:
        write_document(dataset, WIDS, index)
    if there is None:
        write_document(dataset, MANIFEST, manifest)
    # The manifest that was there first stays: the same records may have been asked for with another config around them.
    with _replacing(out, there or manifest, {LOCATION}, None) as data:
        write_json(data / LOCATION, {"url": str(dataset)})
    return dataset


def _published(dataset: Bucket, identity: str) -> dict[str, Any] | None:
    """The manifest of the dataset of that identity, where it can be read."""
    try:
        manifest = manifest_in(dataset)
    except UserError:  # there is none, or it is damaged
        return None
    return manifest if manifest["dataset_id"] == identity else None


def _holds(dataset: Bucket, file: dict[str, Any]) -> bool:
    entry = dataset.entry(file["file"])
    return entry is not None and entry.size == file["bytes"] and dataset.sha256(file["file"]) == file["sha256"]


@contextmanager
def _replacing(out: Path, manifest: dict[str, Any], wanted: set[str], runs: Path | None) -> Iterator[Path]:
    """Makes way for a dataset in `out`, gives its folder for data, which shall hold `wanted`, and writes the manifest last.

    `runs` holds the runs of this root, None where they are in an object store.
    """
    require_own_dataset(out, runs)
    if _identity(out) != manifest["dataset_id"]:
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
    write_json(out / MANIFEST, manifest)


@contextmanager
def reserved(out: Path) -> Iterator[None]:
    """Keeps other processes from making a dataset in `out` for as long as it lasts."""
    path = out / LOCK
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = path.open("w")
    except OSError as error:
        raise UserError(f"{out}: cannot be written: {error.strerror}.") from None
    taken = UserError(f"{out}: another process is making a dataset there; wait for it, or give another --out.")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Who had it has removed it since it was opened: what is locked is not what others will find.
            if not os.path.samestat(os.fstat(lock.fileno()), path.stat()):
                raise taken
        except (BlockingIOError, FileNotFoundError):
            raise taken from None
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # while it is held: a dataset has no such file


def require_same_records(out: Path, fingerprint: str, about: dict[str, Any]) -> None:
    """Refuses to put a dataset where one of other records lies: only a larger or smaller count may take its place.

    `about` is what the new manifest says besides its shards.
    """
    try:
        json.loads((out / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none, or a damaged one, which the new one replaces
        return
    changed = record_changes(read_manifest(out), {**about, "fingerprint": fingerprint})
    if changed:
        raise UserError(
            f"{out}: holds a dataset of other records, which are not mixed with new ones. What differs:\n"
            + "\n".join(f"  {line}" for line in changed)
            + "\nGive another --out, or --fresh to replace it."
        )


def _identity(out: Path) -> str | None:
    """The identity of what was published here before, None where nothing was or it cannot be read."""
    try:
        return str(read_manifest(out)["dataset_id"])
    except UserError:
        return None
