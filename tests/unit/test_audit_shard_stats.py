"""One pass over the shards of a dataset."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.audit.shard_stats import (
    References,
    ShardStats,
    dataset_stats,
    sampled_rows,
    shard_shift,
    shard_stats_of,
    short_digests,
)
from pipeline.embedding.classifier import DomainClassifier
from pipeline.embedding.embedder import Embedder
from pipeline.evaluation.dataset_stats import DatasetStats, dataset_metrics
from pipeline.evaluation.moments import Moments

Numbers = NDArray[np.int64]
CLASSES = 4


def images(numbers: Numbers) -> NDArray[np.uint8]:
    """An image of its own for each number, `uint8 [N, 8, 8, 1]`."""
    return (np.arange(64).reshape(1, 8, 8, 1) * 3 + np.asarray(numbers).reshape(-1, 1, 1, 1) * 7).astype(np.uint8)


def known(classifier: DomainClassifier, train: list[int], held_out: list[int]) -> References:
    return References(
        Embedder(classifier, "digest"),
        short_digests(images(np.array(train))),
        short_digests(images(np.array(held_out))),
        CLASSES,
    )


@pytest.fixture(scope="module")
def ruler(digits_classifier: DomainClassifier) -> References:
    return known(digits_classifier, train=[9, 3, 50], held_out=[1])


def cut(
    ruler: References, numbers: list[int], labels: list[int] | None, parts: list[int], keep: int
) -> list[ShardStats]:
    """Records cut into shards of these lengths, each looked at."""
    ends = np.cumsum(parts)
    return [
        shard_stats_of(
            images(np.array(numbers[end - rows : end])),
            None if labels is None else np.array(labels[end - rows : end]),
            ruler,
            sampled_rows(int(end) - rows, rows, sum(parts), keep),
        )
        for rows, end in zip(parts, ends, strict=True)
    ]


NUMBERS, LABELS = [1, 2, 3, 2, 9, 9, 2], [0, 1, 2, 0, 0, 1, 1]


def surveyed(ruler: References, keep: int = 7, labels: list[int] | None = LABELS) -> DatasetStats:
    content = dataset_stats(cut(ruler, NUMBERS, labels, [3, 4], keep), keep)
    assert content is not None
    return content


def test_duplicates_and_copies_are_counted_across_shards(ruler: References) -> None:
    content = surveyed(ruler)
    assert (content.records, content.unique) == (7, 4)
    assert (content.train_copies, content.held_out_copies) == (3, 1)


def test_classes_are_counted_also_those_that_are_missing(ruler: References) -> None:
    assert surveyed(ruler).label_counts.tolist() == [3, 3, 1, 0]


@pytest.mark.parametrize("keep", [1, 3, 5, 7])
def test_as_many_as_wanted_are_kept_each_with_its_label_channels_first(ruler: References, keep: int) -> None:
    content = surveyed(ruler, keep)
    assert content.images.shape == (keep, 1, 8, 8)
    kept = images(np.array(NUMBERS)).transpose(0, 3, 1, 2)
    for image, label in zip(content.images.numpy(), content.labels.tolist(), strict=True):
        assert label in [LABELS[row] for row in range(7) if np.array_equal(kept[row], image)]


@settings(max_examples=20, deadline=None)
@given(parts=st.lists(st.integers(2, 5), min_size=1, max_size=5), data=st.data())
def test_how_records_are_cut_into_shards_changes_no_figure_of_the_whole(
    ruler: References, parts: list[int], data: st.DataObject
) -> None:
    count = sum(parts)
    numbers = data.draw(st.lists(st.integers(0, 6), min_size=count, max_size=count))
    labels = data.draw(st.lists(st.integers(0, CLASSES - 1), min_size=count, max_size=count))
    real = Moments.of(_real(ruler))
    in_parts, whole = (
        dataset_metrics(dataset_stats(cut(ruler, numbers, labels, lengths, count), count), real)
        for lengths in (parts, [count])
    )
    assert in_parts.pop("fd_domain_all_records") == pytest.approx(
        whole.pop("fd_domain_all_records"), rel=1e-6, abs=1e-3
    )
    for figures in (in_parts, whole):
        del figures["shard_shift_max"], figures["shard_shift_at"]
    assert in_parts == whole


def _real(ruler: References) -> NDArray[np.float64]:
    return ruler.embedder.features(torch.from_numpy(images(np.arange(20)).transpose(0, 3, 1, 2))).double().numpy()


@given(
    parts=st.lists(st.integers(1, 50), min_size=1, max_size=8),
    keep=st.integers(1, 400),
)
def test_each_shard_gives_its_share_of_what_is_kept(parts: list[int], keep: int) -> None:
    count = sum(parts)
    firsts = np.cumsum([0, *parts[:-1]]).tolist()
    kept = [sampled_rows(first, rows, count, keep) for first, rows in zip(firsts, parts, strict=True)]
    assert sum(map(len, kept)) == min(keep, count)
    for rows, chosen in zip(parts, kept, strict=True):
        assert len(set(chosen.tolist())) == len(chosen)
        assert all(0 <= row < rows for row in chosen)
        assert abs(len(chosen) - rows * min(keep, count) / count) <= 1


def test_a_shard_like_the_others_is_off_by_chance_alone_whatever_its_size() -> None:
    random = np.random.default_rng(0)
    shifts: dict[int, list[float]] = {20: [], 200: []}
    for _ in range(200):
        features = random.normal(3, [1.0, 2.0, 5.0, 0.1], size=(1_000, 4))
        whole = Moments.of(features)
        for size, found in shifts.items():
            found.append(shard_shift(size, features[:size].mean(axis=0), whole))
    assert np.mean(shifts[20]) == pytest.approx(1, abs=0.25)
    assert np.mean(shifts[200]) == pytest.approx(1, abs=0.25)
    assert shard_shift(200, features[:200].mean(axis=0) + 2, whole) > 20


def test_the_only_shard_is_the_whole_dataset_and_not_off_it() -> None:
    features = np.random.default_rng(0).normal(size=(50, 3))
    assert shard_shift(50, features.mean(axis=0), Moments.of(features)) == 0


def test_records_that_are_all_alike_are_not_off_one_another() -> None:
    whole = Moments.of(np.ones((50, 3)))
    assert shard_shift(10, np.ones(3), whole) == 0


def test_the_figures(ruler: References) -> None:
    figures = dataset_metrics(surveyed(ruler), Moments.of(_real(ruler)))
    assert {
        name: figures[name]
        for name in ("records", "unique_share", "duplicates", "train_copies", "held_out_copies", "class_balance")
    } == {
        "records": 7,
        "unique_share": 0.571429,
        "duplicates": 3,
        "train_copies": 3,
        "held_out_copies": 1,
        "class_balance": 0.0,
    }
    assert figures["fd_domain_all_records"] > 0


def test_nothing_was_found_where_no_shard_could_be_read() -> None:
    assert dataset_stats([], 5) is None


def test_a_dataset_without_labels_has_neither_labels_nor_class_balance(ruler: References) -> None:
    content = surveyed(ruler, labels=None)
    assert content.labels is None
    assert len(content.images) == 7
    assert "class_balance" not in dataset_metrics(content, Moments.of(_real(ruler)))
