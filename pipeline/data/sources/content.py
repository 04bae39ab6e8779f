"""Compute a digest of the content of a source's files, which shows whether the source has changed.

Each file is read once, and again only when its size or time differs.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from pipeline.base.errors import UserError
from pipeline.base.junk import is_junk
from pipeline.data.sources.location import Location
from pipeline.runs.fingerprint import canonical_digest
from pipeline.store.bucket import at_once
from pipeline.store.folder import Entry


def content_digest(location: Location, cache: Path) -> tuple[str, int]:
    """Return a digest of the names and contents of all files at a location, and the number of these files.

    Junk, caches of Python and times count for nothing; an object store's own tags stand for the contents there.

    Args:
        location: the location of the source.
        cache: a file that stores the digests of what was read, for the next time.
    """
    entries = {name: entry for name, entry in location.entries.items() if not _counts_for_nothing(name)}
    tags = {name: f"{entry.size} {entry.tag}" for name, entry in entries.items() if entry.tag is not None}
    read = _digests(location, {name: entry for name, entry in entries.items() if name not in tags}, cache)
    # Names need not be UTF-8.
    return canonical_digest({ascii(name): content for name, content in (tags | read).items()}), len(entries)


def _counts_for_nothing(name: str) -> bool:
    return is_junk(name) or "__pycache__" in name.split("/")


def _digests(location: Location, entries: dict[str, Entry], cache: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of this machine, by its name."""
    if not entries:
        return {}
    cache.parent.mkdir(parents=True, exist_ok=True)
    try:
        with closing(sqlite3.connect(cache, timeout=60)) as database, database:
            database.execute("CREATE TABLE IF NOT EXISTS files (name BLOB PRIMARY KEY, size, modified, sha256)")
            known = {
                _name(name): (size, modified, sha256)
                for name, size, modified, sha256 in database.execute("SELECT name, size, modified, sha256 FROM files")
            }
            found: dict[str, str] = {}
            changed = []
            for name, entry in entries.items():
                size, modified, sha256 = known.get(name, (None, None, ""))
                if (size, modified) == (entry.size, entry.modified):
                    found[name] = sha256
                else:
                    changed.append(name)
            for name, sha256 in _read(location, changed):
                found[name] = sha256
                row = (_key(name), entries[name].size, entries[name].modified, sha256)
                database.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", row)
            database.executemany(
                "DELETE FROM files WHERE name = ?", [(_key(name),) for name in known.keys() - entries.keys()]
            )
            return found
    except sqlite3.DatabaseError as error:
        raise UserError(f"{cache}: cannot be used ({error}): remove it, and the next run writes it again.") from None


def _read(location: Location, names: list[str]) -> Iterator[tuple[str, str]]:
    def digest(name: str) -> str:
        try:
            return location.folder.sha256(name)
        except OSError as error:  # ingest says more of it, by its name
            return f"unreadable: {error.strerror}"

    return zip(names, at_once(digest, names, threads=4), strict=True)


def _key(name: str) -> bytes:
    return name.encode(errors="surrogateescape")  # names need not be UTF-8


def _name(key: bytes) -> str:
    return key.decode(errors="surrogateescape")
