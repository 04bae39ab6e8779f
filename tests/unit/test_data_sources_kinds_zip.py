"""A ZIP or tar archive of a folder is the same dataset as the folder."""

import gzip
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from pipeline.base.errors import UserError
from pipeline.config.schema import Data
from pipeline.config.sources import Source
from pipeline.data.sources import list_source, tree
from pipeline.data.sources.kinds.zip import KIND as ARCHIVE
from pipeline.data.sources.kinds.zip import format_of
from pipeline.data.sources.location import locate
from pipeline.data.sources.source import Request
from tests.unit.canonical_data import write_listing
from tests.unit.image_trees import fill, labels, listed, raw_images

FORMATS = ("zip", "tar", "gztar", "xztar", "bztar")


def dataset(path, tmp_path):
    """The kind of a source, and what ingest writes of it."""
    data = Data(
        source=Source(path=str(path)), size=8, validation_share=0.25, holdout_share=0.25, near_duplicates="keep"
    )
    kind, listing = list_source(data, tmp_path / "downloads", print)
    return kind, write_listing(listing, data, tmp_path / "out")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("set") / "flowers"
    fill(root, *(f"{name} ü/{number}.png" for name in ("a 1", "a 10", "a 2") for number in range(40)))
    (root / "a 10 ü/link.png").symlink_to("../a 1 ü/0.png")
    (root / "__MACOSX").mkdir()
    (root / "__MACOSX/._1.png").write_bytes(b"x")
    (root / "LICENSE").write_text("Free for all.")
    return root


def test_every_archive_of_a_folder_is_the_same_dataset(folder, tmp_path):
    kind, expected = dataset(folder, tmp_path)
    assert (kind, expected.classes) == ("folder", ["a 1 ü", "a 2 ü", "a 10 ü"])
    assert set(expected.left_out) == {
        "duplicate", "ignored: no image, by its content", "ignored: what desktops and editors leave behind",
    }  # fmt: skip
    for archive, root in (("zip", folder), ("zip", folder.parent), ("gztar", folder), ("tar", folder.parent)):
        path = tmp_path / f"{archive} of {root.name}"  # recognised by content
        shutil.move(shutil.make_archive(str(tmp_path / "made"), archive, root), path)
        kind, found = dataset(path, tmp_path)
        assert (kind, found.digest, found.classes) == ("zip", expected.digest, expected.classes)


def test_a_flat_folder_is_flat_in_an_archive(tmp_path):
    fill(tmp_path / "set/photos", "photo of a train.jpg", "test.png")
    for archive in FORMATS:
        for root in (tmp_path / "set", tmp_path / "set/photos"):
            path = shutil.make_archive(str(tmp_path / f"flat-{root.name}"), archive, root)
            found = listed(Path(path), ARCHIVE)
            assert set(labels(found).values()) == {None}
            assert (len(labels(found)), found.warnings, found.splits) == (2, [], ("train",))


@pytest.mark.parametrize("archive", FORMATS)
def test_contents_are_those_of_the_files(folder, tmp_path, archive):
    path = Path(shutil.make_archive(str(tmp_path / "set"), archive, folder))
    found = {image.name: image.content for image in raw_images(listed(path, ARCHIVE))}
    assert len(found) == 121
    assert all(content == (folder / name).read_bytes() for name, content in found.items())


@pytest.mark.parametrize("form", ["w:", "w:gz"])
def test_links_in_a_tar_are_followed(tmp_path, form):
    fill(tmp_path, "set/store/x1", "set/store/owls/o.png", "set/cat/a.png")
    for link, target in (
        ("cat/one.png", "../store/x1"), ("owl", "store/owls"), ("cat/gone.png", "nowhere"), ("cat/up", ".."),
    ):  # fmt: skip
        (tmp_path / "set" / link).symlink_to(target)
    (tmp_path / "set/cat/hard.png").hardlink_to(tmp_path / "set/store/x1")
    path = tmp_path / "set.tar"
    with tarfile.open(path, form) as archive:
        archive.add(tmp_path / "set", "set")
    found = listed(path, ARCHIVE)
    assert labels(found) == {
        "set/cat/a.png": "cat", "set/cat/hard.png": "cat", "set/cat/one.png": "cat", "set/owl/o.png": "owl",
        "set/store/owls/o.png": "store", "set/store/x1": "store",
    }  # fmt: skip
    assert found.left_out == [("set/cat/gone.png", "broken link"), ("set/cat/up", "a loop of links")]
    assert {image.name: image.content for image in raw_images(found)}["set/cat/one.png"] == (
        tmp_path / "set/store/x1"
    ).read_bytes()


