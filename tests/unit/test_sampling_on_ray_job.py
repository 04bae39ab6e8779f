"""What is sent to the workers that make shards, and how many workers there are."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.base.errors import UserError
from pipeline.cluster.connection import Resources
from pipeline.models.weights import load_pair
from pipeline.runs.input_files import InputFiles
from pipeline.sampling.filters.kinds.density_ratio import DensityRatio
from pipeline.sampling.generate import RecordGenerator
from pipeline.sampling.shards.ranges import ShardPlan
from pipeline.sampling_on_ray.job import StoredGenerator, WorkerPool
from tests.unit.tiny import SETTINGS, save_tiny_pair


@pytest.mark.usefixtures("one_thread")
def test_a_generator_makes_the_same_records_wherever_it_is_loaded(tmp_path: Path) -> None:
    save_tiny_pair(tmp_path)
    filters, plan = [DensityRatio([1.0, 1.0, 0.0])], ShardPlan(1, 12, 9)
    sent = StoredGenerator(InputFiles(tmp_path), SETTINGS, filters).load(use_gpu=False).shard(plan)
    here = RecordGenerator(load_pair(tmp_path), SETTINGS, filters).shard(plan)
    assert sent.refused == here.refused
    for name, values in vars(here.records).items():
        np.testing.assert_array_equal(getattr(sent.records, name), values)


@pytest.mark.parametrize(
    ("wanted", "gpus", "pool"),
    [
        ("auto", 0, WorkerPool(8, grow=True, use_gpu=False)),
        ("auto", 2, WorkerPool(2, grow=True, use_gpu=True)),
        (3, 0, WorkerPool(3, grow=False, use_gpu=False)),
    ],
)
def test_a_pool_grows_unless_its_size_was_asked_for(wanted: int | str, gpus: int, pool: WorkerPool) -> None:
    assert WorkerPool.of(wanted, Resources(8, gpus, 1, (8,))) == pool


def test_more_workers_than_devices_are_refused() -> None:
    with pytest.raises(UserError, match=r"cluster\.sample_workers"):
        WorkerPool.of(3, Resources(8, 2, 1, (8,)))
