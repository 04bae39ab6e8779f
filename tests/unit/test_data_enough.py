"""Too few or unusable images are refused with what can be done about it, given where the splits come from."""

import re

import numpy as np
import pyarrow as pa
import pytest
import yaml
from numpy.typing import NDArray

from pipeline.base.errors import UserError
from pipeline.config.schema import Data
from pipeline.data.enough import require_enough, require_most_usable
from pipeline.data.prepare import IGNORED
from pipeline.data.splits import shares_of
from tests.unit.canonical_data import data_of

OFFICIAL = ("train", "holdout")
NONE = np.array([], np.int64)


def refusal(
    train: list[int],
    validation: list[int],
    holdout: list[int],
    data: Data,
    official: tuple[str, ...] = ("train",),
    leaked: NDArray[np.int64] = NONE,
) -> str:
    """What is said of splits with so many images of the classes "a", "b", ..."""
    counts = {"train": train, "validation": validation, "holdout": holdout}
    members = {split: np.repeat(np.arange(len(of)), of) for split, of in counts.items()}
    classes = [chr(ord("a") + number) for number in range(len(train))]
    shares = shares_of(data, official, sum(len(labels) for labels in members.values()))
    with pytest.raises(UserError) as caught:
        require_enough(members, classes, official, shares, leaked)
    return str(caught.value)


