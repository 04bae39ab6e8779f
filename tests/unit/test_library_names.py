"""Test how folders and classes that a caller names are found."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.base.errors import UserError
from pipeline.library.names import class_number, local_folder

CLASSES = ("Bag", "Ankle boot", "Shirt")


@pytest.mark.parametrize(("wanted", "number"), [("Shirt", 2), (0, 0), (np.int64(1), 1)])
def test_a_class_goes_by_its_name_or_its_number(wanted: str | int, number: int) -> None:
    assert class_number(wanted, CLASSES) == number


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [("ankle boots", " Did you mean 'Ankle boot'?"), ("BAG", " Did you mean 'Bag'?"), ("zebra", ""), (3, ""), (-1, "")],
)
def test_no_such_class_is_answered_with_the_nearest_and_with_all(wanted: str | int, hint: str) -> None:
    with pytest.raises(UserError) as refusal:
        class_number(wanted, CLASSES)
    assert str(refusal.value) == (
        f"label {wanted!r}: the model has no such class.{hint} "
        "Allowed are the numbers 0 to 2 and the names Bag, Ankle boot, Shirt."
    )


def test_a_number_of_numpy_is_shown_as_a_number() -> None:
    with pytest.raises(UserError, match=r"^label 3: the model has no such class\. Allowed"):
        class_number(np.int64(3), CLASSES)


def test_of_many_classes_only_some_are_listed() -> None:
    with pytest.raises(UserError, match=r"names 0, 1, .*, 19, \.\.\.\."):
        class_number("x", [str(number) for number in range(100)])


def test_without_classes_none_can_be_asked_for() -> None:
    with pytest.raises(UserError, match="the model has no classes"):
        class_number("Bag", ())


def test_a_folder_is_found_and_a_misspelt_one_is_answered_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "digits").mkdir()
    (tmp_path / "digit.txt").touch()
    assert local_folder(str(tmp_path / "digits"), "models/x") == tmp_path / "digits"
    with pytest.raises(UserError) as refusal:
        local_folder(tmp_path / "digit", "models/x")
    assert str(refusal.value) == (
        f"{tmp_path / 'digit'}: there is no such folder. Did you mean 'digits'? Give one such as models/x."
    )
    with pytest.raises(UserError, match=r"there is no such folder\. Give one"):
        local_folder(tmp_path / "nowhere" / "digits", "models/x")