def test_stylegans_archive(tmp_path):
    fill(tmp_path / "set", *(f"0000{number}/img.png" for number in range(3)))
    (tmp_path / "set/dataset.json").write_text('{"labels": [["00000/img.png", 3], ["00002/img.png", 1]]}')
    for root in (tmp_path / "set", tmp_path):
        path = shutil.make_archive(str(tmp_path.parent / f"{tmp_path.name}-{root.name}"), "zip", root)
        assert list(labels(listed(Path(path), ARCHIVE)).values()) == ["3", None, "1"]


def test_a_part_of_a_zip_stays_when_another_image_is_added(tmp_path, monkeypatch):
    monkeypatch.setattr(tree, "PART_IMAGES", 1)
    fill(tmp_path / "set", "cat/a.png", "dog/b.png")
    path = tmp_path / "set.zip"

    def parts():
        shutil.make_archive(str(tmp_path / "set"), "zip", tmp_path / "set")
        return {part.names[0]: part for part in listed(path, ARCHIVE).parts}

    before = parts()
    fill(tmp_path / "set", "a first one/x.png", "dog/c.png")
    after = parts()
    assert set(after) == {*before, "a first one/x.png", "dog/c.png"}
    assert all(after[name].identity == part.identity for name, part in before.items())
    assert list(after["cat/a.png"].tree.spans) == ["cat/a.png"]  # not the table of all


def test_a_compressed_tar_is_unpacked_once_for_each_version(tmp_path):
    fill(tmp_path / "set", "cat/a.png", "dog/b.png")
    path = tmp_path / "set.tar.gz"
    said = []

    def unpacked():
        location = locate(str(path), None, tmp_path, said.append)
        ARCHIVE.list_images(Request(location, Source(path=str(path)), "auto", tmp_path / "downloads", said.append))
        return [file for file in (tmp_path / "downloads").rglob("*") if file.is_file()]

    shutil.make_archive(str(tmp_path / "set"), "gztar", tmp_path / "set")
    (first,) = unpacked()
    assert unpacked() == [first]
    assert said == [f"unpacking {path}"]
    fill(tmp_path / "set", "dog/c.png")
    shutil.make_archive(str(tmp_path / "set"), "gztar", tmp_path / "set")
    (second,) = unpacked()
    assert second != first


def test_an_archive_that_went_away_gives_reasons(tmp_path):
    fill(tmp_path / "set", "cat/a.png", "dog/b.png")
    path = Path(shutil.make_archive(str(tmp_path / "set"), "zip", tmp_path / "set"))
    found = listed(path, ARCHIVE)
    path.unlink()
    assert [image.reason for image in raw_images(found)] == ["unreadable"] * 2


def test_what_is_no_archive_is_refused_with_what_it_is(tmp_path):
    fill(tmp_path, "a.zip")
    with pytest.raises(UserError, match=r"is a PNG image, but data\.source\.kind is auto, which wants a ZIP or tar"):
        listed(tmp_path / "a.zip", ARCHIVE)
    with pytest.raises(UserError, match=r"is a folder, but"):
        listed(tmp_path, ARCHIVE)


def test_compressed_files_that_are_no_tar_are_none_of_ours(tmp_path):
    (tmp_path / "labels.gz").write_bytes(gzip.compress(b"no tar" * 500))
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"x")[:9])
    for name in ("labels.gz", "cut.gz"):
        assert format_of(locate(str(tmp_path / name), None, tmp_path, print)) is None


def test_a_zip_without_files_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    with pytest.raises(UserError, match="is an empty ZIP archive"):
        listed(tmp_path / "empty.zip", ARCHIVE)
