"""What cannot be used, and what two official splits share, can be looked at; a dataset without any has no such file."""

import csv
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipeline.data import left_out
from pipeline.data.canonical import load_split
from pipeline.data.decode import DAMAGED_XMP
from pipeline.data.description import Listed, describe
from pipeline.data.prepare import HEAD
from pipeline.data.sources.source import Listing, RawImage
from pipeline.data.splits import IN_HOLDOUT, NEAR_VALIDATION
from pipeline.images.png import decode_png, encode_png
from pipeline.store.files import file_sha256
from tests.unit.canonical_data import RawImages, data_of, write_listing

NOTHING = Listed()
LISTED = {"name": "own images", "licence": "unknown"}


def picture(seed: int, size: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size, size, 1), np.uint8)


def good(count: int = 100, first: int = 0) -> list[RawImage]:
    return [RawImage(f"{row:03d}.png", encode_png(picture(row)), "a") for row in range(first, first + count)]


def rows_of(folder: Path, name: str) -> list[dict]:
    return pq.read_table(folder / name).to_pylist()


BAD = [
    RawImage("z <b>.png", b"", "a"),
    RawImage("cut.png", encode_png(picture(1, 64))[:500], "a"),
    RawImage("long.jpg", b"\xff\xd8\xff" + bytes(100_000), "a"),
    RawImage("lock\udcff.png", b"", "a", reason="unreadable"),
    RawImage("small.png", encode_png(picture(2, 200)[:4]), "a"),
    RawImage("notes", b"some text", "a", surely=False),
]


def test_what_cannot_be_used_is_kept_by_name_with_how_it_begins_or_what_it_shows(tmp_path):
    data = data_of("auto", bad_share_max=0.5, too_small="refuse")
    description = write_listing(Listing([RawImages(*good(), *BAD)], **LISTED), data, tmp_path)
    assert description.quarantine.model_dump() == {
        "count": 5, "file": "quarantine.parquet", "sha256": file_sha256(tmp_path / "quarantine.parquet"),
    }  # fmt: skip
    found = {row["source"]: row for row in rows_of(tmp_path, "quarantine.parquet")}
    assert list(found) == ["cut.png", "lock\\udcff.png", "long.jpg", "small.png", "z <b>.png"]
    cut, lock, long, small, empty = found.values()
    assert (cut["reason"], cut["width"], cut["height"], cut["bytes"]) == ("truncated", 64, 64, 500)
    assert cut["head"] == BAD[1].content
    assert (lock["reason"], lock["bytes"], lock["head"]) == ("unreadable", None, None)
    assert (long["bytes"], long["head"]) == (100_003, BAD[2].content[:HEAD])
    assert (empty["reason"], empty["bytes"], empty["head"], empty["width"]) == ("empty file", 0, b"", None)
    assert (small["reason"], small["width"], small["height"]) == ("too small: a side of fewer than 8 px", 200, 4)
    assert small["head"] is None
    with Image.open(BytesIO(small["thumbnail"])) as thumbnail:
        assert thumbnail.size == (64, 1)
    with (tmp_path / "left_out.csv").open(newline="") as file:
        assert {name for name, _ in csv.reader(file)} == {*found, "notes", "source"}


def test_the_order_of_the_source_changes_no_byte_of_the_quarantine(tmp_path):
    data = data_of("auto", bad_share_max=0.5)
    first = write_listing(Listing([RawImages(*good(), *BAD)], **LISTED), data, tmp_path / "a")
    parts = [RawImages(*BAD[::-1], identity="b"), RawImages(*good(), identity="a")]
    second = write_listing(Listing(parts, **LISTED), data, tmp_path / "b")
    assert first.quarantine == second.quarantine != NOTHING


def test_of_very_many_only_the_first_have_content(tmp_path, monkeypatch):
    monkeypatch.setattr(left_out, "PICTURED", 2)
    write_listing(Listing([RawImages(*good(), *BAD)], **LISTED), data_of("auto", bad_share_max=0.5), tmp_path)
    rows = rows_of(tmp_path, "quarantine.parquet")
    assert [(row["source"], row["bytes"], row["head"] is None) for row in rows] == [
        ("cut.png", 500, False), ("lock\\udcff.png", None, True), ("long.jpg", 100_003, True), ("z <b>.png", 0, True),
    ]  # fmt: skip


