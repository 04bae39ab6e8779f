"""A checkout's outputs below a root, and in another checkout."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.errors import UserError
from pipeline.jobs.outputs import download_outputs, index_of, require_replaceable_lock, upload_outputs
from pipeline.store.local import LocalFolder
from tests.project import digests

MADE = {
    "data/small/dataset.json": b"{}",
    "models/small/samples/a.png": b"picture",
    "metrics/small/train.json": b"{}",
    "datasets/small/data/location.json": b"{}",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    for name, content in MADE.items():
        LocalFolder(folder).write(name, content)
    LocalFolder(folder).write("models/small/notes.txt", b"of no stage")
    outs = ["data/small", "models/small/samples", "metrics/small/train.json", "datasets/small/data"]
    lock = {"schema": "2.0", "stages": {"train": {"cmd": "x", "outs": [{"path": out} for out in outs]}}}
    (folder / "dvc.lock").write_text(yaml.safe_dump(lock))
    return folder


@pytest.fixture
def root(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path / "root")


def test_another_checkout_gets_what_the_lock_lists(checkout: Path, root: LocalFolder, tmp_path: Path) -> None:
    assert upload_outputs(checkout, "small", root) == len(MADE) + 1
    other = tmp_path / "other"
    brought = download_outputs(other, "small", root)
    assert digests(other) == {**MADE, "dvc.lock": (checkout / "dvc.lock").read_bytes()}
    assert brought is not None
    assert set(brought) == set(digests(other))
    assert download_outputs(other, "small", root) == []


def test_what_lies_in_an_output_and_was_not_made_with_it_goes(
    checkout: Path, root: LocalFolder, tmp_path: Path
) -> None:
    upload_outputs(checkout, "small", root)
    other = LocalFolder(tmp_path / "other")
    for name in ("models/small/samples/old.png", "models/small/mine.txt", "metrics/small/train.json", "src/file"):
        other.write(name, b"here before")
    download_outputs(other.path, "small", root)
    here = digests(other.path)
    assert "models/small/samples/old.png" not in here
    assert here["models/small/mine.txt"] == here["src/file"] == b"here before"
    assert here["metrics/small/train.json"] == MADE["metrics/small/train.json"]


def test_of_another_preset_nothing_is_there(checkout: Path, root: LocalFolder, tmp_path: Path) -> None:
    upload_outputs(checkout, "small", root)
    assert download_outputs(tmp_path / "other", "large", root) is None


def test_a_file_that_was_changed_below_the_root_is_refused_and_the_lock_stays(
    checkout: Path, root: LocalFolder, tmp_path: Path
) -> None:
    upload_outputs(checkout, "small", root)
    files = json.loads(root.read(index_of("small")))["files"]
    root.write(f"shared/{files['models/small/samples/a.png']}", b"another picture")
    other = LocalFolder(tmp_path / "other")
    other.write("dvc.lock", b"schema: '2.0'")
    with pytest.raises(
        UserError, match=r"is missing, or differs from what was uploaded as models/small/samples/a\.png"
    ):
        download_outputs(other.path, "small", root)
    assert other.read("dvc.lock") == b"schema: '2.0'"


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "data/../../x", "pipeline/base/errors.py", ".dvc/config", "data", "conf/digits.yaml", "data/a\\b"]
)  # fmt: skip
def test_an_index_cannot_write_elsewhere(checkout: Path, root: LocalFolder, tmp_path: Path, name: str) -> None:
    upload_outputs(checkout, "small", root)
    index = json.loads(root.read(index_of("small")))
    index["files"][name] = index["files"]["dvc.lock"]
    root.write(index_of("small"), json.dumps(index).encode())
    other = tmp_path / "a" / "b" / "other"
    with pytest.raises(UserError, match="is no list of outputs"):
        download_outputs(other, "small", root)
    assert not other.exists()


@pytest.mark.parametrize(
    "lock",
    [
        {"stages": {"train": {"outs": [{"path": "data/../.."}]}}},
        {"stages": {"train": {"outs": [{"path": "/etc"}]}}},
        {"stages": {"train": {"outs": [{"path": ".git"}]}}},
        {"stages": {"train": {"outs": [{}]}}},
        {"stages": None},
        [1],
    ],
    ids=json.dumps,
)
def test_a_lock_cannot_remove_what_lies_elsewhere(
    checkout: Path, root: LocalFolder, tmp_path: Path, lock: object
) -> None:
    upload_outputs(checkout, "small", root)
    put_lock(root, yaml.safe_dump(lock).encode())
    other = LocalFolder(tmp_path / "a" / "other")
    other.write("models/small/samples/a.png", b"here before")
    (tmp_path / "a" / "private.txt").write_text("kept")
    before = digests(tmp_path / "a")
    with pytest.raises(UserError, match=r"is no dvc\.lock of this project"):
        download_outputs(other.path, "small", root)
    assert digests(tmp_path / "a") == before


def test_a_lock_that_is_no_yaml_is_refused(checkout: Path, root: LocalFolder, tmp_path: Path) -> None:
    upload_outputs(checkout, "small", root)
    for rubbish in (b"{", b"\xff\xfe\xff", b"a: b: c"):
        put_lock(root, rubbish)
        with pytest.raises(UserError, match=r"is no dvc\.lock of this project"):
            download_outputs(tmp_path / "other", "small", root)


def put_lock(root: LocalFolder, content: bytes) -> None:
    """As someone would who can write there."""
    index, digest = json.loads(root.read(index_of("small"))), hashlib.sha256(content).hexdigest()
    index["files"]["dvc.lock"] = digest
    root.write(index_of("small"), json.dumps(index).encode())
    root.write(f"shared/{digest}", content)


@given(
    content=st.binary(max_size=50)
    | st.recursive(st.none() | st.text(max_size=5), st.lists).map(json.dumps).map(str.encode)
)
def test_rubbish_for_an_index_is_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    root = LocalFolder(tmp_path_factory.mktemp("root"))
    root.write(index_of("small"), content)
    with pytest.raises(UserError, match="is no list of outputs"):
        download_outputs(root.path / "other", "small", root)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_lock_that_git_does_not_keep_is_not_replaced_unasked(checkout: Path) -> None:
    with pytest.raises(
        UserError, match=r"git does not tell whether it is committed \(fatal: not a git repository.*Give --replace"
    ):
        require_replaceable_lock(checkout)

    def git(*arguments: str) -> None:
        identity = ("-c", "user.email=test@localhost", "-c", "user.name=test")
        subprocess.run(["git", *identity, *arguments], cwd=checkout, check=True, capture_output=True)

    git("init")
    with pytest.raises(UserError, match="changes that are not committed"):
        require_replaceable_lock(checkout)
    git("add", "dvc.lock")
    git("commit", "--message", "made")
    require_replaceable_lock(checkout)
    (checkout / "dvc.lock").write_text("changed")
    with pytest.raises(UserError, match="--replace"):
        require_replaceable_lock(checkout)


def test_without_git_a_lock_is_not_replaced_unasked(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match=r"without git its state is unknown.*give --replace"):
        require_replaceable_lock(checkout)
    (checkout / "dvc.lock").unlink()
    require_replaceable_lock(checkout)
