"""The manifest: the truth about a dataset. It is written last, atomically, and never edited."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.base.errors import UserError
from pipeline.config.schema import Encoding, Sample
from pipeline.runs.fingerprint import canonical_digest
from pipeline.sampling.shards.commits import Commit, ShardRecord, ShardTarget
from pipeline.store.folder import Folder
from pipeline.store.local import LocalFolder
from pipeline.store.places import SCHEMES, folder_at

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
LOCATION = "location.json"  # in `data`, where the shards are in an object store

Size = Annotated[int, Field(ge=1, le=10**12)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# Readers of a dataset are told what they can do, too, who need not have what makes one.
FETCH_OR_FINISH = "Fetch the whole dataset, or finish it with `python -m stages.sample`."


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True)


class _Version(_Strict):
    format_version: int


class _Image(_Strict):
    height: Size
    width: Size
    channels: Literal[1, 3]
    encoding: Encoding


class _Model(_Strict):
    digest: Digest
    uri: Annotated[str, Field(max_length=1000)]


class _Source(_Strict):
    digest: Digest
    name: str
    licence: str


class _Software(_Strict):
    device: str


class _Config(_Strict):
    sample: Sample


class _Filter(_Strict):
    kind: Literal["density_ratio", "near_copy"]


class _Manifest(_Strict):
    """What readers rely on; a file that lacks it is no manifest. Further keys are for people."""

    dataset_id: Digest
    name: str
    fingerprint: Digest
    count: Size
    classes: list[str]
    image: _Image
    precision: Literal["fp32", "bf16"]
    model: _Model
    source: _Source
    software: _Software
    config: _Config
    filters: list[_Filter]
    shards: Annotated[list[ShardRecord], Field(min_length=1)]


def build_manifest(target: ShardTarget, commits: Sequence[Commit], about: dict[str, Any]) -> dict[str, Any]:
    """`about` (name, classes, image, model, source, config, software) with the shards and the dataset's identity."""
    shards = [
        {key: value for key, value in commit.items() if key in ShardRecord.model_fields}
        for commit in sorted(commits, key=lambda commit: int(commit["shard"]))
    ]
    count = sum(shard["rows"] for shard in shards)
    identity = dataset_id(target.fingerprint, count, shards)
    return {
        "format_version": FORMAT_VERSION,
        "dataset_id": identity,
        "fingerprint": target.fingerprint,
        "count": count,
        **about,
        "shards": shards,
    }


def dataset_id(fingerprint: str, count: int, shards: Sequence[dict[str, Any]]) -> str:
    """Identity of a dataset's content, in every format it is in; nothing of time, place or number of workers is in it."""
    return canonical_digest(
        {
            "format_version": FORMAT_VERSION,
            "fingerprint": fingerprint,
            "count": count,
            "shards": [
                {
                    **{key: shard[key] for key in ("file", "rows", "sha256")},
                    **({"also": [file["sha256"] for file in shard["also"]]} if shard["also"] else {}),
                }
                for shard in shards
            ],
        }
    )


def open_dataset(place: Path | str) -> tuple[Folder, dict[str, Any]]:
    """Where a dataset's files are, and its manifest; `place` is a folder, or a prefix of an object store by its URL."""
    folder = folder_at(str(place))
    manifest = manifest_in(folder)
    location = f"data/{LOCATION}"
    if folder.entry(location) is None:
        return folder, manifest
    where = _location(folder, location)
    if where is None:
        raise UserError(f"{folder}/{location}: names no prefix of an object store. {FETCH_OR_FINISH}")
    there = folder_at(where)
    if manifest_in(there) != manifest:
        raise UserError(f"{there}: its manifest is not that of {folder}. {FETCH_OR_FINISH}")
    return there, manifest


def _location(folder: Folder, name: str) -> str | None:
    """The prefix of an object store that holds the shards of the dataset in a folder; None where the file names none."""
    try:
        where = json.loads(folder.read(name))
    except (OSError, ValueError):
        return None
    url = where.get("url") if isinstance(where, dict) else None
    return url if isinstance(url, str) and url.startswith(SCHEMES) else None


def read_manifest(dataset: Path) -> dict[str, Any]:
    """The manifest of the dataset in a folder."""
    return manifest_in(LocalFolder(dataset))


def manifest_in(dataset: Folder) -> dict[str, Any]:
    """The manifest of the dataset there; a UserError says what is wrong with it, or that there is none."""
    place = f"{dataset}/{MANIFEST}"
    try:
        manifest: dict[str, Any] = json.loads(dataset.read(MANIFEST))
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"No {MANIFEST} in {dataset}: not a finished dataset. {FETCH_OR_FINISH}") from None
    except OSError as error:
        raise UserError(f"{place}: cannot be read: {error.strerror or error}.") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"manifest {place} is damaged: {error}.") from None
    try:
        version = _Version.model_validate(manifest).format_version
        if version == FORMAT_VERSION:
            _Manifest.model_validate(manifest)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(step) for step in first["loc"]) or "the file"
        raise UserError(f"{place}: not a manifest: {key}: {first['msg']}.") from None
    if version != FORMAT_VERSION:
        raise UserError(
            f"{place}: format version {version}, this imagemint reads {FORMAT_VERSION}. Use the imagemint that wrote it, or give another place."
        )
    return manifest
