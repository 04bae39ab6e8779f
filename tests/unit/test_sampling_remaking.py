"""Single records, made again."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.errors import UserError
from pipeline.models.weights import TrainedPair
from pipeline.sampling.manifest import read_manifest
from pipeline.sampling.readers import ShardReader
from pipeline.sampling.remaking import Remaker, compare, stored_record, why_not_comparable
from tests.unit.tiny import COUNT, SHARD_SIZE, Minted
from tests.unit.verify_cases import copied

pytestmark = pytest.mark.usefixtures("one_thread")


def test_every_record_is_made_again_as_it_is_stored(minted: Minted, tiny_pair: TrainedPair) -> None:
    manifest = read_manifest(minted.out)
    reader, remaker = ShardReader(minted.out, manifest), Remaker(tiny_pair, manifest)
    for index in range(COUNT):
        stored = reader.read(f"data/train-{index // SHARD_SIZE:06d}.parquet")
        row = index % SHARD_SIZE
        made = remaker.record(index)
        np.testing.assert_array_equal(made.image, reader.decode(stored.contents[row : row + 1])[0])
        assert made.content == stored.contents[row]
        assert made.label == stored.label(row)


def test_records_without_labels_are_made_again_without_one(unlabelled: Minted, unconditional_pair: TrainedPair) -> None:
    assert Remaker(unconditional_pair, unlabelled.manifest).record(17).label is None


def test_what_keeps_records_from_being_compared_is_said(
    minted: Minted, tiny_pair: TrainedPair, unconditional_pair: TrainedPair
) -> None:
    assert why_not_comparable(minted.manifest, tiny_pair) == ""
    assert "another model" in why_not_comparable(minted.manifest, unconditional_pair)
    elsewhere = copied(minted.manifest)
    elsewhere["software"]["device"] = "cuda NVIDIA H200"
    assert "made with device cuda NVIDIA H200" in why_not_comparable(elsewhere, tiny_pair)
    other_library = copied(minted.manifest)
    other_library["software"]["torch"] = "1.0"
    assert f"made with torch 1.0; this is {torch.__version__}" in why_not_comparable(other_library, tiny_pair)


def test_a_stored_record_is_found_and_is_what_the_model_makes(minted: Minted, tiny_pair: TrainedPair) -> None:
    stored = stored_record(minted.out, minted.manifest, 29)
    assert (stored.file, stored.row, stored.label) == ("data/train-000002.parquet", 5, 2)
    assert compare(stored, minted.manifest, tiny_pair) == "made again: the same bytes"


@pytest.mark.parametrize("index", [-1, COUNT])
def test_an_index_that_is_not_there_is_refused(minted: Minted, index: int) -> None:
    with pytest.raises(UserError, match=f"record {index}: .* 0 to {COUNT - 1}"):
        stored_record(minted.out, minted.manifest, index)


def test_a_shard_that_is_not_what_the_manifest_says_is_refused_by_name(minted: Minted) -> None:
    data = minted.out / "data"
    (data / "train-000001.parquet").replace(data / "train-000000.parquet")
    with pytest.raises(UserError, match=r"train-000000.parquet: its row 3 is not record 3"):
        stored_record(minted.out, minted.manifest, 3)
    with pytest.raises(UserError, match=r"train-000001.parquet: missing"):
        stored_record(minted.out, minted.manifest, 15)


def test_a_changed_pixel_is_an_error_and_another_encoding_is_not(minted: Minted, tiny_pair: TrainedPair) -> None:
    stored = stored_record(minted.out, minted.manifest, 7)
    changed = stored.image.copy()
    changed[0, 0] ^= 1
    with pytest.raises(UserError, match="1 of 36 values differ"):
        compare(replace(stored, image=changed), minted.manifest, tiny_pair)
    again = compare(replace(stored, content=stored.content + b" "), minted.manifest, tiny_pair)
    assert "same pixels" in again


def test_a_record_of_another_label_is_an_error(minted: Minted, tiny_pair: TrainedPair) -> None:
    stored = stored_record(minted.out, minted.manifest, 7)
    with pytest.raises(UserError, match="label 2, made again 1"):
        compare(replace(stored, label=2), minted.manifest, tiny_pair)


def test_another_model_is_refused(minted: Minted, unconditional_pair: TrainedPair) -> None:
    with pytest.raises(UserError, match=r"another model.* --model"):
        compare(stored_record(minted.out, minted.manifest, 7), minted.manifest, unconditional_pair)


def test_a_record_that_no_shard_has_is_refused(minted: Minted) -> None:
    manifest = copied(minted.manifest)
    del manifest["shards"][1]
    with pytest.raises(UserError, match="record 15: no shard"):
        stored_record(minted.out, manifest, 15)


def test_another_logit_is_an_error(minted: Minted, tiny_pair: TrainedPair) -> None:
    stored = stored_record(minted.out, minted.manifest, 7)
    with pytest.raises(UserError, match=r"0 of 36 values differ; .* logit 99"):
        compare(replace(stored, logit=99.0), minted.manifest, tiny_pair)
