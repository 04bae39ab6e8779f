"""Verification finds records that are not what they should be, and says so of those that it cannot compare."""

import io
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.images.png import encode_png
from pipeline.models.weights import TrainedPair, load_pair
from pipeline.sampling.generate import RecordGenerator
from pipeline.sampling.manifest import Manifest
from pipeline.sampling.shards.formats import FORMATS
from pipeline.sampling.verify import Findings, read_shards
from pipeline.store.files import write_atomically
from pipeline.store.local import LocalFolder
from tests.unit.tiny import (
    CLASSES,
    COUNT,
    SETTINGS,
    GeneratedDataset,
    generate_dataset,
    save_tiny_pair,
)
from tests.unit.verify_cases import recommitted, verify

pytestmark = pytest.mark.usefixtures("one_thread")


# Records that are not what they should be, in files that are what the manifest says ----------------------------------


def forge(generated: GeneratedDataset, pair: TrainedPair, kind: str, change: Callable[[Any], Any]) -> Manifest:
    """Writes the second shard anew with changed records or images, and a manifest that fits it."""
    records = RecordGenerator(pair, SETTINGS).shard(generated.plans[1]).records
    ending, render = FORMATS[kind]
    records, encoded = change((records, [encode_png(image) for image in records.images]))
    write_atomically(
        generated.target.run.path / "shards" / f"train-000001{ending}", render(records, encoded, CLASSES, ".png")
    )
    return recommitted(generated, pair)


def with_image(number: int, content: bytes) -> Callable[[Any], Any]:
    def change(given: Any) -> Any:
        records, encoded = given
        return records, [*encoded[:number], content, *encoded[number + 1 :]]

    return change


def test_a_record_that_the_model_does_not_make_is_found(generated: GeneratedDataset, tiny_pair: TrainedPair) -> None:
    image = RecordGenerator(tiny_pair, SETTINGS).shard(generated.plans[1]).records.images[4].copy()
    image[2, 3] ^= 1
    manifest = forge(generated, tiny_pair, "parquet", with_image(4, encode_png(image)))
    findings = verify(generated.out, manifest, tiny_pair)
    assert findings.problems == [
        "data/train-000001.tar: its images are not those of data/train-000001.parquet",
        "data/train-000001.parquet: record 16 differs from what the model generates",
    ]
    assert findings.regenerated.startswith("29 of 30")


@pytest.mark.parametrize("kind", list(FORMATS))
def test_an_image_of_another_size_is_found(generated: GeneratedDataset, tiny_pair: TrainedPair, kind: str) -> None:
    wrong = with_image(4, encode_png(np.zeros((5, 6, 1), np.uint8)))
    problems = verify(generated.out, forge(generated, tiny_pair, kind, wrong)).problems
    assert problems == [f"data/train-000001{FORMATS[kind][0]}: 1 images are not 6x6x1, the first at row 4"]


@pytest.mark.parametrize(
    "content",
    [
        b"no image",
        pytest.param(b""),
    ],
)
def test_an_image_that_cannot_be_read_is_found(
    generated: GeneratedDataset, tiny_pair: TrainedPair, content: bytes
) -> None:
    manifest = forge(generated, tiny_pair, "parquet", with_image(4, content))
    assert verify(generated.out, manifest).problems == ["data/train-000001.parquet: not a readable image"]


def test_a_tar_with_a_strange_member_is_found(generated: GeneratedDataset, tiny_pair: TrainedPair) -> None:
    with tarfile.open(generated.target.run.path / "shards" / "train-000001.tar", "a") as tar:
        tar.addfile(tarfile.TarInfo("notes.txt"), io.BytesIO())
    problems = verify(generated.out, recommitted(generated, tiny_pair)).problems
    assert problems == ["data/train-000001.tar: unexpected member 'notes.txt'"]


def test_labels_that_are_distributed_otherwise_are_found(generated: GeneratedDataset) -> None:
    content = generated.manifest.model_dump()
    content["shards"][1]["labels"] = {"cat": 12, "dog": 0, "owl": 0}
    problems = verify(generated.out, Manifest.model_validate(content)).problems
    assert len(problems) == 2  # in both formats
    assert all("labels are not distributed" in problem for problem in problems)


@pytest.mark.parametrize(
    "sample",
    [
        {"encoding": "webp"},
        {"encoding": "raw"},
        {"encoding": "jpeg", "jpeg_quality": 60},
        {"labels": {"owl": 3, "cat": 1}},
        {"truncation": 0.7},
    ],
    ids=str,
)
def test_a_dataset_of_any_settings_is_read_back_and_made_again(
    tmp_path: Path, tiny_pair: TrainedPair, sample: dict[str, Any]
) -> None:
    made = generate_dataset(tmp_path, tiny_pair, **sample)
    findings = verify(made.out, made.manifest, tiny_pair)
    assert findings.problems == []
    assert findings.regenerated == f"{COUNT} of {COUNT} random records equal what the model generates"


