"""What a pipeline has made in one checkout, brought to another one: an index below the root, and the files by their digests."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import UserError
from pipeline.folders import Folder, write_document
from pipeline.shared import SHARED, SharedFolder, files_below, kept
from pipeline.storage import file_sha256

LOCK = "dvc.lock"
MADE_IN = ("data", "models", "metrics", "datasets")  # all that stages make


def _safe_name(name: str) -> str:
    """A bucket may be written by others: nothing of it lands outside of what stages make."""
    parts = PurePosixPath(name).parts
    if name != LOCK and (len(parts) < 2 or parts[0] not in MADE_IN or ".." in parts or "\\" in name or "\0" in name):
        raise ValueError(f"{name!r} is nothing that a stage makes")
    return name


Name = Annotated[str, AfterValidator(_safe_name)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Index(BaseModel):
    model_config = ConfigDict(strict=True)

    kept_at: float  # seconds since the epoch
    files: dict[Name, Digest]


def index_of(name: str) -> str:
    """Where below a root it stands what was last made with the preset `name`."""
    return f"jobs/{name}.json"


def keep_outputs(checkout: Path, name: str, root: Folder) -> int:
    """Puts `dvc.lock` and all files that it lists as made below `root`, their index last; returns how many."""
    names = [LOCK, *(file for out in _outs(checkout / LOCK) for file in _files(checkout, out))]
    files = kept(checkout, names, root).files
    write_document(root, index_of(name), {"kept_at": time.time(), "files": files})
    return len(files)


def bring_outputs(checkout: Path, name: str, root: Folder) -> list[str] | None:
    """Makes the checkout's outputs those that were kept, `dvc.lock` last; the names of those that were not here already.

    What else lies in a folder that a stage makes goes, as DVC would do. None: nothing was kept under this name.
    """
    index = _read_index(name, root)
    if index is None:
        return None
    wanted = [file for file, digest in index.files.items() if not _is(checkout / file, digest)]
    source = SharedFolder(checkout, root / SHARED, index.files)
    source.bring([file for file in wanted if file != LOCK], checkout)
    if LOCK in wanted:
        source.bring([LOCK], checkout)
    for out in _outs(checkout / LOCK):
        for file in _files(checkout, out) if out.split("/")[0] in MADE_IN else ():
            if file not in index.files:
                (checkout / file).unlink()
    return wanted


def require_replaceable_lock(checkout: Path) -> None:
    """Refuses to replace a `dvc.lock` that git does not keep: it names what was made here."""
    asked = subprocess.run(
        ["git", "status", "--porcelain", "--", LOCK], cwd=checkout, capture_output=True, text=True, check=False
    )
    if asked.returncode == 0 and asked.stdout.strip():
        raise UserError(
            f"{LOCK} here has changes that are not committed, and would be replaced: commit it, or give --replace."
        )


def record_in_dvc(checkout: Path) -> list[str]:
    """Puts what `dvc.lock` lists into DVC's cache, as if it had been made here; the stages that would make something else here."""
    from dvc.repo import Repo
    from dvc.stage.exceptions import StageCommitError

    others = []
    with Repo(str(checkout)) as repository:
        for stage in repository.index.stages:
            try:
                repository.commit(stage.addressing)
            except StageCommitError:
                others.append(str(stage.addressing))
    return others


def _read_index(name: str, root: Folder) -> _Index | None:
    try:
        return _Index.model_validate_json(root.read(index_of(name)))
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise UserError(
            f"{root / index_of(name)} is no list of outputs: {error.errors()[0]['msg']}. Remove it, and submit again."
        ) from None


def _outs(lock: Path) -> Iterator[str]:
    """Paths of what `dvc.lock` lists as made."""
    if not lock.is_file():
        return
    stages: dict[str, Any] = (yaml.safe_load(lock.read_text(encoding="utf-8")) or {}).get("stages", {})
    for stage in stages.values():
        yield from (out["path"] for out in stage.get("outs", ()))


def _files(checkout: Path, out: str) -> list[str]:
    path = checkout / out
    if path.is_dir():
        return [f"{out}/{file}" for file in files_below(path)]
    return [out] if path.is_file() else []


def _is(file: Path, digest: str) -> bool:
    return file.is_file() and file_sha256(file) == digest
