"""Define the manifest, which describes a dataset completely. It is written last, atomically, and never edited."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PrivateAttr,
    RootModel,
    ValidationError,
)

from pipeline.base.errors import UserError
from pipeline.config.filters import FilterKindName
from pipeline.config.schema import Encoding, Sample
from pipeline.images.shape import ImageShape
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
FETCH_OR_FINISH = "Fetch the whole dataset, or finish it where it is made, with `imagemint run sample`."


class _Strict(BaseModel):
    """Keep the further keys that other versions have written."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)


class _Version(_Strict):
    format_version: int


class _Device(_Strict):
    device: str


class _Sampled(_Strict):
    sample: Sample


class ImageFormat(_Strict):
    """Describe the shape and the encoding of each image."""

    height: Size
    width: Size
    channels: Literal[1, 3]
    encoding: Encoding

    @property
    def shape(self) -> ImageShape:
        """Return the shape of each image."""
        return ImageShape(self.channels, self.height, self.width)


class UsedModel(_Strict):
    """Describe the model that generated the records, and the folder that it was in."""

    digest: Digest
    uri: Annotated[str, Field(max_length=1000)]


class RealData(_Strict):
    """Describe the real images that the model was trained on."""

    digest: Digest
    name: str
    licence: str


class UsedConfig(RootModel[dict[str, JsonValue]]):
    """Hold the config that the dataset was generated with; readers rely on its section `sample`.

    It is no model with a field `sample`, because that field would be written before the sections that preceded it.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    _sample: Sample = PrivateAttr()

    def model_post_init(self, _: object) -> None:
        """Check the section `sample`."""
        self._sample = _Sampled.model_validate(self.root).sample

    @property
    def sample(self) -> Sample:
        """Return the section `sample`."""
        return self._sample


class FittedFilter(_Strict):
    """Describe a filter that candidates had to pass; its further keys say what it was fitted to."""

    kind: FilterKindName


def _with_device(software: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Require the key `device`, which readers rely on."""
    _Device.model_validate(software)
    return software


class _Identity(_Strict):
    format_version: int
    dataset_id: Digest
    fingerprint: Digest  # of the run that made the shards
    count: Size


class ManifestHeader(_Strict):
    """Hold what a manifest says besides its shards and the dataset's identity."""

    name: str
    classes: list[str]  # none: the records have no labels
    image: ImageFormat
    model: UsedModel
    source: RealData
    config: UsedConfig
    precision: Literal["fp32", "bf16"]
    # Versions by name, and the device; in the order in which they were written, as the config is.
    software: Annotated[dict[str, JsonValue], AfterValidator(_with_device)]
    filters: list[FittedFilter]


class Manifest(ManifestHeader, _Identity):  # keys are written in this order: identity, header, shards
    """Hold all that the manifest of a dataset says; a file that lacks a part of it is no manifest."""

    shards: Annotated[list[ShardRecord], Field(min_length=1)]


def build_manifest(target: ShardTarget, commits: Sequence[Commit], header: ManifestHeader) -> Manifest:
    """Return the manifest: the header with the shards and the dataset's identity."""
    ordered = sorted(commits, key=lambda commit: commit.shard)
    count = sum(commit.rows for commit in ordered)
    return Manifest.model_validate(
        {
            "format_version": FORMAT_VERSION,
            "dataset_id": dataset_id(target.fingerprint, count, ordered),
            "fingerprint": target.fingerprint,
            "count": count,
            **dict(header),
            "shards": [commit.model_dump(exclude={"seconds"}) for commit in ordered],
        }
    )


def dataset_id(fingerprint: str, count: int, shards: Sequence[ShardRecord]) -> str:
    """Return the identity of a dataset's content, in every format that it is in.

    It does not depend on time, location or number of workers.
    """
    return canonical_digest(
        {
            "format_version": FORMAT_VERSION,
            "fingerprint": fingerprint,
            "count": count,
            "shards": [
                {
                    "file": shard.file,
                    "rows": shard.rows,
                    "sha256": shard.sha256,
                    **({"also": [file.sha256 for file in shard.also]} if shard.also else {}),
                }
                for shard in shards
            ],
        }
    )


def open_dataset(place: Path | str) -> tuple[Folder, Manifest]:
    """Return the folder that holds a dataset's files, and its manifest.

    `place` is a folder, or the URL of a prefix in an object store.

    Raises:
        UserError: there is no readable manifest, or the prefix that the folder names holds another one.
    """
    folder = folder_at(str(place))
    manifest = manifest_in(folder)
    location = f"data/{LOCATION}"
    if folder.entry(location) is None:
        return folder, manifest
    url = _location(folder, location)
    if url is None:
        raise UserError(f"{folder}/{location}: names no prefix of an object store. {FETCH_OR_FINISH}")
    prefix = folder_at(url)
    if manifest_in(prefix) != manifest:
        raise UserError(f"{prefix}: its manifest is not that of {folder}. {FETCH_OR_FINISH}")
    return prefix, manifest


def _location(folder: Folder, name: str) -> str | None:
    """Return the object-store prefix that holds the shards of a dataset, as the file `name` in its folder says.

    The result is None where the file names none.
    """
    try:
        content = json.loads(folder.read(name))
    except (OSError, ValueError):
        return None
    url = content.get("url") if isinstance(content, dict) else None
    return url if isinstance(url, str) and url.startswith(SCHEMES) else None


def read_manifest(dataset: Path) -> Manifest:
    """Read the manifest of the dataset in a folder."""
    return manifest_in(LocalFolder(dataset))


def manifest_in(dataset: Folder) -> Manifest:
    """Read the manifest of a dataset.

    Raises:
        UserError: there is none, or it is damaged; the message says what is wrong with it.
    """
    place = f"{dataset}/{MANIFEST}"
    try:
        content = json.loads(dataset.read(MANIFEST))
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"No {MANIFEST} in {dataset}: not a finished dataset. {FETCH_OR_FINISH}") from None
    except OSError as error:
        raise UserError(f"{place}: cannot be read: {error.strerror or error}.") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"manifest {place} is damaged: {error}.") from None
    try:
        version = _Version.model_validate(content).format_version
        if version == FORMAT_VERSION:
            return Manifest.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(step) for step in first["loc"]) or "the file"
        raise UserError(f"{place}: not a manifest: {key}: {first['msg']}.") from None
    raise UserError(
        f"{place}: format version {version}, this imagemint reads {FORMAT_VERSION}. Use the imagemint that wrote it, or give another place."
    )
