"""The index of tars, read by `wids` itself."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from wids import ShardListDataset

from pipeline.models.weights import TrainedPair
from pipeline.sampling.generate import RecordGenerator
from tests.unit.tiny import COUNT, SETTINGS, GeneratedDataset, generate_dataset

pytestmark = pytest.mark.usefixtures("one_thread")


def test_wids_reads_any_record_by_its_number(
    generated: GeneratedDataset, tiny_pair: TrainedPair, tmp_path: Path
) -> None:
    records = ShardListDataset(str(generated.out / "data" / "wids.json"), cache_dir=str(tmp_path / "cache"), keep=True)
    assert len(records) == COUNT
    for index in (29, 0, 17):
        record = records[index]
        assert record["__key__"] == f"{index:09d}"
        plan = generated.plans[index // 12]
        image = RecordGenerator(tiny_pair, SETTINGS).shard(plan).records.images[index - plan.first_index]
        shown = record[".png"]
        pixels = np.asarray(shown if isinstance(shown, Image.Image | np.ndarray) else Image.open(shown))
        np.testing.assert_array_equal(pixels.reshape(image.shape), image)


def test_without_tars_there_is_no_index(tiny_pair: TrainedPair, tmp_path: Path) -> None:
    generate_dataset(tmp_path, tiny_pair, formats=["parquet"])
    assert not (tmp_path / "out" / "data" / "wids.json").exists()
