"""Recognise by content what each stage left in its output folder: a file of the same name by others is theirs."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from typing import Any

from pipeline.base.junk import is_junk
from pipeline.store.files import file_sha256

Proof = Callable[[Path], bool]

_DIGEST = r"[0-9a-f]{64}"
_SHARD = r"train-\d{6,}\.(parquet|tar)"
_TEMPORARY = re.compile(r"\.(.+)\.\d+\.tmp")  # a name of ours, while its file is written
# In folders that people call empty: of a new disk, of git, and of NFS for a file that was removed while it was open.
_IN_EMPTY_FOLDERS = ("lost+found", ".gitkeep", ".nfs*")


@dataclass(frozen=True)
class Layout:
    """Hold the files of an output folder by the patterns of their names, and its folders.

    Each pattern has the proof that a stage wrote such a file.
    """

    files: dict[str, Proof]
    folders: dict[str, "Layout"] = field(default_factory=dict)

    def proof(self, name: str) -> Proof | None:
        """Return the proof for a file of that name, None where no stage writes such a file there."""
        return next((proof for pattern, proof in self.files.items() if re.fullmatch(pattern, name)), None)

    def names(self, relative: PurePath) -> bool:
        """Return whether a stage writes a file of that name, which may be in one of the folders."""
        folder, *rest = relative.parts
        if rest:
            return folder in self.folders and self.folders[folder].names(PurePath(*rest))
        return self.proof(folder) is not None


def layout_of(stage: str, out: Path, runs: Path | None) -> Layout:
    """Return what `stage`, and the stages that share its output, leave in `out`.

    `runs` holds the stages' finished work: it proves files that an interrupted stage copied without what describes
    them.
    """
    if stage == "ingest":
        return _canonical(out)
    if stage in ("embed", "train"):
        return _model(out, runs)
    if stage in ("sample", "audit"):
        return dataset_layout(out, runs)
    return METRICS


def foreign_files(folder: Path, layout: Layout) -> Iterator[Path]:
    """Yield what lies in `folder` and is not proven to be a stage's, in order.

    Junk is passed over, and so are the files of folders that people call empty: no stage touches them.
    """
    for path in sorted(folder.iterdir()):
        if not any(fnmatchcase(path.name, pattern) for pattern in _IN_EMPTY_FOLDERS):
            yield from _foreign(path, layout)


def _foreign(path: Path, layout: Layout) -> Iterator[Path]:
    if is_junk(path.name):
        return
    # A link to a folder leads to where another dataset or model may lie, and be replaced.
    if path.name in layout.folders and path.is_dir() and not path.is_symlink():
        for inner in sorted(path.iterdir()):
            yield from _foreign(inner, layout.folders[path.name])
        return
    temporary = _TEMPORARY.fullmatch(path.name)
    if temporary and layout.proof(temporary[1]):
        return
    proof = layout.proof(path.name)
    if proof is None or not path.is_file() or not proof(path):
        yield path


def dataset_layout(out: Path, runs: Path | None) -> Layout:
    """Return what `sample` and `audit` leave in `out`; `runs` as for `layout_of`."""
    listed, is_copy = _shards_of(out / "manifest.json"), _copy_from(runs, "*/shards")

    def is_shard(path: Path) -> bool:
        # Without a manifest, shards may be those of any dataset: what an interrupted stage left is still in its run.
        return (listed is not None and f"data/{path.name}" in listed) or is_copy(path)

    data = Layout({_SHARD: is_shard, r"wids\.json": _is_wids_index, r"location\.json": _is_location})

    def is_manifest(path: Path) -> bool:
        # A damaged one is ours where nothing but shards of ours lies beside it.
        return listed is not None or (_json(path) is None and _holds_shards_alone(out / "data", data))

    return Layout(
        {
            r"manifest\.json": is_manifest,
            r"README\.md": _contains(rf"\n- Dataset: `{_DIGEST}`\n", "imagemint"),
            r"croissant\.json": _contains(f"urn:sha256:{_DIGEST}", '"imagemint '),
            r"\.lock": lambda path: path.stat().st_size == 0,
        },
        {
            "data": data,
            "report": Layout({r"index\.html": _contains(rf">Dataset</td><td><code>{_DIGEST}<")}),
            "metrics": METRICS,
        },
    )


def _canonical(out: Path) -> Layout:
    description = _json(out / "dataset.json")
    ours = _has(description, "digest", "image", "classes", "splits")
    listed = set(re.findall(r'"file": "([^"]+)"', json.dumps(description["splits"]))) if ours else set()
    return Layout(
        {
            r"dataset\.json": lambda _: ours,
            r"left_out\.csv": _contains(r"\Asource,reason\n"),
            r"(quarantine|leaks)\.parquet": lambda path: _is_table(path, {"source", "reason"}, mark=b"imagemint"),
            r".+\.parquet": lambda path: path.name in listed or _is_table(path, {"image", "index", "source"}),
        }
    )


def _model(out: Path, runs: Path | None) -> Layout:
    embedder, model = _json(out / "embedder.json"), _json(out / "model.json")
    has_embedder, has_model = _has(embedder, "network", "sha256"), _has(model, "pair", "calibration", "sha256")
    is_copy = _copy_from(runs, "*", "*/model")

    return Layout(
        {
            r"embedder\.json": lambda _: has_embedder,
            r"embedder\.safetensors": lambda path: has_embedder or is_copy(path),
            r"model\.json": lambda _: has_model,
            r"(generator|discriminator)\.safetensors": lambda path: has_model or is_copy(path),
        },
        {
            "samples": Layout({r"(images-\d{9}|interpolation|curves)\.png": lambda _: has_model}),
            "metrics": METRICS,
        },
    )


def _copy_from(runs: Path | None, *folders: str) -> Proof:
    """Return the proof that a run has the same file, under the same name, in a folder of one of these patterns."""

    def proof(path: Path) -> bool:
        found = [] if runs is None else [each for folder in folders for each in runs.glob(f"{folder}/{path.name}")]
        if any(path.samefile(each) for each in found):  # a hard link: nothing to be read
            return True
        same_size = [each for each in found if each.stat().st_size == path.stat().st_size]
        return any(file_sha256(each) == file_sha256(path) for each in same_size)

    return proof


def _json(path: Path) -> Any:
    """Return the content of a JSON file, None where there is none or it is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def _has(value: Any, *keys: str) -> bool:
    return isinstance(value, dict) and all(key in value for key in keys)


