"""Metadata files beside the images give labels and captions, in any folder of the tree."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from pipeline.base.errors import UserError
from pipeline.data.sources.rows import NOT_THERE
from tests.unit.tree_files import fill, images_of, labels_of, listed


def jsonl(*rows: dict[str, object]) -> str:
    return "\n".join(map(json.dumps, rows))


def test_names_of_files_that_contain_train_or_test_mean_nothing(tmp_path):
    """datasets#5021: a flat folder with such names and metadata.jsonl is all in one split."""
    names = ["photo of a train.jpg", "photo of test tubes.jpg"]
    fill(tmp_path, *names)
    (tmp_path / "metadata.jsonl").write_text(jsonl(*({"file_name": name, "text": f"a {name}"} for name in names)))
    listing = listed(tmp_path)
    assert listing.splits == ("train",)
    assert {name: (image.text, image.split) for name, image in images_of(listing).items()} == {
        name: (f"a {name}", "train") for name in names
    }
    assert (listing.left_out, listing.warnings) == ([], [])


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_hugging_face_reads_the_same(tmp_path, ending):
    fill(tmp_path, "a.png", "sub/b.png")
    rows = [
        {"file_name": "a.png", "label": "x", "caption": "an a"},
        {"file_name": "sub/b.png", "label": "y", "caption": "a b"},
    ]
    if ending == "csv":
        (tmp_path / "metadata.csv").write_text(
            "\n".join(",".join(line) for line in [rows[0], *(row.values() for row in rows)])
        )
    elif ending == "jsonl":
        (tmp_path / "metadata.jsonl").write_text(jsonl(*rows))
    else:
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "metadata.parquet")
    ours = [(image.label, image.text) for image in images_of(listed(tmp_path)).values()]
    theirs = load_dataset("imagefolder", data_dir=str(tmp_path), split="train", cache_dir=str(tmp_path / "cache"))
    assert sorted(ours) == sorted(zip(theirs["label"], theirs["caption"], strict=True)) == [("x", "an a"), ("y", "a b")]


def test_each_metadata_file_is_of_its_own_folder_and_below(tmp_path):
    fill(tmp_path, "train/a.png", "train/deep/b.png", "test/a.png", "train/own/c.png")
    (tmp_path / "train/metadata.csv").write_text("file_name,label\na.png,x\ndeep/b.png,y\n")
    (tmp_path / "train/own/metadata.csv").write_text("file_name,label\nc.png,z\n")
    (tmp_path / "test/metadata.jsonl").write_text(jsonl({"file_name": "a.png", "label": "y"}))
    listing = listed(tmp_path)
    assert {name: (image.label, image.split) for name, image in images_of(listing).items()} == {
        "train/a.png": ("x", "train"), "train/deep/b.png": ("y", "train"), "train/own/c.png": ("z", "train"),
        "test/a.png": ("y", "holdout"),
    }  # fmt: skip
    assert (listing.left_out, listing.warnings) == ([], [])


def test_captions_leave_the_folders_as_classes(tmp_path):
    fill(tmp_path, "cat/a.png", "dog/b.png")
    (tmp_path / "metadata.csv").write_text("file_name,text\ncat/a.png,a cat\n")
    listing = listed(tmp_path)
    assert {name: (image.label, image.text) for name, image in images_of(listing).items()} == {
        "cat/a.png": ("cat", "a cat"), "dog/b.png": ("dog", None),
    }  # fmt: skip
    assert listing.warnings == ["metadata.csv has no row for 1 image (dog/b.png)."]


def test_rows_and_images_without_each_other_are_named(tmp_path):
    fill(tmp_path, "a.png", "b.png", "c.png")
    (tmp_path / "metadata.csv").write_text("file_name,label\na.png,x\ngone.png,x\nc.png,\n")
    listing = listed(tmp_path)
    assert labels_of(listing) == {"a.png": "x", "b.png": None, "c.png": None}
    assert listing.left_out == [("metadata.csv: gone.png", NOT_THERE)]
    assert listing.warnings == ["metadata.csv has no row for 1 image (b.png)."]


def test_label_and_text_columns_are_those_that_are_asked_for(tmp_path):
    fill(tmp_path, "a.png")
    (tmp_path / "metadata.csv").write_text("file_name,label,shape,say\na.png,x,round,hello\n")
    image = images_of(listed(tmp_path, text="say", label=["shape", "label"]))["a.png"]
    assert (image.label, image.text) == ("round + x", "hello")
    with pytest.raises(UserError, match=r"data\.source\.label: 'colour', but .*metadata\.csv has no such column"):
        listed(tmp_path, label="colour")


def test_a_column_that_is_asked_for_without_any_metadata_is_refused(tmp_path):
    fill(tmp_path, "a.png")
    with pytest.raises(UserError, match=r"data\.source\.label: 'kind', but no file in .* has columns"):
        listed(tmp_path, label="kind")
    with pytest.raises(UserError, match=r"data\.text: 'say', but no file in"):
        listed(tmp_path, text="say")


def test_two_metadata_files_for_one_folder_are_refused(tmp_path):
    fill(tmp_path, "a.png")
    for name in ("metadata.csv", "metadata.jsonl"):
        (tmp_path / name).write_text("file_name\na.png\n")
    with pytest.raises(UserError, match=r"metadata\.csv and metadata\.jsonl are for the same images"):
        listed(tmp_path)


def test_metadata_that_names_no_image_is_refused(tmp_path):
    fill(tmp_path, "deep/a.png")
    (tmp_path / "metadata.csv").write_text("file_name,label\na.png,x\n")
    with pytest.raises(
        UserError, match=r"metadata\.csv: none of its 1 rows names an image, .* Is 'a\.png' the file 'deep/a\.png'"
    ):
        listed(tmp_path)