def test_twenty_images_in_the_smaller_splits_and_two_of_each_class_are_enough():
    members = {"train": np.array([0, 0, 1, 1]), **dict.fromkeys(("validation", "holdout"), np.arange(20) // 18)}
    data = data_of("auto")
    require_enough(members, ["a", "b"], ("train",), shares_of(data, ("train",), 44), NONE)


def test_a_split_that_is_cut_gets_the_share_that_would_do():
    message = refusal([60, 60], [10, 10], [9, 10], data_of("auto"))
    assert message == (
        "data: 19 images are in the holdout split, at least 20 are needed to measure with; "
        "use a larger data.holdout_share, about 0.129, or add images."
    )
    assert "use a larger data.validation_share, about 0.129" in refusal([60, 60], [9, 10], [10, 10], data_of("auto"))


def test_a_split_of_the_source_itself_is_not_to_be_mended_by_a_share_of_it():
    message = refusal([50, 50], [10, 10], [9, 10], data_of("auto", holdout_share=None), OFFICIAL)
    assert message.endswith(
        "the source's own holdout split needs more images, or none at all, with a data.holdout_share to cut it from train."
    )


def test_where_no_share_would_do_more_images_are_asked_for():
    message = refusal([5, 5], [10, 10], [9, 10], data_of("auto"))
    assert message.endswith("the source has 49 images in all, about 69 are needed: add some.")


def test_a_class_that_a_split_lacks_is_named_with_the_share_that_gives_it_some():
    assert refusal([50, 40], [20, 1], [20, 10], data_of("auto")) == (
        "data: 1 of 2 classes has too few images, at least 2 are needed in each split:\n"
        "  'b': 40 for train, 1 for validation, 10 for holdout\n"
        "Use a larger data.validation_share, about 0.05, or add images of 'b'; or leave it out by data.classes: [a]."
    )


def test_all_classes_that_are_too_small_are_named_at_once():
    """BMSG-GAN#38: 1, 3 and 126 images of a class."""
    assert refusal([1, 2, 63], [0, 0, 25], [0, 1, 38], data_of("auto")) == (
        "data: 2 of 3 classes have too few images, at least 2 are needed in each split:\n"
        "  'a': 1 for train, 0 for validation, 0 for holdout\n"
        "  'b': 2 for train, 0 for validation, 1 for holdout\n"
        "About 9 images of each are needed in all: add some; or leave them out by data.classes: [c]."
    )


def test_ten_of_the_classes_that_are_too_small_are_named_the_rarest_first():
    message = refusal([*range(15, 0, -1), 50], [1] * 15 + [30], [2] * 15 + [30], data_of("auto"))
    _, *named, more, advice = message.splitlines()
    assert [line.split("'")[1] for line in named] == list("onmlkjihgf")
    assert more == "  and 5 more"
    assert advice.endswith("or leave them out by data.classes: [p].")


def test_where_no_class_is_large_enough_they_are_taken_for_one():
    message = refusal([12] * 3, [1] * 3, [9] * 3, data_of("auto"))
    assert message.endswith("or use data.classes: none, which ignores the classes.")


def test_too_few_images_in_all_are_told_together_with_the_classes():
    message = refusal([10, 1], [5, 0], [5, 0], data_of("auto"))
    assert [line[:50] for line in message.splitlines()] == [
        "data: 5 images are in the validation split, at lea",
        "data: 5 images are in the holdout split, at least ",
        "data: 1 of 2 classes has too few images, at least ",
        "  'b': 1 for train, 0 for validation, 0 for holdou",
        "The source has 1 image of 'b' in all, about 9 are ",
    ]


def test_a_class_that_the_official_holdout_lacks_is_not_a_matter_of_shares():
    message = refusal([50, 50], [10, 10], [30, 0], data_of("auto", holdout_share=None), OFFICIAL)
    assert "'b': 50 for train, 10 for validation, 0 for holdout" in message
    assert "The source's own holdout split needs more images of 'b', or none at all" in message
    assert "larger" not in message


def test_a_class_that_is_not_left_to_train_on_wants_smaller_shares():
    message = refusal([50, 1], [20, 20], [20, 20], data_of("auto"))
    assert "Use a smaller data.validation_share or data.holdout_share, or add images of 'b'" in message


def too_small(sides: list[tuple[int, int]], **data) -> str:
    columns = {"name": [f"{number}.png" for number in range(len(sides))]}
    known = pa.table({**columns, "width": [side[0] for side in sides], "height": [side[1] for side in sides]})
    reasons = dict.fromkeys(range(len(sides)), "too small: a side of fewer than 28 px")
    with pytest.raises(UserError) as caught:
        require_most_usable(reasons, known, data_of("auto", **data))
    return str(caught.value)


def test_images_too_small_for_the_size_are_told_which_size_would_do_whatever_their_shape():
    message = too_small([(20, 30), (30, 21)], size=28)
    assert "2 of 2 images cannot be used" in message
    assert (
        "Their shortest side is 20 px: use data.size 16, or data.too_small: enlarge. The first:\n  0.png: too small"
        in message
    )


def test_images_smaller_than_any_size_can_only_be_enlarged():
    assert "Their shortest side is 5 px: use data.too_small: enlarge." in too_small([(5, 30)], size=8)


def test_the_worst_are_named_and_the_reasons_counted():
    known = pa.table({"name": [f"{row}.png" for row in range(100)], "width": [8] * 100, "height": [8] * 100})
    reasons = {row: "truncated" if row % 3 else "empty file" for row in range(15)}
    with pytest.raises(UserError) as caught:
        require_most_usable(reasons, known, data_of("auto", bad_share_max=0.14))
    first, *named = str(caught.value).splitlines()
    assert first.startswith(
        "data.bad_share_max: 15 of 100 images cannot be used, at most 14.0% may be: 10 truncated, 5 empty file."
    )
    assert len(named) == 10
    assert named[:2] == ["  0.png: empty file", "  1.png: truncated"]
    require_most_usable(reasons, known, data_of("auto", bad_share_max=0.15))


def test_what_is_no_image_by_its_content_is_no_bad_image():
    known = pa.table({"name": ["a", "README"], "width": [8, None], "height": [8, None]})
    require_most_usable({1: IGNORED}, known, data_of("auto", bad_share_max=0))
    with pytest.raises(UserError, match="holds no images"):
        require_most_usable({0: IGNORED, 1: IGNORED}, known, data_of("auto"))


def test_classes_that_only_the_sources_own_test_split_has_are_told_of():
    assert refusal([50, 0, 0], [20, 0, 0], [20, 7, 1], data_of("auto"), OFFICIAL) == (
        "data: only the source's own holdout (test) split has images of 'b' (7 images), 'c' (1 image): there is nothing to train on. "
        "Add some to train, or leave them out by data.classes: [a]."
    )
    assert "'b': 0 for train" in refusal([50, 0], [20, 0], [20, 7], data_of("auto"))


def test_a_class_that_left_train_since_holdout_has_the_same_images_needs_other_ones():
    assert (
        "there is nothing to train on. 7 images left train, since holdout has the same ones. Add other ones to train, or leave it out"
    ) in refusal([50, 0], [20, 0], [20, 7], data_of("auto"), OFFICIAL, np.repeat([0, 1], [3, 7]))


def test_train_and_holdout_of_the_same_images_are_told_apart_from_a_class_that_is_missing():
    message = refusal([0], [0], [20], data_of("none"), OFFICIAL, np.repeat([0], [20]))
    assert message.startswith("data: all 20 images of train are in the source's own holdout (test) split, too")
    assert "data.classes" not in message


def test_names_of_classes_are_given_as_yaml_has_them():
    members = {
        "train": np.repeat(np.arange(3), [5, 5, 1]),
        **dict.fromkeys(("validation", "holdout"), np.arange(40) % 2),
    }
    with pytest.raises(UserError) as caught:
        require_enough(members, ["no", "a: b, ü", "c"], ("train",), shares_of(data_of("auto"), ("train",), 91), NONE)
    (given,) = re.findall(r"data\.classes: (.*)\.$", str(caught.value))
    assert yaml.safe_load(given) == ["no", "a: b, ü"]
