"""Names and numbers of classes become labels; what does not fit the config is refused with what to write."""

import pyarrow as pa
import pytest

from pipeline.base.errors import UserError
from pipeline.data.labelling import NO_LABEL, OTHER_CLASS, natural_key, number_labels


def column(*labels: str | None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(labels, pa.string())])


def test_names_are_numbered_in_their_order():
    found = number_labels(column("cat", "ant", "cat"), None, None)
    assert (found.classes, found.labels.tolist(), found.reasons) == (["ant", "cat"], [1, 0, 1], {})


def test_the_config_gives_the_order_and_may_leave_classes_out():
    found = number_labels(column("cat", "ant", "bee"), None, ["cat", "ant"])
    assert (found.classes, found.labels.tolist(), found.reasons) == (["cat", "ant"], [0, 1, -1], {2: OTHER_CLASS})


def test_numbers_stand_for_the_sources_names():
    found = number_labels(column("1", "0", "1"), ["no", "yes"], None)
    assert (found.classes, found.labels.tolist()) == (["no", "yes"], [1, 0, 1])
    assert number_labels(column("1", "0", "1"), ["no", "yes"], ["yes"]).labels.tolist() == [0, -1, 0]


def test_numbers_alone_stand_for_the_names_of_the_config():
    found = number_labels(column("10", "2", "0", "1", *map(str, range(3, 10))), None, [f"c{n}" for n in range(11)])
    assert found.labels.tolist()[:4] == [10, 2, 0, 1]


def test_names_that_are_numbers_are_sorted_as_numbers_and_stay_texts():
    found = number_labels(column("10", "2", "01", "1", "b10", "b9"), None, None)
    assert found.classes == ["01", "1", "2", "10", "b9", "b10"]
    assert found.labels.tolist() == [3, 2, 0, 1, 5, 4]


def test_names_of_the_source_without_an_image_are_left_out_and_told():
    found = number_labels(column("3", "1", "3"), ["nothing", "a", "b", "c"], None)
    assert (found.classes, found.labels.tolist()) == (["a", "c"], [1, 0, 1])
    assert found.warnings == ["Of the classes that the source names, these have no image and are left out: nothing, b."]


def test_names_that_are_numbers_are_names_where_the_config_says_so():
    assert number_labels(column("3", "5"), None, ["5", "3"]).labels.tolist() == [1, 0]


def test_an_image_without_a_label_among_others_is_left_out():
    found = number_labels(column("a", None), None, None)
    assert (found.labels.tolist(), found.reasons) == ([0, -1], {1: NO_LABEL})


def test_a_source_without_labels_is_of_one_class():
    assert number_labels(column(None, None), None, None).classes == ["image"]
    assert number_labels(column(None, None), None, ["dog"]).classes == ["dog"]
    with pytest.raises(UserError, match=r"data\.classes: 2 names, but the source has no labels"):
        number_labels(column(None), None, ["dog", "cat"])


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (
            ["a", "b", "c"],
            r"data\.classes: 3 names, but the source has the label 3; give one name for each label from 0 to 3",
        ),
        (["a", "b", "c", "d", "extra"], "the source has no image of extra"),
    ],
)
def test_names_that_do_not_fit_the_numbers_are_refused(classes, message):
    with pytest.raises(UserError, match=message):
        number_labels(column("0", "1", "2", "3"), None, classes)


def test_numbers_in_names_sort_as_people_count():
    names = ["1", "10", "2", "01", "img12b", "img9", "a", "1" * 5_000]
    assert sorted(names, key=natural_key) == ["01", "1", "2", "10", "1" * 5_000, "a", "img9", "img12b"]
    assert number_labels(column("10", "9", "010"), None, None).classes == ["9", "010", "10"]


def test_leading_zeros_make_another_class():
    assert number_labels(column("01", "1"), None, None).labels.tolist() == [0, 1]
    with pytest.raises(UserError, match="the source has no image of a, b"):
        number_labels(column("01", "1"), None, ["a", "b"])


def test_spellings_that_look_the_same_are_one_class():
    found = number_labels(column("\u00e9", "e\u0301", "b"), None, None)
    assert (found.classes, found.labels.tolist()) == (["b", "\u00e9"], [1, 1, 0])
    assert number_labels(column("\u00e9", "b"), None, ["e\u0301"]).labels.tolist() == [0, -1]
