"""Single records, made again."""

import numpy as np
import pytest

from pipeline.models.weights import TrainedPair
from pipeline.sampling.manifest import read_manifest
from pipeline.sampling.readers import ShardReader
from pipeline.sampling.remaking import Remaker, why_not_comparable
from tests.unit.tiny import COUNT, SHARD_SIZE, Minted
from tests.unit.verify_cases import copied

pytestmark = pytest.mark.usefixtures("one_thread")


def test_every_record_is_made_again_as_it_is_stored(minted: Minted, tiny_pair: TrainedPair) -> None:
    manifest = read_manifest(minted.out)
    reader, remaker = ShardReader(minted.out, manifest), Remaker(tiny_pair, manifest)
    for index in range(COUNT):
        stored = reader.read(f"data/train-{index // SHARD_SIZE:06d}.parquet")
        row = index % SHARD_SIZE
        image, label = remaker.record(index)
        np.testing.assert_array_equal(image, reader.decode(stored.contents[row : row + 1])[0])
        assert label == stored.label(row)


def test_records_without_labels_are_made_again_without_one(unlabelled: Minted, unconditional_pair: TrainedPair) -> None:
    assert Remaker(unconditional_pair, unlabelled.manifest).record(17)[1] is None


def test_what_keeps_records_from_being_compared_is_said(
    minted: Minted, tiny_pair: TrainedPair, unconditional_pair: TrainedPair
) -> None:
    assert why_not_comparable(minted.manifest, tiny_pair) == ""
    assert "another model" in why_not_comparable(minted.manifest, unconditional_pair)
    elsewhere = copied(minted.manifest)
    elsewhere["software"]["device"] = "cuda NVIDIA H200"
    assert "made on 'cuda NVIDIA H200'" in why_not_comparable(elsewhere, tiny_pair)
