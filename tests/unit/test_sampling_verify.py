"""Verification finds every kind of damage to files and manifests, and none where there is none."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.models.weights import TrainedPair
from pipeline.sampling.assemble import DatasetOutput
from pipeline.sampling.generate import RecordGenerator
from pipeline.sampling.manifest import Manifest, build_manifest
from pipeline.sampling.shards.commits import ShardTarget, committed
from pipeline.sampling.verify import Findings, read_shards, verify_files
from pipeline.store.local import LocalFolder
from tests.unit.tiny import (
    COUNT,
    SETTINGS,
    SHARD_SIZE,
    GeneratedDataset,
    flip_bit,
    generate_dataset,
    make_shard,
    manifest_header,
    target_in,
)
from tests.unit.tracked import Tracked
from tests.unit.verify_cases import recommitted, verify

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("formats", [("parquet",), ("webdataset",), ("parquet", "webdataset")])
def test_a_clean_dataset_has_no_problem(tiny_pair: TrainedPair, tmp_path: Path, formats: tuple[str, ...]) -> None:
    generated = generate_dataset(tmp_path, tiny_pair, formats=formats)
    findings = verify(generated.out, generated.manifest, tiny_pair)
    assert findings.problems == []
    assert findings.files == 3 * len(formats)
    assert findings.records == COUNT * len(formats)
    assert findings.regenerated == f"{COUNT} of {COUNT} random records equal what the model generates"


def test_each_look_says_how_far_it_is_to_the_end(generated: GeneratedDataset, tiny_pair: TrainedPair) -> None:
    tracked = Tracked()
    verify(generated.out, generated.manifest, tiny_pair, tracked)
    assert tracked.total == {"checking": 6, "reading back": 3, "regenerating": COUNT}
    assert tracked.done == tracked.total


def test_a_damaged_shard_is_counted_like_any_other(generated: GeneratedDataset, tiny_pair: TrainedPair) -> None:
    flip_bit(generated.out / "data" / "train-000001.parquet", 700)
    tracked = Tracked()
    verify(generated.out, generated.manifest, tiny_pair, tracked)
    assert tracked.done == tracked.total


def test_reading_back_gives_the_records_once_and_in_order(generated: GeneratedDataset, tiny_pair: TrainedPair) -> None:
    shards = list(read_shards(LocalFolder(generated.out), generated.manifest, Findings()))
    made = [RecordGenerator(tiny_pair, SETTINGS).shard(plan).records for plan in generated.plans]
    for found, expected in zip(shards, made, strict=True):
        np.testing.assert_array_equal(found.images, expected.images)
        np.testing.assert_array_equal(found.labels, expected.labels)
        np.testing.assert_array_equal(found.indices, expected.indices)


def test_what_a_desktop_has_put_beside_the_shards_is_listed_and_no_problem(
    generated: GeneratedDataset, tiny_pair: TrainedPair
) -> None:
    for name in (".DS_Store", "._train-000000.tar"):
        (generated.out / "data" / name).write_text("junk")
    findings = verify(generated.out, generated.manifest, tiny_pair)
    assert findings.problems == []
    assert findings.ignored == ["data/.DS_Store", "data/._train-000000.tar"]


# Damage to files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["train-000001.parquet", "train-000002.tar"])
@pytest.mark.parametrize("position", [0, 700, -1])
def test_a_flipped_bit_is_found(generated: GeneratedDataset, name: str, position: int) -> None:
    flip_bit(generated.out / "data" / name, position)
    assert verify_files(LocalFolder(generated.out), generated.manifest).problems == [
        f"data/{name}: its SHA-256 differs from the manifest's"
    ]


def test_a_missing_file_is_found(generated: GeneratedDataset) -> None:
    (generated.out / "data" / "train-000001.tar").unlink()
    assert verify_files(LocalFolder(generated.out), generated.manifest).problems == ["data/train-000001.tar: missing"]


@pytest.mark.parametrize("name", ["train-000003.parquet", ".hidden"])
def test_an_extra_file_is_found(generated: GeneratedDataset, name: str) -> None:
    (generated.out / "data" / name).write_bytes(b"extra")
    assert verify_files(LocalFolder(generated.out), generated.manifest).problems == [
        f"data/{name}: not in the manifest"
    ]


def test_two_swapped_shards_are_both_found(generated: GeneratedDataset) -> None:
    first, second, aside = (
        generated.out / "data" / f"{name}.tar" for name in ("train-000000", "train-000001", "aside")
    )
    first.replace(aside), second.replace(first), aside.replace(second)
    problems = verify(generated.out, generated.manifest).problems
    for name in ("data/train-000000.tar", "data/train-000001.tar"):
        assert sum(name in problem and "indices" in problem for problem in problems) == 1
        assert sum(name in problem and "SHA-256" in problem for problem in problems) == 1


def drop_last_sample(path: Path) -> None:
    """Rewrites a tar without its last sample: what is left is a tar without a fault."""
    with tarfile.open(path) as old:
        members = [(member, old.extractfile(member).read()) for member in old]
    path.unlink()
    with tarfile.open(path, "w") as new:
        for member, content in members[:-3]:
            new.addfile(member, io.BytesIO(content))


def test_a_tar_cut_at_a_member_boundary_is_found(generated: GeneratedDataset) -> None:
    drop_last_sample(generated.out / "data" / "train-000001.tar")
    problems = verify(generated.out, generated.manifest).problems
    assert "data/train-000001.tar: 11 records, the manifest says 12" in problems
    assert "data/train-000001.tar: its SHA-256 differs from the manifest's" in problems  # tars are padded: same size


def test_a_cut_tar_is_found_by_its_count_even_under_a_digest_of_its_own(
    generated: GeneratedDataset, tiny_pair: TrainedPair
) -> None:
    drop_last_sample(generated.target.run.path / "shards" / "train-000001.tar")
    problems = verify(generated.out, recommitted(generated, tiny_pair)).problems
    assert "data/train-000001.tar: 11 records, the manifest says 12" in problems


@pytest.mark.parametrize("name", ["train-000001.parquet", "train-000001.tar"])
@pytest.mark.parametrize("kept", [0, 10, 1500])
def test_a_truncated_file_is_named_and_the_others_are_still_read(
    generated: GeneratedDataset, name: str, kept: int
) -> None:
    path = generated.out / "data" / name
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:kept])
    findings = verify(generated.out, generated.manifest)
    assert findings.problems
    assert all(problem.startswith(f"data/{name}:") for problem in findings.problems)
    assert findings.records >= 2 * COUNT - 12


# Edited manifests ----------------------------------------------------------------------------------------------------


def give_another_fingerprint(manifest: dict[str, Any]) -> None:
    manifest["fingerprint"] = "e" * 64


def give_another_digest(manifest: dict[str, Any]) -> None:
    manifest["shards"][0]["sha256"] = "0" * 64


@pytest.mark.parametrize("edit", [give_another_fingerprint, give_another_digest])
def test_an_edited_manifest_is_found(generated: GeneratedDataset, edit: Callable[[dict[str, Any]], None]) -> None:
    content = generated.manifest.model_dump()
    edit(content)
    problems = verify_files(LocalFolder(generated.out), Manifest.model_validate(content)).problems
    assert any("the manifest was edited" in problem for problem in problems)


def test_shards_listed_in_another_order_are_found(generated: GeneratedDataset) -> None:
    manifest = generated.manifest.model_copy(update={"shards": generated.manifest.shards[::-1]})
    assert any(
        "do not cover the records" in problem for problem in verify_files(LocalFolder(generated.out), manifest).problems
    )


def test_a_shard_left_out_of_the_manifest_is_found(generated: GeneratedDataset) -> None:
    first, _, third = generated.manifest.shards
    manifest = generated.manifest.model_copy(update={"shards": [first, third]})
    problems = verify(generated.out, manifest).problems
    assert any("do not cover the records 0 to 29" in problem for problem in problems)
    assert "data/train-000001.parquet: not in the manifest" in problems


def test_a_shard_left_out_of_the_manifest_is_found_also_by_a_look_at_records(
    generated: GeneratedDataset, tiny_pair: TrainedPair
) -> None:
    first, _, third = generated.manifest.shards
    manifest = generated.manifest.model_copy(update={"shards": [first, third]})
    assert any("do not cover" in problem for problem in verify(generated.out, manifest, tiny_pair).problems)


def test_a_dataset_grown_in_two_steps_equals_one_made_at_once(tiny_pair: TrainedPair, tmp_path: Path) -> None:
    grown, at_once = (
        generate_dataset(tmp_path / "grown", tiny_pair, count=17),
        generate_dataset(tmp_path / "once", tiny_pair),
    )
    target: ShardTarget = target_in(grown.target.run.path, formats=grown.target.formats)
    for plan in at_once.plans:
        if plan.shard not in committed(target, [plan]):
            make_shard(RecordGenerator(tiny_pair, SETTINGS), target, plan)
    manifest = build_manifest(target, list(committed(target, at_once.plans).values()), manifest_header(tiny_pair))
    DatasetOutput(grown.out).assemble(target, manifest)
    assert manifest == at_once.manifest
    assert verify(grown.out, manifest, tiny_pair).problems == []


@pytest.mark.parametrize(
    "damage", [lambda path: path.unlink(), lambda path: path.write_text("{}"), flip_bit], ids=["gone", "empty", "bit"]
)
def test_an_index_that_is_not_that_of_the_tars_is_found(
    generated: GeneratedDataset, damage: Callable[[Path], None]
) -> None:
    damage(generated.out / "data" / "wids.json")
    problems = verify_files(LocalFolder(generated.out), generated.manifest).problems
    assert problems == ["data/wids.json: is not the index that follows from the manifest"]


@pytest.mark.parametrize(
    "change",
    [{"candidates": 99}, {"refused": {}}, {"refused": {"density_ratio": 7}, "candidates": SHARD_SIZE + 7}],
    ids=str,
)
def test_candidates_that_are_not_counted_as_the_records_say_are_found(
    tiny_pair: TrainedPair, tmp_path: Path, change: dict[str, Any]
) -> None:
    generated = generate_dataset(tmp_path, tiny_pair, filters=[{"kind": "density_ratio", "acceptance": 0.4}])
    assert verify(generated.out, generated.manifest).problems == []
    content = generated.manifest.model_dump()
    content["shards"][0] |= change
    problems = verify(generated.out, Manifest.model_validate(content)).problems
    assert problems == [
        f"data/train-000000.{kind}: its candidates are not counted as its records say" for kind in ("parquet", "tar")
    ]


def test_a_format_that_is_missing_from_the_manifest_and_the_disk_is_named(
    tiny_pair: TrainedPair, tmp_path: Path
) -> None:
    generated = generate_dataset(tmp_path, tiny_pair)
    content = generated.manifest.model_dump()
    for shard in content["shards"]:
        for file in shard["also"]:
            (generated.out / file["file"]).unlink()
        shard["also"] = []
    (generated.out / "data" / "wids.json").unlink()
    manifest = Manifest.model_validate(content)
    assert any("not of the formats" in each for each in verify(generated.out, manifest, tiny_pair).problems)


def test_a_count_that_the_config_does_not_ask_for_is_named(tiny_pair: TrainedPair, tmp_path: Path) -> None:
    generated = generate_dataset(tmp_path, tiny_pair)
    content = generated.manifest.model_dump()
    content["config"]["sample"]["count"] += 1
    manifest = Manifest.model_validate(content)
    assert any("its config asks for" in each for each in verify(generated.out, manifest, tiny_pair).problems)
