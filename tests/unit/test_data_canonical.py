"""A canonical dataset is read as it was written, and refused where it is not what its description says."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.base.errors import UserError
from pipeline.data import canonical, split_writer
from pipeline.data.canonical import load_split, pixel_digests, require_shape
from pipeline.data.description import describe
from pipeline.images.shape import ImageShape
from pipeline.store.files import write_json
from tests.unit.canonical_data import data_of, write_arrays

CLASSES = ["even", "odd"]
READ_ON_A_FULL_DISK = """
from pipeline.data import canonical
from pipeline.base.errors import UserError

canonical.machine_memory = lambda: 0
try:
    canonical._array((1 << 20,), disk)
    error = None
except UserError as refused:
    error = str(refused)
print(json.dumps({"error": error}))
"""


@pytest.fixture
def folder(tmp_path):
    """A hundred images in three splits."""
    images = np.random.default_rng(0).integers(0, 256, (100, 8, 8, 1), np.uint8)
    write_arrays((images, np.arange(100) % 2), data_of(CLASSES), tmp_path)
    return tmp_path


def test_folder_without_a_dataset_names_the_stage_to_run(tmp_path):
    with pytest.raises(UserError, match=r"No dataset in .*: run `imagemint run ingest` first"):
        load_split(tmp_path, "train")


def test_split_whose_bytes_changed_is_refused(folder):
    path = folder / "train-000000.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"train-000000\.parquet does not match .*dataset\.json"):
        load_split(folder, "train")


def test_missing_split_is_refused_by_file(folder):
    (folder / "holdout-000000.parquet").unlink()
    with pytest.raises(UserError, match=r"holdout-000000\.parquet is missing"):
        load_split(folder, "holdout")


@pytest.mark.parametrize(
    ("shape", "classes", "said"),
    [
        (ImageShape(1, 6, 6), 2, r"6 px, 1 channel\(s\), 2 classes"),
        (ImageShape(3, 8, 8), 2, r"8 px, 3 channel\(s\), 2 classes"),
        (ImageShape(1, 8, 8), 3, r"8 px, 1 channel\(s\), 3 classes"),
        (ImageShape(1, 8, 6), 2, r"8x6 px, 1 channel\(s\), 2 classes"),
    ],
)
def test_a_dataset_for_another_shape_or_other_classes_is_refused(folder, shape, classes, said):
    require_shape(folder, ImageShape(1, 8, 8), 2, wanted_by="the model")
    with pytest.raises(UserError, match=rf"8 px, 1 channel\(s\), 2 classes, but the model is for {said}\. Point"):
        require_shape(folder, shape, classes, wanted_by="the model")


@pytest.mark.parametrize("content", [{}, [], {"splits": {}, "image": {"channels": 1}}])
def test_description_that_lacks_what_readers_need_is_refused_by_file(tmp_path, content):
    write_json(tmp_path / "dataset.json", content)
    with pytest.raises(UserError, match=r"dataset\.json"):
        load_split(tmp_path, "train")


def test_a_folder_that_cannot_be_looked_at_is_one_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: File name too long"):
        describe(tmp_path / ("x" * 300))


def test_a_split_of_many_files_is_read_whole_and_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(split_writer, "LARGEST_FILE", 1)  # so that each file has one row group
    images = np.random.default_rng(0).integers(0, 256, (1_400, 8, 8, 3), np.uint8)
    write_arrays((images, np.arange(1_400) % 2), data_of(CLASSES, channels=3), tmp_path)
    assert len(describe(tmp_path).splits["train"].files) == 2
    read, labels = load_split(tmp_path, "train")
    assert read.shape == (700, 3, 8, 8)
    digests = pixel_digests(read.permute(0, 2, 3, 1).numpy())
    known = dict(zip(pixel_digests(images), (np.arange(1_400) % 2).tolist(), strict=True))
    assert digests == sorted(digests)
    assert labels.tolist() == [known[digest] for digest in digests]


def test_a_split_that_is_too_large_for_memory_is_read_from_a_file_that_goes_away(folder, monkeypatch):
    in_memory, labels = load_split(folder, "train")
    before = sorted(folder.iterdir())
    monkeypatch.setattr(canonical, "machine_memory", lambda: 1_000)
    on_disk, same_labels = load_split(folder, "train")
    assert torch.equal(on_disk, in_memory)
    assert torch.equal(same_labels, labels)
    assert sorted(folder.iterdir()) == before


def test_a_disk_that_is_too_full_for_the_pixels_is_one_message(run_on_tmpfs):
    result = run_on_tmpfs("256k", READ_ON_A_FULL_DISK)
    assert "of pixels do not fit into memory, nor into a file there" in result["error"]
