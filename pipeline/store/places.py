"""Resolve a place as a config or a user names it, on this machine or in an object store."""

from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.store.bucket import Bucket, at_once
from pipeline.store.files import link_or_copy_all
from pipeline.store.folder import Folder
from pipeline.store.local import LocalFolder

SCHEMES = ("s3://", "gs://")
FILES_AT_ONCE = 8  # each may be held in memory while it is on its way


def is_remote(place: str | Path) -> bool:
    """Return whether a place is in an object store."""
    return str(place).startswith(SCHEMES)


def folder_at(place: str) -> Folder:
    """Return the folder at a place as a config or a user names it; refuse an object store that does not answer."""
    if is_remote(place):
        bucket = Bucket(place)
        bucket.require_answer()
        return bucket
    return LocalFolder(Path(place).absolute())


def copy_files(
    source: Folder,
    target: Folder,
    names: Sequence[tuple[str, str]],
    on_files: Callable[[int], None] = lambda _: None,
) -> None:
    """Copy files of one folder into another, each under a new name; where both are in one place, without reading them.

    On one machine they become links to the same bytes where possible, in one bucket copies that the store makes.
    `on_files` is called with each number of files that are copied.
    """
    if isinstance(source, LocalFolder) and isinstance(target, LocalFolder):
        link_or_copy_all(((source.path / name, target.path / new_name) for name, new_name in names), on_files)
        return

    if isinstance(source, Bucket) and isinstance(target, Bucket) and source.bucket == target.bucket:
        for _ in at_once(lambda pair: target.copy_from(source, *pair), names):
            on_files(1)
        return
    for _ in at_once(lambda pair: target.write(pair[1], source.read(pair[0])), names, FILES_AT_ONCE):
        on_files(1)
