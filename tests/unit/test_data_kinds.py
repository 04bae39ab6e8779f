"""Files are told apart by their first bytes, as real writers write them."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from pipeline.data.kinds import kind_of
from tests.unit.idx_files import idx_images, idx_labels


def archive(kind: str) -> bytes:
    file = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as packed:
            packed.writestr("name", b"content")
    else:
        with tarfile.open(fileobj=file, mode="w") as packed:
            packed.addfile(tarfile.TarInfo("name"))
    return file.getvalue()


def picture(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("L", (4, 4)).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><title>404", "an HTML page"),
        (b"\xef\xbb\xbf\r\n <HTML lang='en'>", "an HTML page"),
        (b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">', "an HTML page"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied', "JSON or XML"),
        (b'{"error": "no such file"}', "JSON or XML"),
        (gzip.compress(b"x", mtime=0), "a gzip file"),
        (bz2.compress(b"x"), "a bzip2 file"),
        (lzma.compress(b"x"), "an xz file"),
        (archive("zip"), "a ZIP archive"),
        (archive("tar"), "a tar archive"),
        (picture("PNG"), "a PNG image"),
        (picture("JPEG"), "a JPEG image"),
        (idx_labels(np.zeros(3, np.int64)), "an uncompressed IDX file of labels"),
        (idx_images(np.zeros((3, 2, 2), np.uint8)), "an uncompressed IDX file of images"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
    ],
)
def test_a_file_is_named_by_its_first_bytes(content, kind):
    assert kind_of(content).startswith(kind)


@pytest.mark.parametrize("content", [b"\1", b"hello", bytes(600), b"\xff" * 600])
def test_of_anything_else_nothing_is_said(content):
    assert kind_of(content) is None
