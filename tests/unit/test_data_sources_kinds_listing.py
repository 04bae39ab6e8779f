"""A listing of paths gives each image its own label; what does not fit is named and costs no other image its label."""

import json
import pickle
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.base.errors import UserError
from pipeline.config.schema import Data
from pipeline.data.sources import list_source
from pipeline.data.sources.rows import ANOTHER, NO_FILE, NO_ROW, NOT_THERE, SEVERAL
from pipeline.data.sources.tree import NO_IMAGE
from tests.unit.canonical_data import data_of, write_listing
from tests.unit.tree_files import fill, images_of, labels_of, listed

ROWS = {"file_name": ["a.png", "deep/b c.png", "ü.png"], "label": ["01", "1", "1"], "caption": ["an a", None, "x, y"]}


@pytest.mark.parametrize("name", ["list.csv", "list.tsv", "list.jsonl", "list.parquet"])
def test_every_format_gives_labels_and_captions(tmp_path, name):
    fill(tmp_path, *ROWS["file_name"])
    rows = [dict(zip(ROWS, row, strict=True)) for row in zip(*ROWS.values(), strict=True)]
    if name.endswith(".parquet"):
        pq.write_table(pa.table(ROWS), tmp_path / name)
    elif name.endswith(".jsonl"):
        (tmp_path / name).write_text("\n".join(map(json.dumps, rows)))
    else:
        sign = "," if name.endswith(".csv") else "\t"
        lines = [ROWS, *([f'"{cell or ""}"' for cell in row.values()] for row in rows)]
        (tmp_path / name).write_text("\n".join(sign.join(line) for line in lines))
    listing = listed(tmp_path / name)
    assert {file: (image.label, image.text) for file, image in images_of(listing).items()} == {
        "a.png": ("01", "an a"), "deep/b c.png": ("1", None), "ü.png": ("1", "x, y"),
    }  # fmt: skip
    assert images_of(listing)["a.png"].content == (tmp_path / "a.png").read_bytes()
    assert (listing.left_out, listing.warnings) == ([], [])
    assert images_of(listed(tmp_path / name, text="none"))["a.png"].text is None


def test_ids_with_leading_zeros_from_a_spreadsheet_stay_two(tmp_path):
    """fastai#1008: CSV with BOM and CRLF; ids 00123 and 123; a row without a file, a file without a row."""
    fill(tmp_path, "00123.png", "123.png", "7.png")
    (tmp_path / "labels.csv").write_bytes("\ufeffid,label\r\n00123,cat\r\n123,dog\r\n9,cat\r\n".encode())
    listing = listed(tmp_path / "labels.csv")
    assert labels_of(listing) == {"00123.png": "cat", "123.png": "dog"}
    assert listing.left_out == [("labels.csv: 9", NOT_THERE), ("7.png", NO_ROW)]


def test_what_does_not_fit_is_named_and_costs_no_other_its_label(tmp_path):
    fill(tmp_path, "a.png", "b.png", "c.png", "d.png", "d.jpg", "e.png")
    (tmp_path / "l.csv").write_text(
        "file_name,label\na.png,x\nb.png,y\na.png,x\n,x\nb.png,x\nd,x\nc.png,\nd.png,z\nd.jpg,z\n"
    )
    listing = listed(tmp_path / "l.csv")
    assert labels_of(listing) == {"a.png": "x", "b.png": None, "c.png": None, "d.jpg": "z", "d.png": "z"}
    assert listing.left_out == [
        ("l.csv: line 5", NO_FILE), ("l.csv: b.png", ANOTHER), ("l.csv: d", SEVERAL), ("e.png", NO_ROW),
    ]  # fmt: skip
    assert listing.warnings == ["l.csv: 1 row (a.png) of a file that has one already: the first counts."]


@pytest.mark.parametrize("path", ["./a.png", "deep\\x.png", "deep//b.png", " a.png ", "e\u0301.png"])
def test_paths_are_taken_as_people_write_them(tmp_path, path):
    fill(tmp_path, "a.png", "deep/b.png", "deep/x.png", "\u00e9.png")
    (tmp_path / "l.csv").write_text(f"path\n{path}\n")
    assert len(images_of(listed(tmp_path / "l.csv"))) == 1


@pytest.mark.parametrize(
    "path", ["/etc/a.png", "../a.png", "deep/../../a.png", "C:\\a.png", "..\\a.png", "s3://b/a.png", "~/a.png"]
)
def test_paths_out_of_the_folder_are_refused_in_words(tmp_path, path):
    fill(tmp_path, "data/a.png", "a.png")
    (tmp_path / "data/l.csv").write_text(f"path\na.png\n{path}\n")
    with pytest.raises(UserError, match=r"l\.csv: line 3: .* leads out of the folder\. Allowed are paths relative to"):
        listed(tmp_path / "data/l.csv")


