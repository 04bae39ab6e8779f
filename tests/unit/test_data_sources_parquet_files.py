"""Parquet files are of the split that their names or folders say, where all of them say one."""

import pytest

from pipeline.base.errors import UserError
from pipeline.data.sources.parquet_files import splits_of


@pytest.mark.parametrize(
    ("files", "splits"),
    [
        (["train-00000-of-00001.parquet", "test-00000-of-00001.parquet"], ["train", "holdout"]),
        (["data/train-00000-of-00001-5f2a.parquet", "data/validation-00000-of-00001-77.parquet"], ["train", "validation"]),
        (["default/train/0000.parquet", "default/test/0000.parquet"], ["train", "holdout"]),
        (["train.parquet", "dev.parquet", "holdout_0.parquet"], ["train", "validation", "holdout"]),
        (["a.parquet", "b.parquet"], ["train", "train"]),
        (["trains.parquet", "latest.parquet"], ["train", "train"]),
    ],
)  # fmt: skip
def test_splits_are_in_the_names(files, splits):
    assert splits_of(files, "here") == (dict(zip(files, splits, strict=True)), [])


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (["test-0.parquet", "validation-0.parquet"], "there is no train among them"),
        (["train-0.parquet", "test-0.parquet", "more.parquet"], "more.parquet names no split"),
    ],
)
def test_where_some_files_have_no_split_all_are_train_and_it_is_said(files, reason):
    splits, warnings = splits_of(files, "here")
    assert set(splits.values()) == {"train"}
    assert warnings == [f"All Parquet files are taken for train, whatever split they are named after: {reason}."]


@pytest.mark.parametrize(
    ("numbers", "warning"),
    [
        ([0, 1, 2], []),
        ([0, 2], ["1 of 3 files are missing, the first is data/train-00001-of-00003.parquet."]),
        ([0], ["2 of 3 files are missing, the first is data/train-00001-of-00003.parquet."]),
        ([2], ["2 of 3 files are missing, the first is data/train-00000-of-00003.parquet."]),
    ],
)
def test_files_that_are_missing_from_a_row_are_named(numbers, warning):
    assert splits_of([f"data/train-{number:05d}-of-00003.parquet" for number in numbers], "here")[1] == warning


def test_several_sets_in_one_folder_are_refused():
    files = [
        f"{config}/{split}-00000-of-00001.parquet" for config in ("cropped", "full") for split in ("train", "test")
    ]
    with pytest.raises(
        UserError, match=r"here holds several sets: train-00000-of-00001\.parquet is in cropped, full\."
    ):
        splits_of(files, "here")
