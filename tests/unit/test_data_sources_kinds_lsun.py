"""LSUN's LMDB folders are read image by image; several categories are classes, and `_val` is the official validation split."""

import io
import sys
from pathlib import Path

import lmdb
import numpy as np
import pytest
from PIL import Image

from pipeline.base.errors import UserError
from pipeline.config.sources import Source
from pipeline.data.decode import decode
from pipeline.data.sources.kinds import lsun
from pipeline.data.sources.kinds.lsun import KIND as LSUN
from pipeline.data.sources.kinds.lsun import NO_CATEGORY
from pipeline.data.sources.location import Location, locate
from pipeline.data.sources.source import Listing, RawImage, Request
from pipeline.store.folder import Entry

WHITE = (255, 255, 255)


def encoded(seed: int, form: str = "WEBP", size: tuple[int, int] = (20, 12)) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(file, form, **({"quality": 90} if form != "PNG" else {}))
    return file.getvalue()


def key_of(number: int) -> bytes:
    """40 hexadecimal digits, as LSUN's keys have."""
    return f"{number:040x}".encode()


def write(path: Path, contents: dict[bytes, bytes]) -> Path:
    path.mkdir(parents=True)
    with lmdb.open(str(path), map_size=1 << 24) as environment, environment.begin(write=True) as transaction:
        for key, content in contents.items():
            transaction.put(key, content)
    return path


def write_small(path: Path, count: int = 4, start: int = 0) -> Path:
    return write(path, {key_of(number): encoded(start + number) for number in range(count)})


def request_of(path: Path) -> Request:
    location = locate(str(path), None, path, lambda _: None)
    return Request(location, Source(path=str(path), kind="lsun"), "auto", path, lambda _: None)


def listed(path: Path) -> Listing:
    request = request_of(path)
    assert LSUN.recognises(request.location)
    return LSUN.list_images(request)


def images_of(listing: Listing) -> list[RawImage]:
    return [image for part in listing.parts for image in part.images()]


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        LSUN.list_images(request_of(path))
    return str(caught.value)


def test_pixels_are_those_of_a_decode_of_what_was_written(tmp_path):
    contents = {key_of(3): encoded(0), key_of(1): encoded(1, "JPEG"), key_of(2): encoded(2, "PNG")}
    images = images_of(listed(write(tmp_path / "bedroom_train_lmdb", contents)))
    assert [image.name.encode() for image in images] == sorted(contents)
    for image in images:
        with Image.open(io.BytesIO(contents[image.name.encode()])) as reference:
            expected = np.asarray(reference.convert("RGB"))
        assert np.array_equal(np.asarray(decode(image.content, WHITE).picture), expected)


def test_one_database_has_no_labels_and_its_name_means_no_split(tmp_path):
    listing = listed(write_small(tmp_path / "bedroom_val_lmdb"))
    assert listing.splits == ("train",)
    assert {(image.label, image.split) for image in images_of(listing)} == {(None, "train")}


def test_val_is_the_official_validation_split_of_one_category(tmp_path):
    write_small(tmp_path / "bedroom_train_lmdb")
    write_small(tmp_path / "bedroom_val_lmdb", 2, start=100)
    listing = listed(tmp_path)
    assert set(listing.splits) == {"train", "validation"}
    assert sorted((image.name[:-40], image.label, image.split) for image in images_of(listing)) == [
        *[("bedroom_train_lmdb/", None, "train")] * 4, *[("bedroom_val_lmdb/", None, "validation")] * 2,
    ]  # fmt: skip


def test_several_categories_are_classes(tmp_path):
    for number, folder in enumerate(
        ("church_outdoor_train_lmdb", "church_outdoor_val_lmdb", "bedroom_train_lmdb", "bedroom_val_lmdb")
    ):
        write_small(tmp_path / folder, start=10 * number)
    write_small(tmp_path / "test_lmdb")
    listing = listed(tmp_path)
    assert {(image.label, image.split) for image in images_of(listing)} == {
        (label, split) for label in ("bedroom", "church_outdoor") for split in ("train", "validation")
    }
    assert listing.left_out == [("test_lmdb", NO_CATEGORY)]


