"""A canonical dataset is read as it was written, and refused where it is not what its description says."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.data.canonical import describe, load_split
from pipeline.errors import UserError
from pipeline.storage import write_json
from tests.unit.canonical_data import data_of, write_arrays

CLASSES = ["even", "odd"]


@pytest.fixture
def folder(tmp_path):
    """A hundred images in three splits."""
    images = np.random.default_rng(0).integers(0, 256, (100, 8, 8, 1), np.uint8)
    write_arrays((images, np.arange(100) % 2), data_of(CLASSES), tmp_path)
    return tmp_path


def test_folder_without_a_dataset_names_the_stage_to_run(tmp_path):
    with pytest.raises(UserError, match=r"No dataset in .*: run `python -m stages\.ingest` first"):
        load_split(tmp_path, "train")


def test_split_whose_bytes_changed_is_refused(folder):
    path = folder / "train-000000.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"train-000000\.parquet is not what .*dataset\.json describes"):
        load_split(folder, "train")


def test_missing_split_is_refused_by_file(folder):
    (folder / "holdout-000000.parquet").unlink()
    with pytest.raises(UserError, match=r"holdout-000000\.parquet is not there"):
        load_split(folder, "holdout")


@pytest.mark.parametrize("content", [{}, [], {"splits": {}, "image": {"channels": 1}}])
def test_description_that_lacks_what_readers_need_is_refused_by_file(tmp_path, content):
    write_json(tmp_path / "dataset.json", content)
    with pytest.raises(UserError, match=r"dataset\.json"):
        load_split(tmp_path, "train")


def test_a_folder_that_cannot_be_looked_at_is_one_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: File name too long"):
        describe(tmp_path / ("x" * 300))
