"""Verifying a dataset against its manifest: every byte, every record, and a few records made again."""

import random
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.data.images import decode_png, image_schema
from pipeline.models.hardware import device_name
from pipeline.models.weights import TrainedPair
from pipeline.sampling.manifest import dataset_id
from pipeline.sampling.minting import MintSettings, mint_aligned_batch, reproducible_numerics
from pipeline.sampling.plan import plan_shards
from pipeline.sampling.shards import label_counts, shard_files
from pipeline.sampling.writers import EXTRA_COLUMNS
from pipeline.storage import file_sha256

Labels = NDArray[np.int64] | None  # `[N]`; None in a dataset without classes


@dataclass(frozen=True)
class Shard:
    """A shard as read back from disk: `images: uint8 [N, H, W, C]`, `indices: int64 [N]`, labels, and its first index."""

    first_index: int
    images: NDArray[np.uint8]
    labels: Labels
    indices: NDArray[np.int64]


@dataclass
class Findings:
    """What is wrong (one line each, naming the file), and what was looked at."""

    problems: list[str] = field(default_factory=list)
    files: int = 0
    records: int = 0
    regenerated: str = "not asked for"


def verify_files(dataset: Path, manifest: dict[str, Any]) -> Findings:
    """Checks identity, completeness and digests; reads every byte and decodes nothing."""
    findings = Findings()
    problems, shards = findings.problems, manifest["shards"]
    expected = dataset_id(manifest["fingerprint"], manifest["count"], shards)
    if expected != manifest["dataset_id"]:
        problems.append("manifest.json: dataset_id does not follow from the shards it lists: the manifest was edited")
    size = max([1, *(shard["rows"] for shard in shards)])
    planned = [(plan.shard, plan.first_index, plan.rows) for plan in plan_shards(manifest["count"], size)]
    if [(shard["shard"], shard["first_index"], shard["rows"]) for shard in shards] != planned:
        problems.append(f"manifest.json: its shards do not cover the records 0 to {manifest['count'] - 1} once each")
    listed = [file for shard in shards for file in shard_files(shard)]
    for file in listed:
        findings.files += 1
        path = dataset / file["file"]
        if Path(file["file"]).parent != Path("data"):
            problems.append(f"{file['file']}: lies outside data/")
        elif not path.is_file():
            problems.append(f"{file['file']}: missing")
        elif path.stat().st_size != file["bytes"]:
            problems.append(f"{file['file']}: {path.stat().st_size} bytes, the manifest says {file['bytes']}")
        elif file_sha256(path) != file["sha256"]:
            problems.append(f"{file['file']}: its SHA-256 differs from the manifest's")
    present = {f"data/{path.name}" for path in (dataset / "data").glob("*")}
    problems += [f"{extra}: not in the manifest" for extra in sorted(present - {file["file"] for file in listed})]
    return findings


def read_shards(dataset: Path, manifest: dict[str, Any], findings: Findings) -> Iterator[Shard]:
    """Reads every shard back, one at a time, decoding every image; what is wrong goes into `findings`, not on."""
    for shard in manifest["shards"]:
        first: Shard | None = None
        for file in shard_files(shard):
            path = dataset / file["file"]
            try:
                contents, labels, indices = _read(path, manifest["classes"])
                images = _decode(contents, manifest["image"])
            except (ValueError, OSError, KeyError, pa.ArrowException, tarfile.TarError) as error:
                findings.problems.append(f"{file['file']}: {error}")
                continue
            found = Shard(shard["first_index"], images, labels, indices)
            findings.records += len(indices)
            mismatches = list(_mismatches(found, shard, manifest))
            if first is not None and not np.array_equal(images, first.images):
                mismatches.append(f"its images are not those of {shard['file']}")
            if first is not None and not _same_labels(labels, first.labels):
                mismatches.append(f"its labels are not those of {shard['file']}")
            findings.problems += [f"{file['file']}: {mismatch}" for mismatch in mismatches]
            if file["file"] == shard["file"] and not mismatches:
                first = found
                yield found


