"""Shards read back; what is damaged is an error of one kind that says why."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.sampling.readers import DamagedShardError, ShardReader
from tests.unit.tiny import SHARD_SIZE, Minted

FILES = pytest.mark.parametrize("ending", [".parquet", ".tar"])


@FILES
def test_records_are_read_in_order(minted: Minted, ending: str) -> None:
    stored = ShardReader(minted.out, minted.manifest).read(f"data/train-000001{ending}")
    assert stored.indices.tolist() == list(range(12, 24))
    assert [stored.label(row) for row in range(SHARD_SIZE)] == [index % 3 for index in range(12, 24)]


def test_both_formats_hold_the_same_images(minted: Minted) -> None:
    reader = ShardReader(minted.out, minted.manifest)
    first, second = (
        reader.decode(reader.read(f"data/train-000002{ending}").contents) for ending in (".parquet", ".tar")
    )
    np.testing.assert_array_equal(first, second)
    assert first.shape == (6, 6, 6, 1)


@FILES
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "noise"])
def test_a_damaged_file_is_an_error_that_says_why(minted: Minted, ending: str, damage: str) -> None:
    path: Path = minted.out / "data" / f"train-000001{ending}"
    whole = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes({"empty": b"", "cut": whole[: len(whole) // 3 + 100], "noise": b"\x07" * 3000}[damage])
    with pytest.raises(DamagedShardError) as caught:
        ShardReader(minted.out, minted.manifest).read(f"data/{path.name}")
    assert str(caught.value)


def test_no_image_is_decoded_to_an_empty_array(minted: Minted) -> None:
    assert ShardReader(minted.out, minted.manifest).decode([]).shape == (0, 6, 6, 1)
