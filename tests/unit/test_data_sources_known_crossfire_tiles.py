"""Crossfire's archive gives the pictures of eight classes with the pixels of the files that were put in."""

import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.base.errors import UserError
from pipeline.config.sources import Source
from pipeline.data.decode import decode
from pipeline.data.sources import KNOWN_DATASETS, debian
from pipeline.data.sources.known.crossfire_tiles import ARCHIVE, OF_OTHER_SIZE, OF_SMALL, OF_UNRELATED, PACKAGE
from pipeline.data.sources.location import Location
from pipeline.data.sources.source import Listing, Request
from pipeline.store.local import LocalFolder

WHITE = (255, 255, 255)


def png(seed: int, size: tuple[int, int] = (32, 32), mode: str = "RGBA") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 4), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, "PNG")
    return file.getvalue()


def archive(pictures: dict[str, bytes]) -> bytes:
    """As the game's server writes it for its clients."""
    return b"".join(f"IMAGE {len(content)} ./arch/{name}\n".encode() + content for name, content in pictures.items())


def listed(content: bytes, downloads: Path) -> Listing:
    """Of an archive in place of the one that is fetched."""
    path = downloads / PACKAGE.name / ARCHIVE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    source = Source(kind="known", path="crossfire-tiles")
    location = Location(LocalFolder(downloads), None, "crossfire-tiles")
    return KNOWN_DATASETS["crossfire-tiles"](Request(location, source, "auto", downloads, lambda _: None))


@pytest.fixture(autouse=True)
def nothing_installed(tmp_path, monkeypatch):
    """Whatever this machine has: its own package would come first."""
    monkeypatch.setattr(debian, "SYSTEM", tmp_path / "system")


PICTURES = {
    "system/bug.111": png(0),
    "wall/brick/b.x11": png(1, mode="P"),
    "monster/giant/g.x11": png(2),
    "monster/giant/big.x11": png(3, (64, 64)),
    "road/r.x11": png(4),
    "monster/a.x12": png(5, mode="LA"),
}


def test_pictures_come_with_their_class_and_the_bytes_that_were_put_in(tmp_path):
    images = [image for part in listed(archive(PICTURES), tmp_path).parts for image in part.images()]
    assert [(image.name, image.label) for image in images] == [
        ("monster/giant/g.x11", "monster"), ("monster/a.x12", "monster"), ("wall/brick/b.x11", "wall"),
    ]  # fmt: skip
    for image in images:
        with Image.open(io.BytesIO(PICTURES[image.name])) as reference:
            rgba = reference.convert("RGBA")
        expected = Image.alpha_composite(Image.new("RGBA", (32, 32), WHITE), rgba).convert("RGB")
        assert np.array_equal(np.asarray(decode(image.content, WHITE).picture.convert("RGB")), np.asarray(expected))


def test_what_is_left_out_is_named_with_its_reason(tmp_path):
    assert sorted(listed(archive(PICTURES), tmp_path).left_out) == [
        ("monster/giant/big.x11", OF_OTHER_SIZE), ("road/r.x11", OF_SMALL), ("system/bug.111", OF_UNRELATED),
    ]  # fmt: skip


def test_provenance_and_another_version_than_the_known_one_are_told(tmp_path):
    listing = listed(archive(PICTURES), tmp_path)
    assert (listing.name, listing.licence) == (
        "Crossfire tiles (Debian package crossfire-client-images)",
        "GPL-2.0-or-later",
    )
    (warning,) = listing.warnings
    assert "another version of the package than 1.70.0" in warning


def test_many_pictures_are_parts_whose_identity_goes_with_the_archive(tmp_path):
    tile = png(1)
    pictures = {f"wall/{number}.x11": tile for number in range(1_100)}
    parts = listed(archive(pictures), tmp_path).parts
    assert [len(list(part.images())) for part in parts] == [500, 500, 100]
    again = listed(archive(pictures), tmp_path).parts
    other = listed(archive({**pictures, "wall/last.x11": tile}), tmp_path).parts
    assert [part.identity for part in again] == [part.identity for part in parts]
    assert not {part.identity for part in other} & {part.identity for part in parts}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (archive(PICTURES)[:-1], "truncated in the picture at byte"),
        (b"<html>Please log in</html>", "no header line at byte 0"),
        (archive({"wall/a.x11": png(1)}) + b"IMAGE many ./arch/wall/b.x11\n", "no header line at byte"),
        (b"IMAGE " + b"9" * 5_000, "no header line at byte 0"),
    ],
)
def test_damaged_archive_is_refused_with_the_place(tmp_path, content, message):
    with pytest.raises(UserError, match=message):
        listed(content, tmp_path)


def test_the_package_itself_has_the_classes_that_the_docs_name(tmp_path):
    path = Path("/") / ARCHIVE
    if not path.exists():
        pytest.skip("crossfire-client-images is not installed on this machine")
    images = [image for part in listed(path.read_bytes(), tmp_path).parts for image in part.images()]
    assert min(Counter(image.label for image in images).values()) >= 120
