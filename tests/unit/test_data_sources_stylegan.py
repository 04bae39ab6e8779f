"""StyleGAN's `dataset.json` labels what it names; an entry that is wrong is named and costs no other its label."""

import json

import pytest

from pipeline.base.errors import UserError
from pipeline.data.sources.stylegan import ANOTHER, NO_NUMBER, NO_PAIR, NOT_THERE
from tests.unit.image_trees import fill, labels, listed

NAMES = [f"0000{number // 3}/img{number}.png" for number in range(6)]


def told(folder, found):
    fill(folder, *NAMES)
    (folder / "dataset.json").write_text(found if isinstance(found, str) else json.dumps({"labels": found}))
    return listed(folder)


def test_numbers_are_the_classes_whatever_the_folders(tmp_path):
    listing = told(tmp_path, [[name, number % 3 + 1] for number, name in enumerate(NAMES)])
    assert list(labels(listing).values()) == ["1", "2", "3", "1", "2", "3"]
    assert (listing.left_out, listing.warnings) == ([], [])


def test_null_and_an_empty_list_label_nothing(tmp_path):
    for found in (None, []):
        assert set(labels(told(tmp_path, found)).values()) == {None}


def test_a_missing_entry_costs_no_other_its_label(tmp_path):
    """stylegan2-ada-pytorch#126."""
    entries = [[name, number % 3 + 1] for number, name in enumerate(NAMES) if number != 3]
    listing = told(tmp_path, [*entries, ["00000/gone.png", 2]])
    assert list(labels(listing).values()) == ["1", "2", "3", None, "2", "3"]
    assert listing.left_out == [("dataset.json: 00000/gone.png", NOT_THERE)]


def test_entries_that_say_nothing_are_named(tmp_path):
    one, two, three, four, *_ = NAMES
    listing = told(
        tmp_path, [[one, 1], [one, 1], [two, 1], [two, 2], [three, [0.5, 1]], [four, "x"], three, [four, True]]
    )
    assert list(labels(listing).values()) == ["1", None, None, None, None, None]
    assert listing.left_out == [
        (f"dataset.json: {two}", ANOTHER), (f"dataset.json: {three}", NO_NUMBER), (f"dataset.json: {four}", NO_NUMBER),
        ("dataset.json: entry 7", NO_PAIR), (f"dataset.json: {four}", NO_NUMBER),
    ]  # fmt: skip
    assert listing.warnings == [f"dataset.json has more than one entry, of the same label, for {one}."]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"labels": [\n["00000/img0.png", 1],\n]}', r"dataset\.json: line [23], column \d+: .*Correct the file"),
        ('{"labels": {"a": 1}}', r'"labels" is no list; allowed are'),
        ('{"labels": [["x", 1]]}', r"none of its 1 entries labels an image \(entry for a file that is not there\)"),
        ("[" * 100_000, "is no list of labels"),
        ('{"labels": [["a", ' + "1" * 5_000 + "]]}", "is no list of labels"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_line(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        told(tmp_path, text)


def test_text_that_is_no_utf8_is_refused_with_the_line(tmp_path):
    fill(tmp_path, *NAMES)
    (tmp_path / "dataset.json").write_bytes(b'{"labels":\n"\xff"}')
    with pytest.raises(UserError, match=r"line 2: is no UTF-8 text"):
        listed(tmp_path)


def test_a_file_of_another_program_says_nothing(tmp_path):
    listing = told(tmp_path, '{"name": "mine"}')
    assert set(labels(listing).values()) == {"00000", "00001"}
    assert listing.left_out == [("dataset.json", "ignored: no image, by its name")]
