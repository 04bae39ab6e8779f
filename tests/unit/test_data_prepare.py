"""A part of a source becomes a file of squares with what is known of each, whole or not at all."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipeline.data.prepare import IGNORED, Preparation
from pipeline.data.sources.source import RawImage
from pipeline.images.png import decode_png, encode_png
from tests.unit.canonical_data import RawImages, data_of

PIXELS = np.random.default_rng(0).integers(0, 256, (16, 26, 3), np.uint8)


def preparation_of(folder: Path, **data) -> Preparation:
    return Preparation(data_of("auto", **{"size": 16, "channels": 3, **data}), folder)


def prepared(folder: Path, *images: RawImage, **data) -> list[dict]:
    preparation = preparation_of(folder, **data)
    part = RawImages(*images)
    assert preparation(part) == len(images)
    return pq.read_table(preparation.path(part)).to_pylist()


def test_files_and_arrays_come_out_alike(tmp_path):
    file, array = prepared(tmp_path, RawImage("a.png", encode_png(PIXELS), "x", "a caption"), RawImage("b", PIXELS, 3))
    same = ("width", "height", "digest", "hash", "thumbnail", "sums", "squares", "png")
    assert {name: file[name] for name in same} == {name: array[name] for name in same}
    assert (file["name"], file["label"], file["text"], file["split"], file["reason"]) == (
        "a.png",
        "x",
        "a caption",
        "train",
        None,
    )
    assert (array["label"], array["text"]) == ("3", None)
    assert (file["width"], file["height"]) == (26, 16)


def test_what_is_kept_is_of_the_square(tmp_path):
    (row,) = prepared(tmp_path, RawImage("a", PIXELS))
    square = decode_png(row["png"], 3)
    assert np.array_equal(square, PIXELS[:, 5:21])
    assert row["digest"] == hashlib.sha256(square.tobytes()).hexdigest()
    assert row["sums"] == square.reshape(-1, 3).astype(int).sum(axis=0).tolist()
    assert row["squares"] == (square.reshape(-1, 3).astype(int) ** 2).sum(axis=0).tolist()


def test_what_cannot_be_used_has_a_reason_and_the_others_are_there(tmp_path):
    rows = prepared(
        tmp_path,
        RawImage("empty", b""),
        RawImage("small", encode_png(PIXELS[:10])),
        RawImage("gone", b"", reason="unreadable"),
        RawImage("good", encode_png(PIXELS)),
        too_small="refuse",
    )
    assert [row["reason"] for row in rows] == [
        "empty file",
        "too small: a side of fewer than 16 px",
        "unreadable",
        None,
    ]
    assert (rows[1]["width"], rows[1]["height"], rows[1]["png"]) == (26, 10, None)


def test_grey_arrays_are_resized_too(tmp_path):
    (row,) = prepared(tmp_path, RawImage("a", PIXELS[:, :16, :1]), size=8, channels=1)
    expected = Image.fromarray(PIXELS[:, :16, 0]).resize((8, 8), Image.Resampling.LANCZOS)
    assert np.array_equal(decode_png(row["png"], 1)[..., 0], np.asarray(expected))


def test_a_colour_file_that_shows_no_colour_is_kept_grey_unless_the_config_wants_colour(tmp_path):
    grey = PIXELS[..., :1].repeat(3, axis=2)
    looks_grey, coloured = prepared(tmp_path / "a", RawImage("a", grey), RawImage("b", PIXELS), channels="auto")
    assert (looks_grey["channels"], coloured["channels"]) == (1, 3)
    (as_asked,) = prepared(tmp_path / "b", RawImage("a", grey), channels=3)
    assert as_asked["channels"] == 3
    assert looks_grey["digest_as_colour"] == as_asked["digest"]
    assert decode_png(looks_grey["png"], 1).shape == (16, 16, 1)
    assert len(looks_grey["sums"]) == 1


@pytest.mark.parametrize(("surely", "reason"), [(True, "no image of a known kind"), (False, IGNORED)])
def test_what_only_might_have_been_an_image_is_ignored(tmp_path, surely, reason):
    (row,) = prepared(tmp_path, RawImage("README", b"Read me first", surely=surely))
    assert row["reason"] == reason


def test_many_images_are_written_in_groups(tmp_path):
    images = [RawImage(str(number), np.full((16, 16, 3), number % 256, np.uint8)) for number in range(1100)]
    preparation = preparation_of(tmp_path)
    preparation(RawImages(*images))
    file = pq.ParquetFile(preparation.path(RawImages(*images)))
    assert [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)] == [500, 500, 100]
    assert file.read(columns=["name"])["name"].to_pylist() == [str(number) for number in range(1100)]


class Breaking:
    """A part whose source breaks off."""

    identity = "breaks"

    def images(self):
        yield RawImage("a", PIXELS)
        raise OSError("the cable was pulled")


def test_a_part_that_breaks_off_leaves_no_file(tmp_path):
    preparation = preparation_of(tmp_path)
    with pytest.raises(Exception, match="the cable was pulled"):
        preparation(Breaking())
    assert list(tmp_path.iterdir()) == []


def test_parts_of_other_content_have_other_files(tmp_path):
    preparation = preparation_of(tmp_path)
    assert preparation.path(RawImages(identity="a")) != preparation.path(RawImages(identity="b"))