def test_a_listing_that_names_no_image_is_refused_with_the_likely_reason(tmp_path):
    fill(tmp_path, "images/a.png", "images/b.png")
    (tmp_path / "l.csv").write_text("path,label\na.png,x\nb.png,y\n")
    with pytest.raises(
        UserError,
        match=r"l\.csv: none of its 2 rows names an image, by column 'path'; the first names 'a\.png'\..* Is 'a\.png' the file "
        r"'images/a\.png'\? Then write it so\.",
    ):
        listed(tmp_path / "l.csv")


def test_folders_are_no_classes_and_what_is_no_image_by_its_name_is_left(tmp_path):
    fill(tmp_path, "cat/a.png", "dog/b.png", "c")
    (tmp_path / "l.csv").write_text("path\ncat/a.png\ndog/b.png\nc\nl.csv\n")
    listing = listed(tmp_path / "l.csv")
    assert labels_of(listing) == {"cat/a.png": None, "dog/b.png": None, "c": None}
    assert listing.left_out == [("l.csv: l.csv", NOT_THERE)]
    assert NO_IMAGE not in dict(listing.left_out).values()


def test_a_new_label_changes_the_part_and_another_order_does_not(tmp_path):
    fill(tmp_path, "a.png", "b.png")

    def identities(content: str) -> list[str]:
        (tmp_path / "l.csv").write_text(content)
        return [part.identity for part in listed(tmp_path / "l.csv").parts]

    before = identities("path,label\na.png,x\nb.png,y\n")
    assert identities("label,path\ny,b.png\nx,a.png\n") == before
    assert identities("path,label\na.png,x\nb.png,x\n") != before


def test_the_wrong_kind_of_file_is_refused_in_words(tmp_path):
    fill(tmp_path, "a.png")
    for path in (tmp_path, tmp_path / "a.png"):
        with pytest.raises(UserError, match=r"kind is listing, which wants one file of paths"):
            listed(path, kind="listing")


@pytest.mark.parametrize(("classes", "labels"), [("none", ["x", "y"]), ("auto", ["", ""])])
def test_without_classes_or_labels_the_dataset_is_unlabelled(tmp_path, classes, labels):
    names = [f"{number}.png" for number in range(100)]
    fill(tmp_path, *names)
    rows = [f"{name},{labels[number % 2]},image {number}" for number, name in enumerate(names)]
    (tmp_path / "l.csv").write_text("\n".join(["file,class,text", *rows]))
    data = data_of(classes, source={"path": str(tmp_path / "l.csv")})
    _, listing = list_source(Data.model_validate(data.model_dump()), tmp_path, lambda _: None)
    description = write_listing(listing, data, tmp_path / "out")
    assert len(description.classes) <= 1
    assert description.left_out == {}
    captions = pq.read_table(tmp_path / "out" / description.splits["train"].files[0].file)["text"]
    assert captions.null_count == 0


def test_a_column_of_splits_gives_the_official_ones(tmp_path):
    fill(tmp_path, "train/a.png", "b.png", "c.png", "d.png")
    (tmp_path / "l.csv").write_text("path,label,split\ntrain/a.png,x,test\nb.png,x,Train\nc.png,y,train\nd.png,y,val\n")
    listing = listed(tmp_path / "l.csv")
    assert {name: (image.label, image.split) for name, image in images_of(listing).items()} == {
        "train/a.png": ("x", "holdout"), "b.png": ("x", "train"), "c.png": ("y", "train"), "d.png": ("y", "validation"),
    }  # fmt: skip
    assert set(listing.splits) == {"train", "validation", "holdout"}
    assert (listing.left_out, listing.warnings) == ([], [])


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (["train", "fold 3"], r"line 3 has 'fold 3', which is not one of train, "),
        (["test", "val"], "no row of it is for train"),
        (["train", ""], r"line 3 has '', which"),
    ],
)
def test_a_column_of_other_splits_is_not_used_and_that_is_said(tmp_path, cells, why):
    fill(tmp_path, "a.png", "b.png")
    (tmp_path / "l.csv").write_text(f"path,split\na.png,{cells[0]}\nb.png,{cells[1]}\n")
    listing = listed(tmp_path / "l.csv")
    assert listing.splits == ("train",)
    (warning,) = listing.warnings
    assert re.search(rf"l\.csv: column 'split' is not used: {why}", warning)


def test_a_listing_in_an_object_store_is_read_like_one_here(tmp_path, bucket):
    fill(tmp_path, "a.png", "deep/b.png")
    (tmp_path / "l.csv").write_text("path,label\na.png,x\ndeep/b.png,y\n")
    for path in tmp_path.rglob("*.*"):
        bucket.write(f"set/{path.relative_to(tmp_path).as_posix()}", path.read_bytes())
    listing = pickle.loads(pickle.dumps(listed(f"{bucket.url}/set/l.csv")))
    assert images_of(listing) == images_of(listed(tmp_path / "l.csv"))
