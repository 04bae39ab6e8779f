"""Single records, made again."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.base.errors import UserError
from pipeline.models.weights import TrainedPair
from pipeline.sampling.manifest import Manifest, read_manifest
from pipeline.sampling.regenerate import (
    Comparison,
    Record,
    Regenerator,
    compare,
    shard_of,
    stored_records,
    why_not_comparable,
)
from pipeline.sampling.shards.readers import DamagedShardError, ShardReader
from pipeline.store.local import LocalFolder
from tests.unit.tiny import COUNT, SHARD_SIZE, GeneratedDataset, generate_dataset

pytestmark = pytest.mark.usefixtures("one_thread")

SAME = Comparison(True, "generated again: the same bytes")


def test_every_record_is_made_again_as_it_is_stored(generated: GeneratedDataset, tiny_pair: TrainedPair) -> None:
    manifest = read_manifest(generated.out)
    reader, regenerator = ShardReader(LocalFolder(generated.out), manifest), Regenerator(tiny_pair, manifest)
    for index in range(COUNT):
        stored = reader.read(f"data/train-{index // SHARD_SIZE:06d}.parquet")
        row = index % SHARD_SIZE
        made = regenerator.record(index, None)
        np.testing.assert_array_equal(made.image, reader.decode(stored.contents[row : row + 1])[0])
        assert made.content == stored.contents[row]
        assert made.label == stored.label(row)


@pytest.mark.parametrize("kind", ["parquet", "webdataset"])
def test_filtered_records_are_made_again_without_their_filters(
    tiny_pair: TrainedPair, tmp_path: Path, kind: str
) -> None:
    filters = [{"kind": "density_ratio", "acceptance": 0.4}]
    generated = generate_dataset(tmp_path, tiny_pair, formats=[kind], filters=filters)
    manifest = read_manifest(generated.out)
    reader, regenerator = ShardReader(LocalFolder(generated.out), manifest), Regenerator(tiny_pair, manifest)
    retried = 0
    for index in range(COUNT):
        shard = shard_of(LocalFolder(generated.out), manifest, index)
        (record,), attempts = stored_records(reader, shard, [index])
        assert attempts is not None
        assert regenerator.record(index, attempts).content == record.content
        assert compare(index, record, attempts, manifest, tiny_pair) == SAME
        retried += attempts[index % SHARD_SIZE] > 0
    assert retried > COUNT / 4


def test_records_without_labels_are_made_again_without_one(
    unlabelled: GeneratedDataset, unconditional_pair: TrainedPair
) -> None:
    assert Regenerator(unconditional_pair, unlabelled.manifest).record(17, None).label is None


def test_what_keeps_records_from_being_compared_is_said(
    generated: GeneratedDataset, tiny_pair: TrainedPair, unconditional_pair: TrainedPair
) -> None:
    assert why_not_comparable(generated.manifest, tiny_pair) == ""
    assert "another model" in why_not_comparable(generated.manifest, unconditional_pair)
    software = generated.manifest.software
    elsewhere = generated.manifest.model_copy(update={"software": software | {"device": "cuda NVIDIA H200"}})
    assert "generated with device cuda NVIDIA H200" in why_not_comparable(elsewhere, tiny_pair)
    other_library = generated.manifest.model_copy(update={"software": software | {"torch": "1.0"}})
    assert f"generated with torch 1.0, but this is {torch.__version__}" in why_not_comparable(other_library, tiny_pair)


def stored(generated: GeneratedDataset, index: int, manifest: Manifest | None = None) -> Record:
    manifest = manifest or generated.manifest
    shard = shard_of(LocalFolder(generated.out), manifest, index)
    return stored_records(ShardReader(LocalFolder(generated.out), manifest), shard, [index])[0][0]


def test_a_stored_record_is_found_and_is_what_the_model_makes(
    generated: GeneratedDataset, tiny_pair: TrainedPair
) -> None:
    assert shard_of(LocalFolder(generated.out), generated.manifest, 29).file == "data/train-000002.parquet"
    assert compare(29, stored(generated, 29), None, generated.manifest, tiny_pair) == SAME


@pytest.mark.parametrize("index", [-1, COUNT])
def test_an_index_that_is_not_there_is_refused(generated: GeneratedDataset, index: int) -> None:
    with pytest.raises(UserError, match=f"record {index}: .* 0 to {COUNT - 1}"):
        shard_of(LocalFolder(generated.out), generated.manifest, index)


def test_a_record_that_no_shard_has_is_refused(generated: GeneratedDataset) -> None:
    first, _, third = generated.manifest.shards
    manifest = generated.manifest.model_copy(update={"shards": [first, third]})
    with pytest.raises(UserError, match="record 15: no shard"):
        shard_of(LocalFolder(generated.out), manifest, 15)


def test_a_shard_that_is_not_what_the_manifest_says_is_damaged(generated: GeneratedDataset) -> None:
    data = generated.out / "data"
    (data / "train-000002.parquet").replace(data / "train-000000.parquet")
    with pytest.raises(DamagedShardError, match="its row 3 is not record 3"):
        stored(generated, 3)
    with pytest.raises(DamagedShardError, match="its row 11 is not record 11"):
        stored(generated, 11)  # the partial shard has fewer rows
    with pytest.raises(DamagedShardError, match="missing"):
        stored(generated, 25)


def test_a_changed_pixel_is_a_difference_and_another_encoding_is_none(
    generated: GeneratedDataset, tiny_pair: TrainedPair
) -> None:
    record = stored(generated, 7)
    changed = record.image.copy()
    changed[0, 0] ^= 1
    other = compare(7, replace(record, image=changed), None, generated.manifest, tiny_pair)
    assert other.equal is False
    assert "1 of 36 values differ" in other.text
    again = compare(7, replace(record, content=record.content + b" "), None, generated.manifest, tiny_pair)
    assert again.equal
    assert "same pixels" in again.text


@pytest.mark.parametrize(
    ("change", "said"),
    [({"label": 2}, "label 2, generated again 1"), ({"logit": 99.0}, r"0 of 36 values differ; .* logit 99\.000000")],
    ids=str,
)
def test_another_label_or_logit_is_a_difference(
    generated: GeneratedDataset, tiny_pair: TrainedPair, change: dict[str, Any], said: str
) -> None:
    found = compare(7, replace(stored(generated, 7), **change), None, generated.manifest, tiny_pair)
    assert found.equal is False
    assert re.search(said, found.text)


def test_another_model_is_refused(generated: GeneratedDataset, unconditional_pair: TrainedPair) -> None:
    with pytest.raises(UserError, match=r"another model.* --model"):
        compare(7, stored(generated, 7), None, generated.manifest, unconditional_pair)