def test_where_nothing_is_wrong_nothing_of_an_earlier_ingest_stays(tmp_path):
    data = data_of("auto", bad_share_max=0.5, holdout_share=None)
    held = [RawImage(f"test/{row}.png", encode_png(picture(row)), "a", split="holdout") for row in range(20)]
    before = write_listing(Listing([RawImages(*good(130), *BAD, *held)], **LISTED), data, tmp_path)
    assert (before.quarantine.count, before.leaks.count) == (4, 20)
    after = write_listing(Listing([RawImages(*good(100, 20), *held)], **LISTED), data, tmp_path)
    assert after.quarantine == after.leaks == NOTHING
    assert not {"quarantine.parquet", "leaks.parquet", "left_out.csv"} & {path.name for path in tmp_path.iterdir()}


def test_files_beside_the_splits_are_no_part_of_them(tmp_path):
    data = data_of("auto", bad_share_max=0.5, too_small="refuse")
    write_listing(Listing([RawImages(*good(), *BAD)], **LISTED), data, tmp_path / "with")
    write_listing(Listing([RawImages(*good())], **LISTED), data, tmp_path / "without")
    assert describe(tmp_path / "with").digest == describe(tmp_path / "without").digest
    for split in ("train", "validation", "holdout"):
        for ours, theirs in zip(
            load_split(tmp_path / "with", split), load_split(tmp_path / "without", split), strict=True
        ):
            assert np.array_equal(ours, theirs)
        name = f"{split}-000000.parquet"
        assert (tmp_path / "with" / name).read_bytes() == (tmp_path / "without" / name).read_bytes()


def test_leaks_between_official_splits_are_kept_as_pairs(tmp_path):
    smooth = np.add.outer(np.arange(8) * 9, np.arange(8) * 20).astype(np.uint8)[..., None]
    held = [RawImage(f"test/{row:03d}.png", encode_png(picture(row)), "a", split="holdout") for row in range(200, 230)]
    checked = [
        RawImage(f"val/{row:03d}.png", encode_png(picture(row)), "a", split="validation") for row in range(300, 330)
    ]
    checked.append(RawImage("val/smooth.png", encode_png(smooth), "a", split="validation"))
    leaking = [
        RawImage("train/same.png", encode_png(picture(203)), "a"),
        RawImage("train/nearly.png", encode_png(smooth + np.uint8(1)), "a"),
    ]
    listing = Listing(
        [RawImages(*leaking, *good(), *held, *checked)], splits=("train", "validation", "holdout"), **LISTED
    )
    description = write_listing(listing, data_of("auto", validation_share=None, holdout_share=None), tmp_path)
    assert description.leaks.model_dump() == {
        "count": 2, "file": "leaks.parquet", "sha256": file_sha256(tmp_path / "leaks.parquet"),
    }  # fmt: skip
    nearly, same = rows_of(tmp_path, "leaks.parquet")
    assert (same["source"], same["reason"], same["other_source"]) == ("train/same.png", IN_HOLDOUT, "test/203.png")
    assert (same["split"], same["other_split"]) == ("train", "holdout")
    assert (nearly["source"], nearly["reason"], nearly["other_source"], nearly["other_split"]) == (
        "train/nearly.png", NEAR_VALIDATION, "val/smooth.png", "validation",
    )  # fmt: skip
    assert np.array_equal(decode_png(same["image"], 1), decode_png(same["other_image"], 1))
    assert np.array_equal(decode_png(nearly["image"], 1), smooth + np.uint8(1))
    assert np.array_equal(decode_png(nearly["other_image"], 1), smooth)


def test_duplicates_within_one_split_are_no_leaks(tmp_path):
    again = [RawImage("again.png", encode_png(picture(3)), "a")]
    description = write_listing(Listing([RawImages(*good(), *again)], **LISTED), data_of("auto"), tmp_path)
    assert description.left_out["duplicate"].count == 1
    assert description.leaks == NOTHING


@pytest.mark.parametrize("count", [1, 7])
def test_warnings_of_images_are_counted_with_their_first_names(tmp_path, count):
    odd = []
    for row in range(count):
        file = BytesIO()
        Image.fromarray(picture(500 + row)[..., 0]).save(file, "JPEG", quality=95, xmp=b"\xff\xfe")
        odd.append(RawImage(f"odd{row}.jpg", file.getvalue(), "a"))
    listing = Listing([RawImages(*good(), *odd)], warnings=["a sentence"], **LISTED)
    names = ", ".join(f"odd{row}.jpg" for row in range(min(count, 5))) + (", ..." if count > 5 else "")
    assert write_listing(listing, data_of("auto"), tmp_path).warnings == [
        "a sentence", f"{DAMAGED_XMP}: {count} images ({names})",
    ]  # fmt: skip
