"""The manifest and the publishing of a dataset."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UserError
from pipeline.models.weights import TrainedPair
from pipeline.sampling.manifest import MANIFEST, build_manifest, publish, read_manifest, require_same_records
from pipeline.sampling.shards import committed
from pipeline.sampling.wids import WIDS
from pipeline.storage import file_sha256
from tests.unit.tiny import COUNT, SAMPLE, Minted, about, flip_bit, mint_dataset, target_in

pytestmark = pytest.mark.usefixtures("one_thread")


def names(minted: Minted) -> list[str]:
    return sorted(path.relative_to(minted.out).as_posix() for path in minted.out.rglob("*") if path.is_file())


SIX_FILES = [f"data/train-{shard:06d}.{ending}" for shard in range(3) for ending in ("parquet", "tar")]


def test_a_published_dataset_is_its_manifest_and_the_files_it_lists(minted: Minted) -> None:
    manifest = read_manifest(minted.out)
    assert manifest == minted.manifest
    assert manifest["count"] == COUNT == sum(shard["rows"] for shard in manifest["shards"])
    assert names(minted) == [*SIX_FILES, WIDS, MANIFEST]
    for shard in manifest["shards"]:
        for file in [shard, *shard["also"]]:
            assert file_sha256(minted.out / file["file"]) == file["sha256"]


def test_a_dataset_without_labels_names_no_classes(unlabelled: Minted) -> None:
    manifest = read_manifest(unlabelled.out)
    assert manifest == unlabelled.manifest
    assert manifest["classes"] == []
    assert [shard["labels"] for shard in manifest["shards"]] == [{}, {}, {}]


def test_two_runs_of_the_same_work_have_the_same_manifest(
    minted: Minted, tiny_pair: TrainedPair, tmp_path: Path
) -> None:
    assert mint_dataset(tmp_path / "again", tiny_pair).manifest == minted.manifest


def test_neither_time_nor_the_order_of_work_is_in_the_manifest(minted: Minted, tiny_pair: TrainedPair) -> None:
    commits = list(committed(minted.target, minted.plans).values())
    slower = [{**commit, "seconds": 999.0} for commit in reversed(commits)]
    assert build_manifest(minted.target, slower, about(tiny_pair)) == minted.manifest


@pytest.mark.parametrize(
    "change",
    [
        lambda commits: commits[0].update(sha256="0" * 64),
        lambda commits: commits[0].update(rows=11),
        lambda commits: commits[0].update(file="data/other.parquet"),
        lambda commits: commits.pop(),
    ],
    ids=["content", "rows", "name", "a shard fewer"],
)
def test_the_identity_follows_the_content(
    minted: Minted, tiny_pair: TrainedPair, change: Callable[[list[dict[str, Any]]], Any]
) -> None:
    commits = list(committed(minted.target, minted.plans).values())
    change(commits)
    other = build_manifest(minted.target, commits, about(tiny_pair))
    assert other["dataset_id"] != minted.manifest["dataset_id"]


def test_the_identity_follows_the_fingerprint(minted: Minted, tiny_pair: TrainedPair) -> None:
    commits = list(committed(minted.target, minted.plans).values())
    other = build_manifest(target_in(minted.target.run.path, fingerprint="e" * 64), commits, about(tiny_pair))
    assert other["dataset_id"] != minted.manifest["dataset_id"]


def test_publishing_removes_what_an_earlier_dataset_left(minted: Minted) -> None:
    shutil.rmtree(minted.out)
    (minted.out / "data").mkdir(parents=True)
    for stale in ("train-000000.tar", "train-000003.parquet", ".train-000001.tar.77.tmp"):
        (minted.out / "data" / stale).write_bytes(b"stale")
    publish(minted.target, minted.manifest, minted.out)
    assert names(minted) == [*SIX_FILES, WIDS, MANIFEST]


def test_publishing_twice_is_publishing_once(minted: Minted) -> None:
    publish(minted.target, minted.manifest, minted.out)
    assert names(minted) == [*SIX_FILES, WIDS, MANIFEST]


def test_publishing_replaces_what_is_damaged_and_leaves_the_run_whole(minted: Minted) -> None:
    flip_bit(minted.out / "data" / "train-000001.parquet")
    publish(minted.target, minted.manifest, minted.out)
    listed = minted.manifest["shards"][1]
    assert file_sha256(minted.out / listed["file"]) == listed["sha256"]
    assert sorted(committed(minted.target, minted.plans)) == [0, 1, 2]


def test_a_publication_that_fails_half_way_leaves_no_manifest(minted: Minted) -> None:
    (minted.target.run.path / "shards" / "train-000002.parquet").unlink()
    with pytest.raises((OSError, UserError)):
        publish(minted.target, minted.manifest, minted.out)
    assert not (minted.out / MANIFEST).exists()
    with pytest.raises(UserError, match="not a finished dataset"):
        read_manifest(minted.out)


def write(minted: Minted, manifest: Any) -> None:
    (minted.out / MANIFEST).write_text(json.dumps(manifest))


def without(manifest: dict[str, Any], *path: Any) -> dict[str, Any]:
    """A copy that lacks the key at `path`."""
    manifest = json.loads(json.dumps(manifest))
    inner: Any = manifest
    for step in path[:-1]:
        inner = inner[step]
    if path:
        del inner[path[-1]]
    return manifest


@pytest.mark.parametrize("key", ["dataset_id", "count", "classes", "image", "model", "source", "shards"])
def test_a_manifest_that_lacks_a_key_is_refused_and_the_key_named(minted: Minted, key: str) -> None:
    write(minted, without(minted.manifest, key))
    with pytest.raises(UserError, match=rf"manifest\.json: not a manifest: {key}"):
        read_manifest(minted.out)


def test_a_shard_that_lacks_a_key_is_named(minted: Minted) -> None:
    write(minted, without(minted.manifest, "shards", 1, "sha256"))
    with pytest.raises(UserError, match=r"shards\.1\.sha256"):
        read_manifest(minted.out)


@pytest.mark.parametrize("value", [[], None, "text", {}, {"format_version": "1"}])
def test_json_that_is_no_manifest_is_one_user_error(minted: Minted, value: Any) -> None:
    write(minted, value)
    with pytest.raises(UserError, match="not a manifest"):
        read_manifest(minted.out)


def test_a_cut_manifest_is_one_user_error(minted: Minted) -> None:
    text = (minted.out / MANIFEST).read_text()
    (minted.out / MANIFEST).write_text(text[: len(text) // 2])
    with pytest.raises(UserError, match="damaged"):
        read_manifest(minted.out)


def test_a_manifest_of_another_format_version_is_refused(minted: Minted) -> None:
    write(minted, {**minted.manifest, "format_version": 2})
    with pytest.raises(UserError, match="format version 2"):
        read_manifest(minted.out)


def test_a_number_written_as_text_is_refused_also_inside_a_shard(minted: Minted) -> None:
    shards = [{**shard, "rows": str(shard["rows"])} for shard in minted.manifest["shards"]]
    write(minted, {**minted.manifest, "shards": shards})
    with pytest.raises(UserError, match="rows"):
        read_manifest(minted.out)


@pytest.mark.parametrize("path", [("model", "digest"), ("software", "device"), ("config", "sample")])
def test_what_verify_relies_on_is_required(minted: Minted, path: tuple[str, str]) -> None:
    write(minted, without(minted.manifest, *path))
    with pytest.raises(UserError, match=path[0]):
        read_manifest(minted.out)


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
def test_a_value_that_no_manifest_has_is_refused_and_named(minted: Minted, path: tuple[Any, ...], value: Any) -> None:
    manifest = without(minted.manifest)
    inner: Any = manifest
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    write(minted, manifest)
    with pytest.raises(UserError, match=re.escape(".".join(map(str, path)))):
        read_manifest(minted.out)


@pytest.mark.parametrize("foreign", ["README.md", "data/holiday.jpg", "data/mine/dataset.json", "report/thesis.html"])
def test_a_folder_that_holds_something_else_is_refused_and_left_alone(
    minted: Minted, tmp_path: Path, foreign: str
) -> None:
    out = tmp_path / "elsewhere"
    (out / foreign).parent.mkdir(parents=True)
    (out / foreign).write_text("precious")
    with pytest.raises(UserError, match="no part of a dataset"):
        publish(minted.target, minted.manifest, out)
    assert (out / foreign).read_text() == "precious"
    assert not (out / "manifest.json").exists()


# Not mixed -----------------------------------------------------------------------------------------------------------


def test_another_count_of_the_same_records_may_take_the_place(minted: Minted, tiny_pair: TrainedPair) -> None:
    require_same_records(minted.out, minted.target.fingerprint, about(tiny_pair))
    require_same_records(minted.out.parent / "new", "0" * 64, about(tiny_pair))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": 4}, "sample.seed: 3 there, 4 now"),
        ({"labels": {"cat": 1}}, "sample.labels: 'balanced' there, {'cat': 1} now"),
        ({}, "the code of imagemint"),
    ],
    ids=str,
)
def test_other_records_are_not_mixed_and_what_differs_is_said(
    minted: Minted, tiny_pair: TrainedPair, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match="--fresh to replace") as caught:
        require_same_records(minted.out, "0" * 64, about(tiny_pair, SAMPLE | changes))
    assert said in str(caught.value)
    assert str(caught.value).count(" there, ") == len(changes)


def test_a_damaged_manifest_does_not_keep_a_dataset_from_being_made_again(
    minted: Minted, tiny_pair: TrainedPair
) -> None:
    path = minted.out / MANIFEST
    path.write_bytes(path.read_bytes()[:100])
    require_same_records(minted.out, "0" * 64, about(tiny_pair))


def test_the_same_records_in_another_format_may_take_the_place(minted: Minted, tiny_pair: TrainedPair) -> None:
    require_same_records(minted.out, "0" * 64, about(tiny_pair, SAMPLE | {"formats": ["parquet"]}))


def test_a_dataset_of_another_format_version_is_not_replaced_unasked(minted: Minted, tiny_pair: TrainedPair) -> None:
    write(minted, {**minted.manifest, "format_version": 2})
    with pytest.raises(UserError, match="format version 2"):
        require_same_records(minted.out, minted.target.fingerprint, about(tiny_pair))


def test_records_of_another_model_are_not_mixed(minted: Minted, unconditional_pair: TrainedPair) -> None:
    with pytest.raises(UserError) as caught:
        require_same_records(minted.out, "0" * 64, about(unconditional_pair))
    assert "model.digest: " in str(caught.value)
    assert "classes: " in str(caught.value)
