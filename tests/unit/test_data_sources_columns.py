"""Columns are found by their names or values where these leave no doubt, and named where they do not."""

import pyarrow as pa
import pytest

from pipeline.base.errors import UserError
from pipeline.config.sources import Source
from pipeline.data.sources.columns import Columns, find_columns, joined_labels
from pipeline.data.sources.table import Table


def found(columns: dict[str, list[str | None]], text: str = "auto", label: str | list[str] | None = None) -> Columns:
    table = Table("photos/t.csv", pa.table({name: pa.array(of, pa.string()) for name, of in columns.items()}), None)
    return find_columns(table, Source(path="photos/t.csv", label=label), text)


FILE: dict[str, list[str | None]] = {"file_name": ["a.png"]}


@pytest.mark.parametrize(
    ("columns", "file"),
    [
        ({"id": ["1", "2"], "path": ["a.png", "b.png"]}, "path"),
        ({"image": ["a.png"], "file_name": ["x.JPG"]}, "file_name"),
        ({"Filename": ["a.png"], "other": ["b.png"]}, "Filename"),
        ({"id": ["00123", "123"], "label": ["x", "y"]}, "id"),
        ({"views": ["3", "4", "5"], "Bild": ["a.jpeg", "b.webp", "notes"]}, "Bild"),
        ({"image": ["1", "2"], "photo": ["a.png", None]}, "photo"),
    ],
)
def test_the_file_column_is_known_by_its_name_or_its_values(columns, file):
    assert found(columns).file == file


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"one": ["a.png"], "two": ["b.png"]}, r"several columns name image files \(one, two\)"),
        ({"one": ["a"], "two": ["b"]}, r"t\.csv: no column names image files; .* columns one, two\."),
        ({"a.png": ["b.png"], "cat": ["dog"], "b.png": ["c.png"]}, "has no header line"),
    ],
)
def test_where_no_column_is_the_one_they_are_named(columns, message):
    with pytest.raises(UserError, match=message):
        found(columns)


@pytest.mark.parametrize(("name", "labels"), [("label", ("label",)), ("Category", ("Category",)), ("colour", ())])
def test_the_label_column_is_known_by_its_name(name, labels):
    assert found({**FILE, name: ["x"]}).labels == labels


def test_two_columns_that_may_be_the_label_are_named():
    columns = {**FILE, "class": ["x"], "label": ["1"]}
    with pytest.raises(
        UserError, match=r"t\.csv: the label may be in label or class\. Say which by data\.source\.label"
    ):
        found(columns)
    assert found(columns, label="class").labels == ("class",)
    assert found(columns, label=["label", "class"]).labels == ("label", "class")


def test_several_label_columns_are_joined_and_an_empty_cell_is_no_class():
    assert joined_labels([["a", "b", None], ["x", None, "z"]]) == ["a + x", None, None]
    assert joined_labels([]) == []


@pytest.mark.parametrize(
    ("text", "expected"), [("auto", "caption"), ("none", None), ("notes", "notes"), ("label", "label")]
)
def test_captions_are_found_named_or_left(text, expected):
    columns = {**FILE, "caption": ["x"], "notes": ["y"], "label": ["z"]}
    assert found(columns, text).text == expected


def test_of_several_captions_the_first_is_taken_and_the_others_are_named():
    columns = found({**FILE, "title": ["x"], "text": ["y"]})
    assert columns.text == "text"
    assert columns.warnings == ("photos/t.csv: captions are taken from text, not from title.",)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"label": "lable"},
            r"data\.source\.label: 'lable', but photos/t\.csv has no such column\. Did you mean 'label'",
        ),
        ({"label": ["label", "size"]}, r"data\.source\.label: 'size'"),
        ({"text": "titel"}, r"data\.text: 'titel', but .* It has file_name, label, title\."),
    ],
)
def test_a_column_that_is_asked_for_has_to_be_there(asked, message):
    with pytest.raises(UserError, match=message):
        found({**FILE, "label": ["x"], "title": ["y"]}, **asked)
