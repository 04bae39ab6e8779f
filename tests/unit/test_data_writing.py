"""What was prepared becomes splits of files that depend on content alone, and a description that counts them."""

import csv
import hashlib
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.base.errors import UserError
from pipeline.data import split_writer
from pipeline.data.canonical import load_split, pixel_digests
from pipeline.data.description import SPLITS, DescribedImage, LeftOut, describe
from pipeline.data.sources.source import Listing, RawImage
from pipeline.images.png import encode_png
from tests.unit.canonical_data import Images, RawImages, data_of, write_arrays, write_listing

CLASSES = ["even", "odd"]


def labelled(numbers: list[int], channels: int = 1) -> Images:
    """One image a number: equal numbers give equal images. The label is the number's oddness."""
    images = [np.random.default_rng(number).integers(0, 256, (8, 8, channels), np.uint8) for number in numbers]
    return np.stack(images), np.array([number % 2 for number in numbers], np.int64)


@pytest.fixture
def raw() -> Images:
    return labelled([*range(100), 3, 5], channels=3)


COLOUR = data_of(CLASSES, channels=3)


def test_every_image_comes_back_with_its_label_its_place_and_its_name(tmp_path, raw):
    description = write_arrays(raw, COLOUR, tmp_path)
    images, labels = raw
    label_of = dict(zip(pixel_digests(images), labels.tolist(), strict=True))
    seen = []
    for name in SPLITS:
        table = pq.read_table(tmp_path / description.splits[name].files[0].file)
        assert table["index"].to_pylist() == list(range(len(table)))
        read, read_labels = load_split(tmp_path, name)
        digests = pixel_digests(read.numpy().transpose(0, 2, 3, 1))
        assert [label_of[digest] for digest in digests] == read_labels.tolist()
        assert [pixel_digests(images)[int(source.split("/")[1])] for source in table["source"].to_pylist()] == digests
        seen += digests
    assert sorted(seen) == sorted(set(label_of))


def test_official_holdout_is_written_with_its_repeats(tmp_path):
    held = labelled([201, 200, 200, 203, *range(204, 220)])
    write_arrays(labelled(list(range(100))), data_of(CLASSES, holdout_share=None), tmp_path, held)
    images, labels = load_split(tmp_path, "holdout")
    assert sorted(pixel_digests(images.numpy().transpose(0, 2, 3, 1))) == sorted(pixel_digests(held[0]))
    assert sorted(labels.tolist()) == sorted(held[1].tolist())


def test_description_counts_what_is_in_the_files(tmp_path, raw):
    description = write_arrays(raw, COLOUR, tmp_path)
    assert describe(tmp_path) == description
    assert sum(part.rows for part in description.splits.values()) == 100
    for name, part in description.splits.items():
        (file,) = part.files
        assert file.sha256 == hashlib.sha256((tmp_path / file.file).read_bytes()).hexdigest()
        _, labels = load_split(tmp_path, name)
        assert part.rows == file.rows == len(labels)
        assert list(part.classes.values()) == np.bincount(labels).tolist()
    images, _ = load_split(tmp_path, "train")
    scaled = images.numpy() / 255
    assert description.mean == pytest.approx(scaled.mean(axis=(0, 2, 3)), abs=1e-6)
    assert description.std == pytest.approx(scaled.std(axis=(0, 2, 3)), abs=1e-6)
    assert description.image == DescribedImage(height=8, width=8, channels=3)


def test_what_is_left_out_is_counted_named_and_listed(tmp_path, raw):
    description = write_arrays(raw, COLOUR, tmp_path)
    assert description.left_out == {"duplicate": LeftOut(count=2, first=["train/100", "train/101"])}
    with (tmp_path / "left_out.csv").open() as file:
        assert list(csv.reader(file)) == [["source", "reason"], ["train/100", "duplicate"], ["train/101", "duplicate"]]


def test_what_an_earlier_ingest_left_there_goes(tmp_path, raw):
    write_arrays(raw, COLOUR, tmp_path)
    (tmp_path / "train-000007.parquet").write_bytes(b"of a larger source")
    (tmp_path / "notes.parquet").write_bytes(b"somebody's")
    description = write_arrays(labelled([*range(100)], channels=3), COLOUR, tmp_path)
    assert not description.left_out
    assert {path.name for path in tmp_path.iterdir()} == {
        "dataset.json", "notes.parquet", *(f"{split}-000000.parquet" for split in SPLITS),
    }  # fmt: skip


@pytest.mark.parametrize("largest_file", [1 << 28, 30_000])
def test_another_order_of_the_source_gives_the_same_images_in_the_same_order(tmp_path, monkeypatch, largest_file):
    monkeypatch.setattr(split_writer, "LARGEST_FILE", largest_file)
    images, labels = labelled(list(range(1200)))
    order = np.random.default_rng(0).permutation(1200)
    first = write_arrays((images, labels), data_of(CLASSES), tmp_path / "a")
    second = write_arrays((images[order], labels[order]), data_of(CLASSES), tmp_path / "b")
    assert first.digest == second.digest
    assert len(first.splits["train"].files) == (1 if largest_file > 30_000 else 2)
    for split in SPLITS:
        for ours, theirs in zip(load_split(tmp_path / "a", split), load_split(tmp_path / "b", split), strict=True):
            assert np.array_equal(ours, theirs)


