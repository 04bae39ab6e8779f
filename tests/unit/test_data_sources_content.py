"""A source has changed when a file's content has, and not when its time has."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.base.errors import UserError
from pipeline.data.sources.content import content_digest
from pipeline.data.sources.location import Location
from pipeline.store.local import LocalFolder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name in ("cat/a.png", "cat/b.png", "dog/c.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def digest_of(folder: Path) -> tuple[str, int]:
    location = Location(LocalFolder(folder), None, str(folder))
    return content_digest(location, folder.parent / "kept" / "cache.sqlite")


def test_changed_times_and_junk_change_nothing(photos: Path) -> None:
    before = digest_of(photos)
    os.utime(photos / "cat/a.png", (1, 1))
    (photos / ".DS_Store").write_text("junk")
    (photos / "cat" / "__pycache__").mkdir()
    (photos / "cat" / "__pycache__" / "x.pyc").write_text("junk")
    assert digest_of(photos) == before == (before[0], 3)


@pytest.mark.parametrize("change", ["content", "name", "one more", "one less", "class"])
def test_what_changes_the_dataset_changes_the_digest(photos: Path, change: str) -> None:
    before = digest_of(photos)[0]
    match change:
        case "content":  # of the same length
            (photos / "cat/a.png").write_bytes(b"other.png")
        case "name":
            (photos / "cat/a.png").rename(photos / "cat/z.png")
        case "one more":
            (photos / "cat/d.png").write_bytes(b"d")
        case "one less":
            (photos / "dog/c.png").unlink()
        case "class":
            (photos / "dog").rename(photos / "wolf")
    assert digest_of(photos)[0] != before


def test_what_did_not_change_is_not_read_again(photos: Path) -> None:
    before = digest_of(photos)
    path, kept = photos / "cat/a.png", (photos / "cat/a.png").stat()
    path.write_bytes(b"X" * kept.st_size)
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert digest_of(photos) == before


def test_the_digest_is_the_same_with_and_without_a_cache(photos: Path) -> None:
    before = digest_of(photos)
    (photos.parent / "kept" / "cache.sqlite").unlink()
    assert digest_of(photos) == before


def test_a_damaged_cache_is_named(photos: Path) -> None:
    cache = photos.parent / "kept" / "cache.sqlite"
    cache.parent.mkdir()
    cache.write_bytes(b"no database" * 100)
    with pytest.raises(UserError, match=r"cache\.sqlite: cannot be used .*: remove it"):
        digest_of(photos)


@settings(max_examples=20)
@given(names=st.sets(st.binary(min_size=1, max_size=8).filter(lambda name: not set(name) & set(b"/\0.")), min_size=1))
def test_any_name_that_a_disk_takes_is_a_name(tmp_path_factory: pytest.TempPathFactory, names: set[bytes]) -> None:
    folder = tmp_path_factory.mktemp("names") / "photos"
    folder.mkdir()
    for name in names:
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(name)
    digest, files = digest_of(folder)
    assert files == len(names)
    assert digest_of(folder) == (digest, files)
