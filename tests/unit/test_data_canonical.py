"""The splits never share an image, depend on content alone, and come back from disk as they were written."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config.schema import Data, DigitsSource
from pipeline.data.canonical import SPLITS, content_digest, describe, load_split, pixel_digests, split, write_canonical
from pipeline.data.sources import LabelledImages, RawSource
from pipeline.errors import UserError
from pipeline.storage import write_json

CLASSES = ["even", "odd"]


def data_of(**other) -> Data:
    source = DigitsSource(kind="digits")
    shares = {"validation_share": 0.2, "holdout_share": 0.3}
    return Data(**{"source": source, "size": 8, "classes": CLASSES, **shares, **other})


def labelled(numbers: list[int], channels: int = 1) -> LabelledImages:
    """One image a number: equal numbers give equal images. The label is the number's oddness."""
    images = [np.random.default_rng(number).integers(0, 256, (8, 8, channels), np.uint8) for number in numbers]
    return LabelledImages(np.stack(images), np.array([number % 2 for number in numbers], np.int64))


def digests_by_split(numbers: list[int], holdout: list[int] | None = None, **other) -> dict[str, list[str]]:
    """Pixel digests of each split that is cut from train."""
    raw = RawSource(labelled(numbers), None if holdout is None else labelled(holdout))
    rows, _ = split(raw, data_of(**other))
    return {name: pixel_digests(raw.train.images[part]) for name, part in rows.items()}


# With repeats, in any order.
NUMBERS = st.lists(st.integers(0, 60), min_size=1, max_size=80)


@given(numbers=NUMBERS)
@settings(deadline=None, max_examples=40)
def test_every_distinct_image_is_in_exactly_one_split(numbers):
    parts = digests_by_split(numbers)
    placed = [digest for part in parts.values() for digest in part]
    assert sorted(placed) == sorted(set(pixel_digests(labelled(numbers).images)))


@given(numbers=NUMBERS, random=st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=40)
def test_order_and_repeats_of_the_source_do_not_change_the_splits(numbers, random):
    shuffled = numbers + random.choices(numbers, k=3)
    random.shuffle(shuffled)
    expected = {name: set(part) for name, part in digests_by_split(numbers).items()}
    assert {name: set(part) for name, part in digests_by_split(shuffled).items()} == expected


@given(numbers=NUMBERS, holdout=st.lists(st.integers(40, 90), min_size=1, max_size=20))
@settings(deadline=None, max_examples=40)
def test_image_of_the_official_holdout_is_in_no_other_split(numbers, holdout):
    parts = digests_by_split(numbers, holdout, holdout_share=None)
    held = set(pixel_digests(labelled(holdout).images))
    assert not held & {*parts["train"], *parts["validation"]}
    assert parts["holdout"] == []


def test_image_with_two_labels_is_placed_alike_whatever_the_order():
    images = labelled(list(range(40)))
    twice = LabelledImages(
        np.concatenate([images.images, images.images[:20]]), np.concatenate([images.labels, 1 - images.labels[:20]])
    )
    backwards = LabelledImages(twice.images[::-1], twice.labels[::-1])
    digests = []
    for part in (twice, backwards):
        rows, _ = split(RawSource(part, None), data_of())
        digests.append(
            content_digest({name: LabelledImages(part.images[row], part.labels[row]) for name, row in rows.items()})
        )
    assert digests[0] == digests[1]


def test_shares_hold_within_each_class():
    raw = RawSource(labelled([*range(0, 400, 2), *range(1, 200, 2)]), None)  # 200 even, 100 odd
    rows, _ = split(raw, data_of())
    counts = {name: np.bincount(raw.train.labels[part]).tolist() for name, part in rows.items()}
    assert counts == {"train": [100, 50], "validation": [40, 20], "holdout": [60, 30]}


def test_another_seed_cuts_other_splits():
    numbers = list(range(100))
    assert digests_by_split(numbers, seed=1)["holdout"] != digests_by_split(numbers, seed=0)["holdout"]


def test_more_images_of_one_class_do_not_move_those_of_another():
    few = digests_by_split([*range(0, 80, 2), *range(1, 80, 2)])
    many = digests_by_split([*range(0, 200, 2), *range(1, 80, 2)])
    odd = set(pixel_digests(labelled(list(range(1, 80, 2))).images))
    for name in SPLITS:
        assert odd & set(few[name]) == odd & set(many[name])


def test_what_is_left_out_is_counted_by_reason():
    raw = RawSource(labelled([0, 0, 0, *range(1, 50)]), labelled([1, 2, 100]))
    _, dropped = split(raw, data_of(holdout_share=None))
    assert dropped == {"duplicate within train": 2, "also in holdout": 2}


@given(order=st.permutations(range(12)))
@settings(deadline=None, max_examples=20)
def test_dataset_digest_does_not_depend_on_order(order):
    part = labelled(list(range(12)))
    mixed = LabelledImages(part.images[list(order)], part.labels[list(order)])
    assert content_digest({"train": mixed}) == content_digest({"train": part})


