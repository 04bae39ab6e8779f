"""Records: what each depends on, and what not."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config.schema import Sample
from pipeline.models.pair import to_network
from pipeline.models.weights import TrainedPair
from pipeline.sampling.generate import RecordGenerator
from pipeline.sampling.records import Records
from pipeline.sampling.settings import GenerationSettings
from pipeline.sampling.shards.ranges import ShardPlan, plan_shards
from tests.unit.tiny import CALIBRATION, CLASSES, SAMPLE, SETTINGS, SHARD_SIZE, SPEC

pytestmark = pytest.mark.usefixtures("one_thread")

SECOND = ShardPlan(1, SHARD_SIZE, SHARD_SIZE)


def generate_records(pair: TrainedPair, how: GenerationSettings, plan: ShardPlan) -> Records:
    """Records that no filter had to let pass."""
    return RecordGenerator(pair, how).shard(plan).records


def settings_with(**changes: Any) -> GenerationSettings:
    """The usual settings with changes to the config's section `sample`."""
    return GenerationSettings.of(Sample(**(SAMPLE | changes)), SPEC.condition, CLASSES, "fp32")


def assert_equal(first: Records, second: Records, rows: slice = slice(None)) -> None:
    """`first` is the part `rows` of `second`, bit for bit."""
    for name in ("images", "labels", "indices", "logits"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name)[rows])


def test_a_shard_holds_its_records_in_order(tiny_pair: TrainedPair) -> None:
    records = generate_records(tiny_pair, SETTINGS, SECOND)
    assert records.images.shape == (SHARD_SIZE, SPEC.shape.height, SPEC.shape.width, 1)
    assert records.images.dtype == np.uint8
    assert records.indices.tolist() == list(range(12, 24))
    assert records.labels.tolist() == [index % len(CLASSES) for index in range(12, 24)]
    assert records.logits.dtype == np.float32
    assert len(np.unique(records.images.reshape(SHARD_SIZE, -1), axis=0)) == SHARD_SIZE


def test_shards_are_equal_whatever_was_made_before_them(tiny_pair: TrainedPair) -> None:
    plans = plan_shards(3 * SHARD_SIZE, SHARD_SIZE)
    forwards = [generate_records(tiny_pair, SETTINGS, plan) for plan in plans]
    torch.rand(7)
    backwards = [generate_records(tiny_pair, SETTINGS, plan) for plan in reversed(plans)]
    for first, second in zip(forwards, reversed(backwards), strict=True):
        assert_equal(first, second)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("rows", [1, 5, 6, 7, 11])
def test_a_partial_shard_holds_the_first_records_of_the_whole_one(
    tiny_pair: TrainedPair, rows: int, precision: str
) -> None:
    how = replace(SETTINGS, precision=precision)
    assert_equal(
        generate_records(tiny_pair, how, replace(SECOND, rows=rows)),
        generate_records(tiny_pair, how, SECOND),
        slice(rows),
    )


@given(index=st.integers(0, 10 * SHARD_SIZE - 1))
@settings(max_examples=25)
def test_any_record_is_made_again_from_its_aligned_batch(tiny_pair: TrainedPair, index: int) -> None:
    shard = index // SHARD_SIZE
    records = generate_records(tiny_pair, SETTINGS, ShardPlan(shard, shard * SHARD_SIZE, SHARD_SIZE))
    start = index % SHARD_SIZE - index % SHARD_SIZE % SETTINGS.batch_size
    batch = RecordGenerator(tiny_pair, SETTINGS).batch(shard * SHARD_SIZE + start)
    assert_equal(batch, records, slice(start, start + SETTINGS.batch_size))


def test_the_seed_changes_every_image_and_no_label(tiny_pair: TrainedPair) -> None:
    first, second = (generate_records(tiny_pair, replace(SETTINGS, seed=seed), SECOND) for seed in (3, 4))
    assert (first.images != second.images).any(axis=(1, 2, 3)).all()
    assert first.labels.tolist() == second.labels.tolist()


def test_records_of_an_unconditional_pair_have_no_labels_and_are_made_again_alike(
    unconditional_pair: TrainedPair,
) -> None:
    records = generate_records(unconditional_pair, SETTINGS, SECOND)
    batch = RecordGenerator(unconditional_pair, SETTINGS).batch(SHARD_SIZE)
    assert records.labels is batch.labels is None
    assert len(np.unique(records.images.reshape(SHARD_SIZE, -1), axis=0)) == SHARD_SIZE
    np.testing.assert_array_equal(records.images[:6], batch.images)
    np.testing.assert_array_equal(records.logits[:6], batch.logits)


@pytest.mark.parametrize("encoding", ["png", "jpeg"])
def test_the_logit_is_that_of_the_image_as_stored_calibrated(tiny_pair: TrainedPair, encoding: str) -> None:
    how = settings_with(encoding=encoding, jpeg_quality=20)
    records = generate_records(tiny_pair, how, SECOND)
    stored = torch.from_numpy(how.encoding.stored(records.images).transpose(0, 3, 1, 2).copy())
    labels = torch.from_numpy(records.labels)
    raw = tiny_pair.discriminator(to_network(stored, SPEC.resolution), labels)
    slopes, offsets = (torch.tensor(of_labels)[labels] for of_labels in (CALIBRATION.slopes, CALIBRATION.offsets))
    np.testing.assert_allclose(records.logits, (slopes * raw + offsets).numpy(), rtol=1e-4, atol=1e-5)


def test_weights_decide_the_labels_and_leave_the_latents_alone(tiny_pair: TrainedPair) -> None:
    weighted = generate_records(tiny_pair, settings_with(labels={"dog": 1, "owl": 2}), SECOND)
    assert np.bincount(weighted.labels, minlength=3).tolist() == [0, 4, 8]
    balanced = generate_records(tiny_pair, SETTINGS, SECOND)
    same = weighted.labels == balanced.labels
    assert 0 < same.sum() < SHARD_SIZE
    np.testing.assert_array_equal((weighted.images == balanced.images).all(axis=(1, 2, 3)), same)


def test_truncation_makes_images_more_alike(tiny_pair: TrainedPair) -> None:
    one_class = {"labels": {"dog": 1}}
    spreads = [
        generate_records(tiny_pair, settings_with(**one_class, truncation=truncation), SECOND).images.std(axis=0).mean()
        for truncation in (0.05, 0.5, None)
    ]
    assert spreads == sorted(spreads)
    assert spreads[0] < spreads[2] / 2
