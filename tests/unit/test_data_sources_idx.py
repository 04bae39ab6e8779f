"""IDX files are read exactly, and a damaged one is never taken for another dataset."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from pipeline.base.errors import UserError
from pipeline.data.sources import idx
from pipeline.data.sources.idx import parse_images, parse_labels, read_idx
from pipeline.store.local import LocalFolder
from tests.unit.idx_files import idx_images, idx_labels

NAME = "train-images-idx3-ubyte"
WHERE = f"folder/{NAME}"


def read(folder: Path, name: str = NAME) -> tuple[str, bytes]:
    return read_idx(LocalFolder(folder), "images", name)


@given(images=arrays(np.uint8, array_shapes(min_dims=3, max_dims=3, min_side=0, max_side=5)))
@settings(deadline=None)
def test_images_come_back_pixel_by_pixel_with_a_channel_axis(images):
    parsed = parse_images(idx_images(images), WHERE)
    assert parsed.shape == (*images.shape, 1)
    assert np.array_equal(parsed[..., 0], images)


@given(labels=arrays(np.uint8, st.integers(0, 50)))
@settings(deadline=None)
def test_labels_come_back_as_int64(labels):
    parsed = parse_labels(idx_labels(labels), WHERE)
    assert parsed.dtype == np.int64
    assert np.array_equal(parsed, labels)


@given(cut=st.integers(0, 16 + 3 * 4 * 5 - 1))
def test_images_cut_anywhere_are_refused_as_truncated(cut):
    with pytest.raises(UserError, match=f"^folder/{NAME}: truncated: {cut} bytes"):
        parse_images(idx_images(np.ones((3, 4, 5), np.uint8))[:cut], WHERE)


@given(cut=st.integers(0, 8 + 5 - 1))
def test_labels_cut_anywhere_are_refused_as_truncated(cut):
    with pytest.raises(UserError, match=f"truncated: {cut} bytes"):
        parse_labels(idx_labels(np.ones(5, np.uint8))[:cut], WHERE)


def test_bytes_after_the_last_image_are_refused():
    with pytest.raises(UserError, match=r"too long: 77 bytes, its header promises 76"):
        parse_images(idx_images(np.ones((3, 4, 5), np.uint8)) + b"\0", WHERE)


def test_header_that_promises_more_than_fits_in_memory_is_refused_without_trying():
    content = np.array([2051, 2**32 - 1, 2**32 - 1, 2**32 - 1], ">u4").tobytes() + b"pixels"
    with pytest.raises(UserError, match="truncated"):
        parse_images(content, WHERE)


def test_labels_given_as_images_are_refused_with_both_magic_numbers():
    with pytest.raises(UserError, match=r"not an IDX file of images: its first number is 2049, expected 2051"):
        parse_images(idx_labels(np.ones(100, np.uint8)), WHERE)
    with pytest.raises(UserError, match=r"not an IDX file of labels: its first number is 2051, expected 2049"):
        parse_labels(idx_images(np.ones((1, 2, 3), np.uint8)), WHERE)


def test_gzipped_and_plain_file_are_read_alike(tmp_path, idx_contents, idx_packed):
    for folder, files, ending in (("plain", idx_contents, ""), ("packed", idx_packed, ".gz")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{NAME}{ending}").write_bytes(files[NAME])
        assert read(tmp_path / folder) == (f"{NAME}{ending}", idx_contents[NAME])


PACKED = gzip.compress(idx_labels(np.arange(200) % 7), mtime=0)


def labels_of(folder: Path, packed: bytes) -> np.ndarray:
    folder = folder / "labels"
    folder.mkdir(exist_ok=True)
    (folder / "labels.gz").write_bytes(packed)
    name, content = read(folder, "labels")
    return parse_labels(content, name)


@given(cut=st.integers(0, len(PACKED) - 1))
@settings(deadline=None)
def test_gzip_file_cut_anywhere_is_refused_by_name(tmp_path_factory, cut):
    with pytest.raises(UserError, match=r"labels\.gz: truncated"):
        labels_of(tmp_path_factory.getbasetemp(), PACKED[:cut])


@given(place=st.integers(0, len(PACKED) - 1), flip=st.integers(1, 255))
@settings(deadline=None, max_examples=200)
def test_gzip_file_with_a_changed_byte_gives_the_same_labels_or_is_refused(tmp_path_factory, place, flip):
    changed = bytearray(PACKED)
    changed[place] ^= flip
    read, refused = None, ""
    try:
        read = labels_of(tmp_path_factory.getbasetemp(), bytes(changed))
    except UserError as error:
        refused = str(error)
    assert "labels.gz" in refused or np.array_equal(read, np.arange(200) % 7)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>404 Not Found</html>", r"is no gzip file, but an HTML page.*\. Get the file itself\."),
        (b"PK\x03\x04 and more", r"is no gzip file, but a ZIP archive\. Get"),
        (
            idx_labels(np.arange(200) % 7),
            r"is an uncompressed IDX file of labels, no gzip file\. Take \.gz from its name",
        ),
        (b"anything", "truncated or damaged gzip file"),
    ],
    ids=["page", "archive", "idx", "unknown"],
)
def test_what_is_no_gzip_file_is_named(tmp_path, content, message):
    with pytest.raises(UserError, match=rf"labels\.gz: {message}"):
        labels_of(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (PACKED, r"no IDX file of labels, but a gzip file\. Add \.gz to its name"),
        (b"<!DOCTYPE html>", "no IDX file of labels, but an HTML page"),
    ],
    ids=["gzip", "page"],
)
def test_what_is_no_idx_file_is_named(content, message):
    with pytest.raises(UserError, match=f"is {message}"):
        parse_labels(content, WHERE)


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_the_spelling_with_a_dot_is_read_too(tmp_path, idx_contents, idx_packed, ending):
    name = f"train-images.idx3-ubyte{ending}"
    (tmp_path / name).write_bytes((idx_packed if ending else idx_contents)[NAME])
    assert read(tmp_path) == (name, idx_contents[NAME])


def test_both_spellings_are_taken_where_they_agree_and_refused_where_not(tmp_path, idx_contents, idx_packed):
    (tmp_path / NAME).write_bytes(idx_contents[NAME])
    (tmp_path / "train-images.idx3-ubyte.gz").write_bytes(idx_packed[NAME])
    assert read(tmp_path) == (NAME, idx_contents[NAME])
    (tmp_path / "train-images.idx3-ubyte").write_bytes(idx_contents[NAME][:-1] + b"\x01")
    with pytest.raises(UserError, match=rf"{NAME} and .*train-images\.idx3-ubyte differ\. Remove the wrong one"):
        read(tmp_path)


def test_gzip_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(idx, "LARGEST_CONTENT", 1 << 20)
    with pytest.raises(UserError, match=r"labels\.gz: unpacks to more than .* refused"):
        labels_of(tmp_path, gzip.compress(bytes((1 << 20) + 1)))


def test_missing_file_is_told_with_what_is_there(tmp_path):
    (tmp_path / "MNIST-train.zip").touch()
    with pytest.raises(UserError, match=rf"images has neither {NAME} nor {NAME}\.gz .*\. It has MNIST-train\.zip\."):
        read(tmp_path)


def test_files_with_the_prefix_of_emnist_are_found(tmp_path, idx_contents, idx_packed):
    for name, file in (
        (NAME, f"emnist-letters-{NAME}.gz"),
        ("t10k-labels-idx1-ubyte", "emnist-letters-test-labels-idx1-ubyte.gz"),
    ):
        (tmp_path / file).write_bytes(idx_packed[name])
        assert read(tmp_path, name) == (file, idx_contents[name])


def test_a_folder_of_several_sets_is_refused_with_their_names(tmp_path, idx_packed):
    for prefix in ("emnist-letters-", "emnist-digits-"):
        (tmp_path / f"{prefix}{NAME}.gz").write_bytes(idx_packed[NAME])
    with pytest.raises(UserError, match=r"files of 2 sets, which begin with emnist-digits-, emnist-letters-\. Move"):
        read(tmp_path)
