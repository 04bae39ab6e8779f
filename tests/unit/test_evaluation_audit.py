"""One pass over the shards of a dataset."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.evaluation.audit import Content, content_metrics, survey

Shard = tuple[NDArray[np.uint8], NDArray[np.int64]]


def image(number: int) -> NDArray[np.uint8]:
    """An RGB image of its own for each number."""
    return np.arange(12, dtype=np.uint8).reshape(2, 2, 3) + np.uint8(number)


def shard(numbers: list[int], labels: list[int]) -> Shard:
    return np.stack([image(number) for number in numbers]), np.array(labels, dtype=np.int64)


def train(*numbers: int) -> torch.Tensor:
    return torch.from_numpy(np.stack([image(number) for number in numbers])).permute(0, 3, 1, 2)


SHARDS = [shard([1, 2, 3], [0, 1, 2]), shard([2, 9, 9, 2], [0, 0, 1, 1])]


def surveyed(keep: int = 100) -> Content:
    return survey(iter(SHARDS), train(9, 3, 50), classes=4, keep=keep)


def test_duplicates_are_counted_across_shards() -> None:
    content = surveyed()
    assert (content.records, content.unique) == (7, 4)


def test_every_copy_of_a_training_image_counts() -> None:
    assert surveyed().train_copies == 3


def test_a_copy_is_one_also_after_an_encoding_that_loses_something() -> None:
    def coarse(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return images // 16 * 16

    images, labels = shard([9, 3, 100], [0, 1, 2])
    lossy = (coarse(images), labels)
    assert survey([lossy], train(9, 3, 50), classes=3, keep=5).train_copies == 0
    assert survey([lossy], train(9, 3, 50), classes=3, keep=5, stored=coarse).train_copies == 2


def test_classes_are_counted_also_those_that_are_missing() -> None:
    assert surveyed().class_counts.tolist() == [3, 3, 1, 0]


@pytest.mark.parametrize("keep", [1, 3, 5, 7, 100])
def test_the_first_images_are_kept_with_their_labels_channels_first(keep: int) -> None:
    content = surveyed(keep)
    expected = [image(number) for number in [1, 2, 3, 2, 9, 9, 2]][:keep]
    assert np.array_equal(content.images.permute(0, 2, 3, 1).numpy(), np.stack(expected))
    assert content.labels.tolist() == [0, 1, 2, 0, 0, 1, 1][:keep]
    assert content.records == 7


@given(cuts=st.lists(st.integers(1, 5), min_size=1, max_size=5), data=st.data())
def test_how_records_are_cut_into_shards_changes_no_figure(cuts: list[int], data: st.DataObject) -> None:
    count = sum(cuts)
    numbers = data.draw(st.lists(st.integers(0, 6), min_size=count, max_size=count))
    labels = data.draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    ends = np.cumsum(cuts)
    parts = [shard(numbers[end - n : end], labels[end - n : end]) for n, end in zip(cuts, ends, strict=True)]
    cut, whole = (survey(s, train(0, 1), classes=3, keep=4) for s in (parts, [shard(numbers, labels)]))
    assert content_metrics(cut) == content_metrics(whole)
    assert torch.equal(cut.images, whole.images)
    assert cut.unique == len(set(numbers))


def test_the_figures() -> None:
    assert content_metrics(surveyed()) == {
        "records": 7,
        "unique_share": 0.571429,
        "duplicates": 3,
        "train_copies": 3,
        "class_balance": 0.0,
    }


def test_a_dataset_without_a_readable_shard_is_surveyed_as_empty() -> None:
    content = survey([], train(1), classes=2, keep=5)
    assert (content.records, len(content.images)) == (0, 0)


def test_a_dataset_without_labels_has_neither_labels_nor_class_balance() -> None:
    content = survey([(images, None) for images, _ in SHARDS], train(9, 3, 50), classes=0, keep=5)
    assert content.labels is None
    assert len(content.images) == 5
    assert content_metrics(content) == {
        "records": 7,
        "unique_share": 0.571429,
        "duplicates": 3,
        "train_copies": 3,
    }
