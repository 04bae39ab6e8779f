"""A place as a config or a user names it, on this machine or in an object store."""

from pathlib import Path

from pipeline.store.bucket import Bucket
from pipeline.store.files import link_or_copy
from pipeline.store.folder import Folder
from pipeline.store.local import LocalFolder

SCHEMES = ("s3://", "gs://")


def is_remote(place: str | Path) -> bool:
    """Whether a place is in an object store."""
    return str(place).startswith(SCHEMES)


def folder_at(place: str) -> Folder:
    """A place as a config or a user names it; refused where it is an object store that does not answer."""
    if is_remote(place):
        bucket = Bucket(place)
        bucket.require_answer()
        return bucket
    return LocalFolder(Path(place).absolute())


def copy_file(source: Folder, name: str, target: Folder) -> None:
    """Puts a file of one folder into another, under its name; on one machine as a link to the same bytes, where that can be."""
    if isinstance(source, LocalFolder) and isinstance(target, LocalFolder):
        link_or_copy(source.path / name, target.path / name)
    elif isinstance(source, Bucket) and isinstance(target, Bucket) and source.bucket == target.bucket:
        target.copy_from(source, name, name)
    else:
        target.write(name, source.read(name))
