import hashlib
import tempfile
from pathlib import Path

import pytest

from pipeline.base.errors import UserError
from pipeline.runs.input_files import InputFiles, files_below, upload_if_remote
from pipeline.store.local import LocalFolder
from tests.project import digests


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def in_store(store: LocalFolder, **contents: bytes) -> InputFiles:
    files = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    for name, content in contents.items():
        store.write(files[name], content)
    return InputFiles(Path("/nowhere"), store, files)


def test_a_folder_that_all_nodes_have_is_read_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inputs").mkdir()
    monkeypatch.chdir(tmp_path)
    assert upload_if_remote(Path("inputs"), ["a"], root=".").local() == tmp_path / "inputs"


def test_files_come_from_the_store_once(tmp_path: Path) -> None:
    store = LocalFolder(tmp_path / "store")
    shared = in_store(store, a=b"one", b=b"two")
    folder = shared.local()
    assert digests(folder) == {"a": b"one", "b": b"two"}
    store.remove(shared.files.values())  # type: ignore[arg-type]
    assert shared.local() == folder


def test_other_content_is_another_folder(tmp_path: Path) -> None:
    store = LocalFolder(tmp_path / "store")
    assert in_store(store, a=b"one").local() != in_store(store, a=b"two").local()


@pytest.mark.parametrize("damage", [b"two", None])
def test_what_is_not_what_was_put_there_is_refused(tmp_path: Path, damage: bytes | None) -> None:
    store = LocalFolder(tmp_path / "store")
    shared = in_store(store, a=b"one")
    digest = shared.files["a"]
    if damage is None:
        store.remove([digest])
    else:
        store.write(digest, damage)
    with pytest.raises(UserError, match=f"{digest} is missing, or differs from what was uploaded as a"):
        shared.local()
    assert not list(tmp_path.glob("imagemint-*/*/a"))


def test_files_below_a_folder_are_named_with_slashes_without_what_desktops_leave(tmp_path: Path) -> None:
    for name in ("b", "a/c", "a/.DS_Store", "a/._c"):
        LocalFolder(tmp_path).write(name, b"")
    assert files_below(tmp_path) == ["a/c", "b"]
