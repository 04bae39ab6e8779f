"""A split read in blocks is the split read at once."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from pipeline.base.errors import UserError
from pipeline.data import split_writer
from pipeline.data.canonical import load_split, split_files
from pipeline.data.description import DESCRIPTION
from pipeline.data.parquet_blocks import ParquetBlocks
from tests.unit.canonical_data import data_of, write_arrays
from tests.unit.tiny import flip_bit

CLASSES = ["even", "odd"]
COUNT = 1300


def write(folder: Path, channels: int) -> Path:
    """Three row groups to train on, the last one short."""
    images = np.random.default_rng(0).integers(0, 256, (COUNT, 8, 8, channels), np.uint8)
    labels = np.arange(COUNT) % 2
    data = data_of(CLASSES, channels=channels, validation_share=0.05, holdout_share=0.05)
    write_arrays((images, labels), data, folder)
    return folder


@pytest.fixture(scope="module", params=[1, 3])
def dataset(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    return write(tmp_path_factory.mktemp("noise"), request.param)


def test_the_blocks_make_up_the_split(dataset: Path) -> None:
    blocks = ParquetBlocks(dataset, "train")
    images, labels = load_split(dataset, "train")
    loaded = [blocks.load(number) for number in range(blocks.count)]
    assert (blocks.size, blocks.count) == (len(labels), 3)
    assert [len(part) for part, _ in loaded] == [500, 500, blocks.size - 1000]
    assert torch.equal(torch.cat([part for part, _ in loaded]), images)
    assert torch.equal(torch.cat([part for _, part in loaded]), labels)
    assert loaded[0][0].dtype == torch.uint8
    assert loaded[0][1].dtype == torch.int64


def test_blocks_come_in_any_order_and_again(dataset: Path) -> None:
    blocks = ParquetBlocks(dataset, "train")
    first = blocks.load(2)
    blocks.load(0)
    assert all(torch.equal(a, b) for a, b in zip(first, blocks.load(2), strict=True))


def test_a_split_of_several_files_is_read_across_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split_writer, "LARGEST_FILE", 200_000)
    folder = write(tmp_path, 1)
    paths, description = split_files(folder, "train")
    assert [file.rows for file in description.splits["train"].files] == [500, 500, 172]
    assert [path.name for path in paths] == [f"train-00000{number}.parquet" for number in range(3)]
    test_the_blocks_make_up_the_split(folder)


def test_a_split_of_less_than_a_block_is_one(dataset: Path) -> None:
    blocks = ParquetBlocks(dataset, "validation")
    assert (blocks.size, blocks.count) == (len(load_split(dataset, "validation")[1]), 1)


# Damage --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    return write(tmp_path, 1)


@pytest.mark.parametrize("position", [10, -20, 20_000])
def test_a_file_with_a_flipped_bit_is_refused_before_it_is_read(damaged: Path, position: int) -> None:
    flip_bit(split_files(damaged, "train")[0][0], position)
    with pytest.raises(UserError, match="Run the stage ingest again"):
        ParquetBlocks(damaged, "train")


def test_damage_that_comes_later_is_named_by_its_file(damaged: Path) -> None:
    blocks = ParquetBlocks(damaged, "train")
    content = blocks.paths[0].read_bytes()
    blocks.paths[0].write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=r"train-000000.parquet is damaged"):
        blocks.load(1)
    blocks.paths[0].unlink()
    with pytest.raises(UserError, match=blocks.paths[0].name):
        blocks.load(1)


def test_an_image_that_cannot_be_decoded_is_damage(damaged: Path) -> None:
    blocks = ParquetBlocks(damaged, "train")
    with pq.ParquetFile(blocks.paths[0]) as file:
        offset = file.read_row_group(1)["image"].combine_chunks().field("bytes")[7].as_py()
    content = blocks.paths[0].read_bytes()
    blocks.paths[0].write_bytes(content.replace(offset, b"?" * len(offset)))
    blocks.load(0)
    with pytest.raises(UserError, match="not a readable image"):
        blocks.load(1)


def test_the_file_of_a_split_is_the_one_that_is_described(dataset: Path) -> None:
    (path,), description = split_files(dataset, "holdout")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == description.splits["holdout"].files[0].sha256
    assert path.parent == dataset
    assert (dataset / DESCRIPTION).is_file()


def test_a_missing_file_is_said_to_be_missing(damaged: Path) -> None:
    (path,), _ = split_files(damaged, "train")
    path.unlink()
    with pytest.raises(UserError, match="is missing"):
        load_split(damaged, "train")
    with pytest.raises(UserError, match=path.name):
        ParquetBlocks(damaged, "train").load(0)
