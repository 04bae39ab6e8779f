"""The manifest of a dataset."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.errors import UserError
from pipeline.models.weights import TrainedPair
from pipeline.sampling.manifest import MANIFEST, Manifest, ManifestHeader, build_manifest, read_manifest
from pipeline.sampling.shards.commits import Commit, committed
from pipeline.store.files import write_json
from tests.unit.tiny import GeneratedDataset, generate_dataset, manifest_header, target_in

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_dataset_without_labels_names_no_classes(unlabelled: GeneratedDataset) -> None:
    manifest = read_manifest(unlabelled.out)
    assert manifest == unlabelled.manifest
    assert manifest.classes == []
    assert [shard.labels for shard in manifest.shards] == [{}, {}, {}]


def test_two_runs_of_the_same_work_have_the_same_manifest(
    generated: GeneratedDataset, tiny_pair: TrainedPair, tmp_path: Path
) -> None:
    assert generate_dataset(tmp_path / "again", tiny_pair).manifest == generated.manifest


def test_neither_time_nor_the_order_of_work_is_in_the_manifest(
    generated: GeneratedDataset, tiny_pair: TrainedPair
) -> None:
    commits = list(committed(generated.target, generated.plans).values())
    slower = [commit.model_copy(update={"seconds": 999.0}) for commit in reversed(commits)]
    assert build_manifest(generated.target, slower, manifest_header(tiny_pair)) == generated.manifest


@pytest.mark.parametrize(
    "change",
    [
        lambda commits: commits[0].update(sha256="0" * 64),
        lambda commits: commits[0].update(rows=11),
        lambda commits: commits[0].update(file="data/train-000009.parquet"),
        lambda commits: commits[0]["also"][0].update(sha256="0" * 64),
        lambda commits: commits.pop(),
    ],
    ids=["content", "rows", "name", "content in another format", "a shard fewer"],
)
def test_the_identity_follows_the_content(
    generated: GeneratedDataset, tiny_pair: TrainedPair, change: Callable[[list[dict[str, Any]]], Any]
) -> None:
    commits = [commit.model_dump() for commit in committed(generated.target, generated.plans).values()]
    change(commits)
    other = build_manifest(
        generated.target, [Commit.model_validate(each) for each in commits], manifest_header(tiny_pair)
    )
    assert other.dataset_id != generated.manifest.dataset_id


def test_the_identity_follows_the_fingerprint(generated: GeneratedDataset, tiny_pair: TrainedPair) -> None:
    commits = list(committed(generated.target, generated.plans).values())
    other = build_manifest(
        target_in(generated.target.run.path, fingerprint="e" * 64), commits, manifest_header(tiny_pair)
    )
    assert other.dataset_id != generated.manifest.dataset_id


HEADER = {
    "name": "one",
    "classes": ["cat"],
    "image": {"height": 8, "width": 6, "channels": 1, "encoding": "png"},
    "model": {"digest": "a" * 64, "uri": "models/one"},
    "source": {"digest": "b" * 64, "name": "Möbel", "licence": "CC0-1.0"},
    "config": {"embed": {"learning_rate": 2e-05}, "sample": {"formats": ["webdataset"], "count": 2}, "gates": {}},
    "precision": "fp32",
    "software": {"imagemint": "0.1.0", "torch": "2.9", "device": "a CPU"},
    "filters": [{"kind": "near_copy", "nearest_allowed": [0.5]}],
}
COMMIT = {
    "shard": 0,
    "first_index": 0,
    "rows": 2,
    "candidates": 5,
    "refused": {"near_copy": 3},
    "file": "data/train-000000.parquet",
    "bytes": 10,
    "sha256": "c" * 64,
    "also": [{"file": "data/train-000000.tar", "bytes": 20, "sha256": "d" * 64}],
    "labels": {"cat": 2},
    "fingerprint": "f" * 64,
    "seconds": 1.25,
    "of another version": 1,
}
WRITTEN = f"""\
{{
  "format_version": 1,
  "dataset_id": "833a53f4624c1bb9223c3d75128fd0946c94d19adc9329d1dc2db01995ea6838",
  "fingerprint": "{"f" * 64}",
  "count": 2,
  "name": "one",
  "classes": [
    "cat"
  ],
  "image": {{
    "height": 8,
    "width": 6,
    "channels": 1,
    "encoding": "png"
  }},
  "model": {{
    "digest": "{"a" * 64}",
    "uri": "models/one"
  }},
  "source": {{
    "digest": "{"b" * 64}",
    "name": "M\\u00f6bel",
    "licence": "CC0-1.0"
  }},
  "config": {{
    "embed": {{
      "learning_rate": 2e-05
    }},
    "sample": {{
      "formats": [
        "webdataset"
      ],
      "count": 2
    }},
    "gates": {{}}
  }},
  "precision": "fp32",
  "software": {{
    "imagemint": "0.1.0",
    "torch": "2.9",
    "device": "a CPU"
  }},
  "filters": [
    {{
      "kind": "near_copy",
      "nearest_allowed": [
        0.5
      ]
    }}
  ],
  "shards": [
    {{
      "shard": 0,
      "first_index": 0,
      "rows": 2,
      "candidates": 5,
      "refused": {{
        "near_copy": 3
      }},
      "file": "data/train-000000.parquet",
      "bytes": 10,
      "sha256": "{"c" * 64}",
      "also": [
        {{
          "file": "data/train-000000.tar",
          "bytes": 20,
          "sha256": "{"d" * 64}"
        }}
      ],
      "labels": {{
        "cat": 2
      }},
      "fingerprint": "{"f" * 64}"
    }}
  ]
}}
"""


def test_the_bytes_of_a_manifest_follow_from_its_commits(tmp_path: Path) -> None:
    """They are hashed by DVC, and a dataset that is published again has to be the same."""
    header = ManifestHeader.model_validate(HEADER)
    manifest = build_manifest(target_in(tmp_path / "run"), [Commit.model_validate(COMMIT)], header)
    write_json(tmp_path / MANIFEST, manifest.model_dump())
    assert (tmp_path / MANIFEST).read_text() == WRITTEN
    assert read_manifest(tmp_path) == manifest


def test_what_another_version_has_written_besides_is_kept(generated: GeneratedDataset) -> None:
    content = generated.manifest.model_dump()
    for part in (content, content["image"], content["software"], content["config"], content["shards"][0]):
        part["of another version"] = {"any": ["thing", 1, None]}
    write(generated, content)
    assert read_manifest(generated.out).model_dump() == content


def write(generated: GeneratedDataset, manifest: Any) -> None:
    (generated.out / MANIFEST).write_text(json.dumps(manifest))


def without(manifest: Manifest, *path: Any) -> dict[str, Any]:
    """Its content, which lacks the key at `path`."""
    content = manifest.model_dump()
    inner: Any = content
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    return content


@pytest.mark.parametrize("key", ["dataset_id", "count", "classes", "image", "model", "source", "shards"])
def test_a_manifest_that_lacks_a_key_is_refused_and_the_key_named(generated: GeneratedDataset, key: str) -> None:
    write(generated, without(generated.manifest, key))
    with pytest.raises(UserError, match=rf"manifest\.json: not a manifest: {key}"):
        read_manifest(generated.out)


def test_a_shard_that_lacks_a_key_is_named(generated: GeneratedDataset) -> None:
    write(generated, without(generated.manifest, "shards", 1, "sha256"))
    with pytest.raises(UserError, match=r"shards\.1\.sha256"):
        read_manifest(generated.out)


@pytest.mark.parametrize("value", [[], None, "text", {}, {"format_version": "1"}])
def test_json_that_is_no_manifest_is_one_user_error(generated: GeneratedDataset, value: Any) -> None:
    write(generated, value)
    with pytest.raises(UserError, match="not a manifest"):
        read_manifest(generated.out)


def test_a_cut_manifest_is_one_user_error(generated: GeneratedDataset) -> None:
    text = (generated.out / MANIFEST).read_text()
    (generated.out / MANIFEST).write_text(text[: len(text) // 2])
    with pytest.raises(UserError, match="damaged"):
        read_manifest(generated.out)


def test_a_manifest_of_another_format_version_is_refused(generated: GeneratedDataset) -> None:
    write(generated, {**generated.manifest.model_dump(), "format_version": 2})
    with pytest.raises(UserError, match="format version 2"):
        read_manifest(generated.out)


def test_a_number_written_as_text_is_refused_also_inside_a_shard(generated: GeneratedDataset) -> None:
    content = generated.manifest.model_dump()
    for shard in content["shards"]:
        shard["rows"] = str(shard["rows"])
    write(generated, content)
    with pytest.raises(UserError, match="rows"):
        read_manifest(generated.out)


@pytest.mark.parametrize("path", [("model", "digest"), ("software", "device"), ("config", "sample")])
def test_what_verify_relies_on_is_required(generated: GeneratedDataset, path: tuple[str, str]) -> None:
    write(generated, without(generated.manifest, *path))
    with pytest.raises(UserError, match=path[0]):
        read_manifest(generated.out)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("shards", 0, "file"), "pipe:touch PWNED"),
        (("shards", 0, "file"), "data/../../run/shards/train-000000.parquet"),
        (("shards", 0, "also", 0, "file"), "/etc/passwd"),
        (("shards", 0, "rows"), 0),
        (("count",), 0),
        (("precision",), "fp8"),
        (("image", "channels"), 2),
        (("config", "sample", "batch_size"), 0),
        (("config", "sample", "shard_size"), 0),
        (("config", "sample", "labels"), {}),
        (("config", "sample", "labels"), {"cat": 10**11}),
        (("config", "sample", "truncation"), -1.0),
        (("config", "sample", "jpeg_quality"), 10**12),
    ],
    ids=str,
)
def test_a_value_that_no_manifest_has_is_refused_and_named(
    generated: GeneratedDataset, path: tuple[Any, ...], value: Any
) -> None:
    content = generated.manifest.model_dump()
    inner: Any = content
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    write(generated, content)
    with pytest.raises(UserError, match=re.escape(".".join(map(str, path)))):
        read_manifest(generated.out)


def test_a_manifest_that_cannot_be_read_is_not_called_damaged(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).mkdir()
    with pytest.raises(UserError, match=f"{tmp_path / MANIFEST}: cannot be read: Is a directory"):
        read_manifest(tmp_path)
