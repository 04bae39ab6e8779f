"""Transfer what a pipeline made from one checkout to another: an index below the root, and files by digest."""

import subprocess
import tempfile
import time
from pathlib import Path, PurePosixPath
from typing import Annotated, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.base.errors import UserError
from pipeline.runs.input_files import UPLOADS, InputFiles, files_below, upload
from pipeline.store.files import file_sha256
from pipeline.store.folder import Folder, write_document

LOCK = "dvc.lock"
MADE_IN = ("data", "models", "metrics", "datasets")  # all that stages make


def _safe_name(name: str) -> str:
    """Return the name, refused unless a stage makes such a file.

    A bucket may be written by others: nothing of it lands outside of what stages make.
    """
    parts = PurePosixPath(name).parts
    if name != LOCK and (len(parts) < 2 or parts[0] not in MADE_IN or ".." in parts or "\\" in name or "\0" in name):
        raise ValueError(f"{name!r} is no output of a stage")
    return name


Name = Annotated[str, AfterValidator(_safe_name)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Out(BaseModel):
    path: Name


class _Stage(BaseModel):
    outs: list[_Out] = []


class _Lock(BaseModel):
    """Hold what matters of a `dvc.lock`."""

    stages: dict[str, _Stage] = {}


class _Index(BaseModel):
    model_config = ConfigDict(strict=True)

    kept_at: float  # seconds since the epoch
    files: dict[Name, Digest]

    @model_validator(mode="after")
    def _has_lock(self) -> Self:
        if LOCK not in self.files:
            raise ValueError(f"without a {LOCK}")
        return self


def index_of(name: str) -> str:
    """Return the name below a root of the index of what was last made with the preset `name`."""
    return f"jobs/{name}.json"


def upload_outputs(checkout: Path, name: str, root: Folder) -> int:
    """Upload `dvc.lock` and all files that it lists as made below `root`, their index last; return how many."""
    outs = _outs((checkout / LOCK).read_bytes(), checkout / LOCK)
    names = [LOCK, *(file for out in outs for file in _files(checkout, out))]
    files = upload(checkout, names, root).files
    write_document(root, index_of(name), {"kept_at": time.time(), "files": files})
    return len(files)


def download_outputs(checkout: Path, name: str, root: Folder) -> list[str] | None:
    """Replace the checkout's outputs by those that were uploaded, and return the names that were missing or different.

    `dvc.lock` comes last. What else lies in a folder that a stage makes is removed, as DVC would do. None says that
    nothing was uploaded under this name.
    """
    index = _read_index(name, root)
    if index is None:
        return None
    wanted = [file for file, digest in index.files.items() if not _is(checkout / file, digest)]
    source = InputFiles(checkout, root / UPLOADS, index.files)
    with tempfile.TemporaryDirectory() as aside:  # read before anything here is touched
        source.download([LOCK], Path(aside))
        outs = _outs((Path(aside) / LOCK).read_bytes(), root / UPLOADS / index.files[LOCK])
    source.download([file for file in wanted if file != LOCK], checkout)
    if LOCK in wanted:
        source.download([LOCK], checkout)
    for out in outs:
        for file in _files(checkout, out):
            if file not in index.files:
                (checkout / file).unlink()
    return wanted


def require_replaceable_lock(checkout: Path) -> None:
    """Refuse to replace a `dvc.lock` with changes that are not committed: it names what was made in this checkout."""
    if not (checkout / LOCK).exists():
        return
    try:
        status = subprocess.run(
            ["git", "status", "--porcelain", "--", LOCK], cwd=checkout, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise UserError(
            f"This would replace {LOCK}, and without git its state is unknown. Commit it, or give --replace."
        ) from None
    if status.returncode != 0:
        why = (status.stderr.strip().splitlines() or ["no reason given"])[0]
        raise UserError(
            f"This would replace {LOCK}, and git does not tell whether it is committed ({why}). Give --replace to "
            "replace it."
        )
    if status.stdout.strip():
        raise UserError(
            f"This would replace {LOCK}, which has changes that are not committed. Commit it, or give --replace."
        )


def record_in_dvc(checkout: Path) -> list[str]:
    """Record what `dvc.lock` lists in DVC's cache, as if this checkout had made it.

    Return the stages that would make something else in this checkout.
    """
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


def _outs(lock: bytes, place: object) -> list[str]:
    """Return the paths of what a `dvc.lock`, which is found in `place`, lists as made."""
    try:
        read = _Lock.model_validate(yaml.safe_load(lock) or {})
    except (yaml.YAMLError, UnicodeDecodeError, ValidationError) as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error).splitlines()[0]
        raise UserError(f"{place} is no {LOCK} of this project: {why}. Submit the job again.") from None
    return [out.path for stage in read.stages.values() for out in stage.outs]


def _files(checkout: Path, out: str) -> list[str]:
    path = checkout / out
    if path.is_dir():
        return [f"{out}/{file}" for file in files_below(path)]
    return [out] if path.is_file() else []


def _is(file: Path, digest: str) -> bool:
    return file.is_file() and file_sha256(file) == digest