def verify_records(
    dataset: Path, manifest: dict[str, Any], pair: TrainedPair, findings: Findings, count: int, seed: int = 0
) -> None:
    """Makes `count` random records again from the model and compares the pixels with the stored ones."""
    if pair.digest != manifest["model"]["digest"]:
        findings.regenerated = "not compared: another model than the dataset was made with"
        return
    here = device_name(use_gpu=False)
    if here != manifest["software"]["device"]:
        findings.regenerated = f"not comparable here: made on {manifest['software']['device']!r}, this is {here!r}"
        return
    sample = manifest["config"]["sample"]
    settings = MintSettings(sample["seed"], sample["batch_size"], manifest["precision"])
    chosen = sorted(random.Random(seed).sample(range(manifest["count"]), min(count, manifest["count"])))
    different = []
    for shard in manifest["shards"]:
        inside = [index for index in chosen if shard["first_index"] <= index < shard["first_index"] + shard["rows"]]
        path = dataset / shard["file"]
        if not inside:
            continue
        try:
            contents, labels, _ = _read(path, manifest["classes"])
            rows = [index - shard["first_index"] for index in inside]
            stored = _decode([contents[row] for row in rows], manifest["image"])
            stored_labels = [_label(labels, row) for row in rows]
        except (ValueError, OSError, KeyError, IndexError, pa.ArrowException, tarfile.TarError):
            continue  # reported when the shard was read
        for index, image, label in zip(inside, stored, stored_labels, strict=True):
            with reproducible_numerics():
                batch = mint_aligned_batch(pair, settings, sample["shard_size"], index)
            row = index - int(batch.indices[0])
            if not np.array_equal(batch.images[row], image) or _label(batch.labels, row) != label:
                different.append(f"{shard['file']}: record {index} is not what the model makes")
    findings.problems += different
    findings.regenerated = f"{len(chosen) - len(different)} of {len(chosen)} random records equal what the model makes"


def _read(path: Path, classes: Sequence[str]) -> tuple[list[bytes], Labels, NDArray[np.int64]]:
    """Encoded images, labels and indices of a shard in either format."""
    return _read_parquet(path, classes) if path.suffix == ".parquet" else _read_tar(path, classes)


def _read_parquet(path: Path, classes: Sequence[str]) -> tuple[list[bytes], Labels, NDArray[np.int64]]:
    table = pq.read_table(path)
    if not table.schema.equals(image_schema(classes, EXTRA_COLUMNS), check_metadata=True):
        raise ValueError("its schema is not that of the dataset format")
    contents = [content.as_py() for content in table["image"].combine_chunks().field("bytes")]
    return contents, table["label"].to_numpy() if classes else None, table["index"].to_numpy()


def _read_tar(path: Path, classes: Sequence[str]) -> tuple[list[bytes], Labels, NDArray[np.int64]]:
    members: dict[str, dict[str, bytes]] = {}
    with tarfile.open(path, "r:") as tar:  # never compressed: nothing that unpacks to more than it is
        for member in tar:
            key, _, ending = member.name.partition(".")
            file = tar.extractfile(member)
            if file is None or not key.isdigit():
                raise ValueError(f"unexpected member {member.name!r}")
            members.setdefault(key, {})[ending] = file.read()
    samples = list(members.values())
    indices = np.array([int(key) for key in members], dtype=np.int64)
    return [parts["png"] for parts in samples], _tar_labels(samples, classes), indices


def _tar_labels(samples: list[dict[str, bytes]], classes: Sequence[str]) -> Labels:
    if classes:
        return np.array([int(parts["cls"]) for parts in samples], dtype=np.int64)
    if any("cls" in parts for parts in samples):
        raise ValueError("it holds labels, but the manifest names no classes")
    return None


def _label(labels: Labels, row: int) -> int | None:
    return None if labels is None else int(labels[row])


def _same_labels(a: Labels, b: Labels) -> bool:
    return b is None if a is None else b is not None and np.array_equal(a, b)


def _decode(contents: list[bytes], image: dict[str, Any]) -> NDArray[np.uint8]:
    decoded = [decode_png(content, image["channels"]) for content in contents]
    expected = (image["height"], image["width"], image["channels"])
    wrong = [number for number, pixels in enumerate(decoded) if pixels.shape != expected]
    if wrong:
        raise ValueError(
            f"{len(wrong)} images are not {expected[0]}x{expected[1]}x{expected[2]}, the first at row {wrong[0]}"
        )
    return np.stack(decoded) if decoded else np.empty((0, *expected), np.uint8)


def _mismatches(found: Shard, shard: dict[str, Any], manifest: dict[str, Any]) -> Iterator[str]:
    if len(found.indices) != shard["rows"]:
        yield f"{len(found.indices)} records, the manifest says {shard['rows']}"
    expected = np.arange(shard["first_index"], shard["first_index"] + len(found.indices))
    if not np.array_equal(found.indices, expected):
        yield "its indices do not follow one another from the shard's first index"
    classes, labels = manifest["classes"], found.labels
    if labels is not None and len(labels) and (labels.min() < 0 or labels.max() >= len(classes)):
        yield "a label is outside the classes"
        return
    if label_counts(labels, classes) != shard["labels"]:
        yield "its labels are not distributed as the manifest says"
