"""The manifest: the truth about a dataset. It is written last, atomically, and never edited."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import UserError
from pipeline.fingerprint import canonical_digest
from pipeline.sampling.shards import Commit, ShardRecord, ShardTarget, shard_files
from pipeline.storage import link_or_copy, read_json, write_json

FORMAT_VERSION = 1
MANIFEST = "manifest.json"

EncodingName = Literal["png", "webp", "jpeg", "raw"]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True)


class _Image(_Strict):
    height: int
    width: int
    channels: int
    encoding: EncodingName


class _Model(_Strict):
    digest: str
    uri: str


class _Source(_Strict):
    digest: str
    name: str
    licence: str


class _Software(_Strict):
    device: str


class _Sample(_Strict):
    seed: int
    batch_size: int
    shard_size: int
    labels: Literal["balanced"] | dict[str, int]
    truncation: float | None
    encoding: EncodingName
    jpeg_quality: int


class _Config(_Strict):
    sample: _Sample


class _Manifest(_Strict):
    """What readers rely on; a file that lacks it is no manifest. Further keys are for people."""

    format_version: int
    dataset_id: str
    name: str
    fingerprint: str
    count: int
    classes: list[str]
    image: _Image
    precision: str
    model: _Model
    source: _Source
    software: _Software
    config: _Config
    shards: Annotated[list[ShardRecord], Field(min_length=1)]


def build_manifest(target: ShardTarget, commits: Sequence[Commit], about: dict[str, Any]) -> dict[str, Any]:
    """`about` (name, classes, image, model, source, config, software) with the shards and the dataset's identity."""
    kept = ("shard", "first_index", "rows", "candidates", "file", "bytes", "sha256", "also", "labels", "fingerprint")
    shards = [{key: commit[key] for key in kept} for commit in sorted(commits, key=lambda commit: int(commit["shard"]))]
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
    """Identity of a dataset's content; nothing of time, place or number of workers is in it."""
    return canonical_digest(
        {
            "format_version": FORMAT_VERSION,
            "fingerprint": fingerprint,
            "count": count,
            "shards": [{key: shard[key] for key in ("file", "rows", "sha256")} for shard in shards],
        }
    )


def publish(target: ShardTarget, manifest: dict[str, Any], out: Path) -> None:
    """Puts the shards into `out/data` and the manifest last; until then `out` has none, so nothing half-made looks whole.

    What an audit wrote about another dataset in the same place is removed.
    """
    require_ours(out)
    if _identity(out) != manifest["dataset_id"]:
        # They describe another dataset.
        (out / "README.md").unlink(missing_ok=True)
        (out / "croissant.json").unlink(missing_ok=True)
        shutil.rmtree(out / "report", ignore_errors=True)
    (out / MANIFEST).unlink(missing_ok=True)
    wanted = {Path(file["file"]).name for shard in manifest["shards"] for file in shard_files(shard)}
    data = out / "data"
    if data.is_dir():
        for stale in sorted(data.iterdir()):
            if stale.is_dir():
                shutil.rmtree(stale)
            elif stale.name not in wanted:
                stale.unlink()
    for name in sorted(wanted):
        link_or_copy(target.shards / name, data / name)
    write_json(out / MANIFEST, manifest)


def require_ours(out: Path) -> None:
    """Refuses a folder whose content no earlier publish can have made: publishing would delete it."""
    data = out / "data"
    foreign = [path for path in data.glob("*") if path.is_dir() or not path.name.lstrip(".").startswith("train-")]
    audited = (out / "croissant.json").exists() or (out / "report" / "index.html").exists()
    if not (out / MANIFEST).is_file() and not audited:  # DVC removes manifest and data before it runs the stage
        foreign += [path for path in (out / "README.md", out / "report") if path.exists()]
    if foreign:
        raise UserError(f"--out {out}: holds {foreign[0]}, which is no part of a dataset; give an empty or new folder.")


def _identity(out: Path) -> str | None:
    """The identity of what was published here before, None where nothing was or it cannot be read."""
    try:
        return str(read_manifest(out)["dataset_id"])
    except UserError:
        return None


def read_manifest(dataset: Path) -> dict[str, Any]:
    """The manifest of the dataset in a folder."""
    if not (dataset / MANIFEST).is_file():
        raise UserError(f"No {MANIFEST} in {dataset}: not a finished dataset. Run `python -m stages.sample` again.")
    manifest: dict[str, Any] = read_json(dataset / MANIFEST, "manifest")
    try:
        version = _Manifest.model_validate(manifest).format_version
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(step) for step in first["loc"]) or "the file"
        raise UserError(f"{dataset / MANIFEST}: not a manifest: {key}: {first['msg']}.") from None
    if version != FORMAT_VERSION:
        raise UserError(f"{dataset / MANIFEST}: format version {version}, this imagemint reads {FORMAT_VERSION}.")
    return manifest