def _object_with(*keys: str) -> Proof:
    return lambda path: _has(_json(path), *keys)


def _contains(*patterns: str) -> Proof:
    def proof(path: Path) -> bool:
        text = path.read_text(encoding="utf-8", errors="replace")
        return all(re.search(pattern, text) for pattern in patterns)

    return proof


METRICS = Layout(
    {
        r"source\.json": _object_with("digest", "files"),
        r"preset\.yaml": _contains(r"(?m)^data:$"),
        r"embed\.json": lambda path: _has(_json(path), "holdout_accuracy") or _has(_json(path), "holdout_recognised"),
        r"train\.json": _object_with("images_seen", "trained_images"),
        r"(train|sample)_time\.json": _object_with("images", "seconds", "core_seconds"),
        r"training\.csv": _contains(r"\A[^\n]*\bimages_seen\b"),
        r"evaluate\.json": _object_with("fd_domain", "model", "embedder"),
        r"audit\.json": _object_with("fd_domain", "dataset_id"),
        r"summary\.json": _object_with("fd_domain", "coverage"),
        r"accept\.json": _object_with("accepted", "dataset_id"),
    }
)


def _shards_of(manifest: Path) -> set[str] | None:
    """Return the names of the shards that a manifest of ours lists; None without a manifest, or for another's."""
    value = _json(manifest)
    if not _has(value, "format_version", "dataset_id", "fingerprint", "count", "shards"):
        return None
    if not re.fullmatch(_DIGEST, str(value["dataset_id"])) or not isinstance(value["shards"], list):
        return None
    names = re.findall(rf'"file": "(data/{_SHARD})"', json.dumps(value["shards"]))
    return {name for name, _ in names} or None


def _holds_shards_alone(folder: Path, layout: Layout) -> bool:
    shards = folder.is_dir() and any(re.fullmatch(_SHARD, path.name) for path in folder.iterdir())
    return shards and not any(foreign_files(folder, layout))


def _is_table(path: Path, columns: set[str], mark: bytes = b"huggingface") -> bool:
    import pyarrow as pa  # takes longer than the rest, and is seldom needed
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException):
        return False
    return columns <= set(schema.names) and mark in (schema.metadata or {})


def _is_wids_index(path: Path) -> bool:
    value = _json(path)
    if not _has(value, "__kind__", "shardlist") or not isinstance(value["shardlist"], list):
        return False
    return all(_has(shard, "url") and re.fullmatch(_SHARD, str(shard["url"])) for shard in value["shardlist"])


def _is_location(path: Path) -> bool:
    value = _json(path)
    return _has(value, "url") and str(value["url"]).startswith(("s3://", "gs://"))