@pytest.mark.parametrize("claimed", [{"labels": {"owl": 3, "cat": 1}}, {"truncation": 0.7}, {"seed": 4}], ids=str)
def test_a_manifest_that_claims_other_settings_is_found(
    generated: GeneratedDataset, tiny_pair: TrainedPair, claimed: dict[str, Any]
) -> None:
    content = generated.manifest.model_dump()
    content["config"]["sample"] |= claimed
    manifest = Manifest.model_validate(content)
    assert any(
        "differs from what the model generates" in problem
        for problem in verify(generated.out, manifest, tiny_pair).problems
    )


# Records that cannot be compared -------------------------------------------------------------------------------------


def test_records_are_not_compared_with_another_model(generated: GeneratedDataset, tmp_path: Path) -> None:
    save_tiny_pair(tmp_path / "other", seed=1)
    findings = verify(generated.out, generated.manifest, load_pair(tmp_path / "other"))
    assert findings.problems == []
    assert "another model" in findings.regenerated


def test_records_made_on_other_hardware_are_not_called_corrupt(
    generated: GeneratedDataset, tiny_pair: TrainedPair
) -> None:
    content = generated.manifest.model_dump()
    content["software"]["device"] = "cuda NVIDIA H200"
    findings = verify(generated.out, Manifest.model_validate(content), tiny_pair)
    assert findings.problems == []
    assert "not comparable here: generated with device cuda NVIDIA H200" in findings.regenerated


def test_a_shard_that_cannot_be_read_does_not_stop_the_look_at_the_others(
    generated: GeneratedDataset, tiny_pair: TrainedPair
) -> None:
    (generated.out / "data" / "train-000001.parquet").unlink()
    findings = verify(generated.out, generated.manifest, tiny_pair)
    assert all(problem.startswith("data/train-000001.parquet") for problem in findings.problems)


# Datasets without labels ---------------------------------------------------------------------------------------------


def test_a_clean_dataset_without_labels_has_no_problem(
    unlabelled: GeneratedDataset, unconditional_pair: TrainedPair
) -> None:
    findings = verify(unlabelled.out, unlabelled.manifest, unconditional_pair)
    assert findings.problems == []
    assert findings.records == 2 * COUNT
    assert findings.regenerated == f"{COUNT} of {COUNT} random records equal what the model generates"
    assert [shard.labels for shard in read_shards(LocalFolder(unlabelled.out), unlabelled.manifest, Findings())] == [
        None
    ] * 3


@pytest.mark.parametrize("kind", list(FORMATS))
def test_labels_in_a_dataset_that_names_no_classes_are_found(
    unlabelled: GeneratedDataset, unconditional_pair: TrainedPair, kind: str
) -> None:
    records = replace(
        RecordGenerator(unconditional_pair, SETTINGS).shard(unlabelled.plans[1]).records, labels=np.zeros(12, np.int64)
    )
    ending, render = FORMATS[kind]
    path = unlabelled.target.run.path / "shards" / f"train-000001{ending}"
    write_atomically(path, render(records, [encode_png(image) for image in records.images], CLASSES, ".png"))
    (problem,) = verify(unlabelled.out, recommitted(unlabelled, unconditional_pair)).problems
    assert problem.startswith(f"data/train-000001{ending}: ")


def test_labels_whose_classes_the_manifest_lost_are_found(generated: GeneratedDataset) -> None:
    manifest = generated.manifest.model_copy(update={"classes": []})
    problems = verify(generated.out, manifest).problems
    assert len(problems) == 6  # each file of each shard


def test_a_record_of_an_unlabelled_dataset_that_the_model_does_not_make_is_found(
    unlabelled: GeneratedDataset, unconditional_pair: TrainedPair
) -> None:
    records = RecordGenerator(unconditional_pair, SETTINGS).shard(unlabelled.plans[1]).records
    images = [image.copy() for image in records.images]
    images[4][2, 3] ^= 1
    for ending, render in FORMATS.values():
        path = unlabelled.target.run.path / "shards" / f"train-000001{ending}"
        write_atomically(path, render(records, [encode_png(image) for image in images], (), ".png"))
    problems = verify(unlabelled.out, recommitted(unlabelled, unconditional_pair), unconditional_pair).problems
    assert problems == ["data/train-000001.parquet: record 16 differs from what the model generates"]
