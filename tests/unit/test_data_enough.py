"""Too few or unusable images are refused with what can be done about it, given where the splits come from."""

import numpy as np
import pyarrow as pa
import pytest

from pipeline.config.schema import Data
from pipeline.data.enough import require_enough, require_most_usable
from pipeline.errors import UserError
from tests.unit.canonical_data import data_of

IDX = {"kind": "idx", "path": "somewhere", "name": "mine", "licence": "MIT"}
FOLDER = {"kind": "folder", "path": "somewhere"}
OFFICIAL = ("train", "holdout")


def refusal(
    train: list[int], validation: list[int], holdout: list[int], data: Data, official: tuple[str, ...] = ("train",)
) -> str:
    """What is said of splits with so many images of the classes "a", "b", ..."""
    counts = {"train": train, "validation": validation, "holdout": holdout}
    members = {split: np.repeat(np.arange(len(of)), of) for split, of in counts.items()}
    with pytest.raises(UserError) as caught:
        require_enough(members, [chr(ord("a") + number) for number in range(len(train))], official, data)
    return str(caught.value)


def test_twenty_images_in_the_smaller_splits_and_two_of_each_class_are_enough():
    members = {"train": np.array([0, 0, 1, 1]), **dict.fromkeys(("validation", "holdout"), np.arange(20) // 18)}
    require_enough(members, ["a", "b"], ("train",), data_of(None))


def test_a_split_that_is_cut_gets_the_share_that_would_do():
    message = refusal([60, 60], [10, 10], [9, 10], data_of(None))
    assert message == (
        "data: 19 images are in the holdout split, at least 20 are needed to measure with; "
        "use a larger data.holdout_share, about 0.129, or add images."
    )
    assert "use a larger data.validation_share, about 0.129" in refusal([60, 60], [9, 10], [10, 10], data_of(None))


@pytest.mark.parametrize(
    ("source", "advice"),
    [
        (IDX, "the source's own holdout split (the t10k files) needs more images."),
        (
            FOLDER,
            "the source's own holdout split needs more images, or none at all, with a data.holdout_share to cut it",
        ),
    ],
)
def test_a_split_of_the_source_itself_is_not_to_be_mended_by_a_share_of_it(source, advice):
    data = data_of(None, source=source, holdout_share=None)
    assert advice in refusal([50, 50], [10, 10], [9, 10], data, OFFICIAL)


def test_where_no_share_would_do_more_images_are_asked_for():
    message = refusal([5, 5], [10, 10], [9, 10], data_of(None))
    assert message.endswith("the source has 49 images in all: add some.")


def test_a_class_that_a_split_lacks_is_named_with_the_share_that_gives_it_some():
    message = refusal([50, 40], [10, 1], [20, 10], data_of(None))
    assert (
        "the class 'b' has 1 images for validation, at least 2 are needed; use a larger data.validation_share"
        in message
    )
    assert "about 0.05, or add images of 'b', or leave the class out of data.classes." in message


def test_a_class_that_the_official_holdout_lacks_is_not_a_matter_of_shares():
    data = data_of(None, source=IDX, holdout_share=None)
    message = refusal([50, 50], [10, 10], [30, 0], data, OFFICIAL)
    assert "'b' has 0 images for holdout" in message
    assert "the t10k files) needs more images of 'b', or leave the class out" in message
    assert "share" not in message


def test_a_class_that_is_not_left_to_train_on_wants_smaller_shares():
    message = refusal([50, 1], [20, 20], [20, 20], data_of(None))
    assert "use a smaller data.validation_share or data.holdout_share, or add images of 'b'" in message


def too_small(sides: list[tuple[int, int]], **data) -> str:
    columns = {"name": [f"{number}.png" for number in range(len(sides))]}
    known = pa.table({**columns, "width": [side[0] for side in sides], "height": [side[1] for side in sides]})
    reasons = dict.fromkeys(range(len(sides)), "too small: a side of fewer than 28 px")
    with pytest.raises(UserError) as caught:
        require_most_usable(reasons, known, data_of(None, **data))
    return str(caught.value)


def test_images_too_small_for_the_size_are_told_which_size_would_do_whatever_their_shape():
    message = too_small([(20, 30), (30, 21)], size=28)
    assert "2 of 2 images cannot be used" in message
    assert (
        "Their shortest side is 20 px: use data.size 16, or data.images.smallest 20, which takes them, enlarged"
        in message
    )


def test_images_smaller_than_any_size_can_only_be_enlarged():
    assert "Their shortest side is 5 px: use data.images.smallest 5" in too_small([(5, 30)], size=8)


def test_a_bound_of_the_config_is_what_has_to_change_where_it_is_set():
    message = too_small([(20, 30)], size=16, images={"smallest": 28})
    assert "use data.images.smallest 20" in message
    assert "use data.size" not in message