def test_the_same_source_gives_the_same_files_byte_by_byte(tmp_path, raw):
    for folder in ("a", "b"):
        write_arrays(raw, COLOUR, tmp_path / folder)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == [
        "dataset.json", "holdout-000000.parquet", "left_out.csv", "train-000000.parquet", "validation-000000.parquet",
    ]  # fmt: skip
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_pixels_labels_captions_and_splits_all_count_for_the_digest(tmp_path):
    base, _ = labelled(list(range(100)))
    png = [encode_png(image) for image in base]

    def digest(
        number: int, texts: dict[int, str] | None = None, labels: dict[int, str] | None = None, **data: Any
    ) -> str:
        images = [
            RawImage(str(row), content, (labels or {}).get(row, CLASSES[row % 2]), (texts or {}).get(row))
            for row, content in enumerate(png[:number])
        ]
        return write_listing(Listing([RawImages(*images)]), data_of(CLASSES, **data), tmp_path).digest

    digests = [
        digest(100),
        digest(99),
        digest(100, {3: "a boot"}),
        digest(100, {4: "a boot"}),
        digest(100, labels={0: "odd"}),
        digest(100, seed=1),
    ]
    assert len(set(digests)) == len(digests)


def test_captions_are_kept(tmp_path):
    base, _ = labelled(list(range(100)))
    images = [
        RawImage(str(row), encode_png(image), None, f"number {row}" if row else None) for row, image in enumerate(base)
    ]
    description = write_listing(Listing([RawImages(*images)]), data_of("auto"), tmp_path)
    assert description.classes == ["image"]
    captions = {}
    for part in description.splits.values():
        table = pq.read_table(tmp_path / part.files[0].file)
        captions |= dict(zip(table["source"].to_pylist(), table["text"].to_pylist(), strict=True))
    assert captions == {str(row): f"number {row}" if row else None for row in range(100)}


def test_grey_images_of_a_mixed_set_become_colour_and_equal_ones_are_found(tmp_path):
    base, _ = labelled(list(range(100)))
    colour = base.repeat(3, axis=3)
    colour[0, 0, 0] = (255, 0, 0)
    mixed = [RawImage(str(row), base[row] if row % 2 else image) for row, image in enumerate(colour)]
    description = write_listing(Listing([RawImages(*mixed)]), data_of("auto", channels="auto"), tmp_path / "mixed")
    assert description.image.channels == 3
    plain = Listing([RawImages(*(RawImage(str(row), image) for row, image in enumerate(colour)))])
    as_colour = write_listing(plain, data_of("auto", channels=3), tmp_path / "colour")
    assert description.digest == as_colour.digest
    assert description.mean == as_colour.mean
    for split in SPLITS:
        ours, theirs = (load_split(tmp_path / folder, split)[0] for folder in ("mixed", "colour"))
        assert np.array_equal(ours, theirs)
    grey = Listing([RawImages(*mixed[1:])])
    assert write_listing(grey, data_of("auto", channels="auto"), tmp_path / "grey").image.channels == 1


def test_images_that_had_to_be_enlarged_are_counted(tmp_path):
    base, _ = labelled(list(range(100)))
    images = [RawImage(str(row), image[:7] if row < 5 else image) for row, image in enumerate(base)]
    assert write_listing(Listing([RawImages(*images)]), data_of("auto"), tmp_path).enlarged == 5


@pytest.mark.parametrize("other", [{"validation_share": 0.001}, {"holdout_share": 0.001}])
def test_split_that_would_lack_a_class_is_refused_before_anything_is_written(tmp_path, raw, other):
    with pytest.raises(
        UserError,
        match=r"at least 2 are needed in each split:\n  'even': \d+ for train, [^\0]*\nUse a larger data.(validation|holdout)_share",
    ):
        write_arrays(raw, data_of(CLASSES, channels=3, **other), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_too_many_unusable_images_are_refused_with_their_reasons(tmp_path):
    base, _ = labelled(list(range(100)))
    images = [RawImage(f"{row}.png", encode_png(image), "a") for row, image in enumerate(base)]
    bad = [RawImage("x.png", b"", "a"), RawImage("y.png", b"GIF89a", "a"), RawImage("z.png", b"", "a")]
    listing = Listing([RawImages(*images, *bad)])
    with pytest.raises(
        UserError,
        match=r"data\.bad_share_max: 3 of 103 images cannot be used, at most 1\.0% may be: 2 empty file, 1 .*\n  x\.png: empty file\n",
    ):
        write_listing(listing, data_of("auto", bad_share_max=0.01), tmp_path)
    description = write_listing(listing, data_of("auto", bad_share_max=0.1), tmp_path)
    assert description.left_out["empty file"] == LeftOut(count=2, first=["x.png", "z.png"])


def test_a_source_of_nothing_usable_is_refused_whatever_is_allowed(tmp_path):
    listing = Listing([RawImages(RawImage("x.png", b"", "a"))])
    with pytest.raises(UserError, match="1 of 1 images cannot be used"):
        write_listing(listing, data_of("auto", bad_share_max=0.99), tmp_path)
    with pytest.raises(UserError, match="holds no images"):
        write_listing(Listing([RawImages()]), data_of("auto"), tmp_path)