def test_dataset_digest_tells_apart_pixels_labels_splits_and_repeats():
    part, flipped = labelled([1, 2, 3]), labelled([1, 2, 3])
    flipped.images[0, 0, 0, 0] ^= 1
    relabelled = LabelledImages(part.images, 1 - part.labels)
    variants = [
        {"train": part}, {"holdout": part}, {"train": flipped}, {"train": relabelled}, {"train": labelled([1, 2, 3, 3])},
    ]  # fmt: skip
    assert len({content_digest(variant) for variant in variants}) == len(variants)


def test_labels_exchanged_between_two_images_give_another_digest():
    part = labelled([1, 2])
    assert content_digest({"train": LabelledImages(part.images, part.labels[::-1])}) != content_digest({"train": part})


# On disk


@pytest.fixture
def raw() -> RawSource:
    return RawSource(labelled([*range(100), 3, 5], channels=3), None)


def test_splits_come_back_as_they_were_cut(tmp_path, raw):
    write_canonical(raw, data_of(), "small", tmp_path)
    rows, _ = split(raw, data_of())
    for name in SPLITS:
        images, labels = load_split(tmp_path, name)
        assert np.array_equal(images.numpy().transpose(0, 2, 3, 1), raw.train.images[rows[name]])
        assert np.array_equal(labels.numpy(), raw.train.labels[rows[name]])


def test_official_holdout_is_written_as_it_is_with_its_repeats(tmp_path):
    raw = RawSource(labelled(list(range(100))), labelled([201, 200, 200, 203]))
    write_canonical(raw, data_of(holdout_share=None), "small", tmp_path)
    images, labels = load_split(tmp_path, "holdout")
    assert np.array_equal(images.numpy().transpose(0, 2, 3, 1), raw.holdout.images)
    assert labels.tolist() == [1, 0, 0, 1]


def test_description_counts_what_is_in_the_files(tmp_path, raw):
    description = write_canonical(raw, data_of(), "small", tmp_path)
    assert describe(tmp_path) == description
    assert sum(part["rows"] for part in description["splits"].values()) == 100
    for name, part in description["splits"].items():
        content = (tmp_path / part["file"]).read_bytes()
        assert part["sha256"] == hashlib.sha256(content).hexdigest()
        _, labels = load_split(tmp_path, name)
        assert list(part["classes"].values()) == np.bincount(labels).tolist()
    images, _ = load_split(tmp_path, "train")
    scaled = images.numpy() / 255
    assert description["mean"] == pytest.approx(scaled.mean(axis=(0, 2, 3)), abs=1e-6)
    assert description["std"] == pytest.approx(scaled.std(axis=(0, 2, 3)), abs=1e-6)
    assert description["left_out"] == {"duplicate within train": 2}
    assert description["image"] == {"height": 8, "width": 8, "channels": 3}


def test_same_source_gives_the_same_files_byte_by_byte(tmp_path, raw):
    for folder in ("a", "b"):
        write_canonical(raw, data_of(), "small", tmp_path / folder)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["dataset.json", "holdout-000000.parquet", "train-000000.parquet", "validation-000000.parquet"]
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_shuffled_source_gives_the_same_dataset_digest(tmp_path, raw):
    order = np.random.default_rng(0).permutation(len(raw.train.labels))
    shuffled = RawSource(LabelledImages(raw.train.images[order], raw.train.labels[order]), None)
    digests = [write_canonical(source, data_of(), "x", tmp_path)["digest"] for source in (raw, shuffled)]
    assert digests[0] == digests[1]


@pytest.mark.parametrize("other", [{"validation_share": 0.001}, {"holdout_share": 0.001}])
def test_split_that_would_lack_a_class_is_refused_before_anything_is_written(tmp_path, raw, other):
    with pytest.raises(
        UserError, match=r"the class 'even' has 0 images for (validation|holdout), at least 2 are needed; use a larger"
    ):
        write_canonical(raw, data_of(**other), "small", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_shares_that_leave_nothing_to_train_on_do_not_ask_for_larger_ones(tmp_path, raw):
    with pytest.raises(UserError) as caught:
        write_canonical(raw, data_of(validation_share=0.6, holdout_share=0.6), "small", tmp_path)
    assert "share" in str(caught.value)
    assert "larger data.validation_share" not in str(caught.value)


def test_folder_without_a_dataset_names_the_stage_to_run(tmp_path):
    with pytest.raises(UserError, match=r"No dataset in .*: run `python -m stages\.ingest` first"):
        load_split(tmp_path, "train")


def test_split_whose_bytes_changed_is_refused(tmp_path, raw):
    write_canonical(raw, data_of(), "small", tmp_path)
    path = tmp_path / "train-000000.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"train-000000\.parquet is not what .*dataset\.json describes"):
        load_split(tmp_path, "train")


def test_missing_split_is_refused_by_file(tmp_path, raw):
    write_canonical(raw, data_of(), "small", tmp_path)
    (tmp_path / "holdout-000000.parquet").unlink()
    with pytest.raises(UserError, match=r"holdout-000000\.parquet is not there"):
        load_split(tmp_path, "holdout")


@pytest.mark.parametrize("content", [{}, [], {"splits": {}, "image": {"channels": 1}}])
def test_description_that_lacks_what_readers_need_is_refused_by_file(tmp_path, content):
    write_json(tmp_path / "dataset.json", content)
    with pytest.raises(UserError, match=r"dataset\.json"):
        load_split(tmp_path, "train")
