"""What an image takes, measured on the first records."""

from pathlib import Path

import pytest

from pipeline.forecast import measure
from pipeline.models.weights import TrainedPair
from tests.unit.tiny import CLASSES, SETTINGS, mint_dataset

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_sizes_are_those_of_the_shards_that_will_be_made(tiny_pair: TrainedPair, tmp_path: Path) -> None:
    seconds, sizes = measure(tiny_pair, SETTINGS, (), ["parquet", "webdataset"], CLASSES, 12)
    assert seconds > 0
    (shard,) = mint_dataset(tmp_path, tiny_pair, count=12).manifest["shards"]
    assert sizes == {"parquet": shard["bytes"] / 12, "webdataset": shard["also"][0]["bytes"] / 12}