def test_category_that_has_only_val_is_refused_by_name(tmp_path):
    for folder in ("bedroom_train_lmdb", "church_val_lmdb", "tower_train_lmdb"):
        write_small(tmp_path / folder)
    assert "has church_val_lmdb, but no church_train_lmdb" in refusal(tmp_path)


def test_parts_are_key_ranges_with_all_images_once(tmp_path, monkeypatch):
    monkeypatch.setattr(lsun, "PART_IMAGES", 10)
    path = write(tmp_path / "bedroom_train_lmdb", {key_of(number): b"x" for number in range(25)})
    listing = listed(path)
    assert [[image.name.encode() for image in part.images()] for part in listing.parts] == [
        [key_of(number) for number in some] for some in (range(10), range(10, 20), range(20, 25))
    ]
    assert len({part.identity for part in listing.parts}) == 3
    assert [part.identity for part in listed(path).parts] == [part.identity for part in listing.parts]


def test_a_database_that_was_written_to_has_other_parts(tmp_path):
    path = write_small(tmp_path / "bedroom_train_lmdb")
    before = {part.identity for part in listed(path).parts}
    with lmdb.open(str(path), map_size=1 << 24) as environment, environment.begin(write=True) as transaction:
        transaction.put(key_of(0), encoded(99))
    assert not before & {part.identity for part in listed(path).parts}


def test_nothing_is_written_into_the_folder(tmp_path):
    path = write_small(tmp_path / "bedroom_train_lmdb")
    (path / "lock.mdb").unlink()
    assert len(images_of(listed(path))) == 4
    assert [file.name for file in path.iterdir()] == ["data.mdb"]


@pytest.mark.parametrize("size", [0, 100, 4_096, 20_000])
def test_truncated_database_is_refused_by_name(tmp_path, size):
    path = write_small(tmp_path / "bedroom_train_lmdb", 40)
    content = (path / "data.mdb").read_bytes()
    assert len(content) > 20_000
    (path / "data.mdb").write_bytes(content[:size])
    message = refusal(path)
    assert message.startswith(f"{path / 'data.mdb'}: ")
    assert message.endswith("Get it again.")


def test_images_that_went_away_after_the_listing_are_counted(tmp_path):
    path = write_small(tmp_path / "bedroom_train_lmdb")
    listing = listed(path)
    with lmdb.open(str(path), map_size=1 << 24) as environment, environment.begin(write=True) as transaction:
        transaction.delete(key_of(3))
    assert [image.reason for image in images_of(listing)] == [None, None, None, "unreadable"]


def test_what_is_no_database_is_not_recognised(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(0, "PNG"))
    assert not LSUN.recognises(locate(str(tmp_path), None, tmp_path, lambda _: None))
    assert "has no data.mdb, but data.source.kind is lsun" in refusal(tmp_path)


def test_object_store_is_told_that_a_copy_is_needed(tmp_path):
    class Store:
        """Holds names alone, which is all that is asked for."""

        def entries(self, below):
            return {f"{below}data.mdb": Entry(1, 0.0)}

    url = "s3://bucket/bedroom_train_lmdb"
    request = Request(Location(Store(), None, url), Source(path=url, kind="lsun"), "auto", tmp_path, lambda _: None)
    with pytest.raises(UserError, match="copy the folder here"):
        LSUN.list_images(request)


def test_missing_package_is_named_with_how_to_get_it(tmp_path, monkeypatch):
    path = write_small(tmp_path / "bedroom_train_lmdb")
    monkeypatch.setitem(sys.modules, "lmdb", None)
    assert refusal(path) == "data.source.kind: lsun needs the package lmdb: pip install -e '.[lsun]'."
