"""The first line of a text file beside an image is its caption, read where the image is."""

import pytest

from pipeline.data.sources import tree
from pipeline.data.sources.captions import LARGEST_CAPTION, caption_files, first_line
from pipeline.data.sources.tree import NO_IMAGE
from pipeline.store.folder import Entry
from pipeline.store.local import LocalFolder
from tests.unit.tree_files import fill, images_of, listed


@pytest.mark.parametrize(
    ("content", "caption"),
    [
        (b"A red boot.\nUn botillon rouge.\n", "A red boot."),
        ("\ufeff\r\n  Étoile \r\nx".encode(), "Étoile"),
        (b"0 0.5 0.5 0.25 0.25\n", None),  # boxes, as detectors are trained with
        (b"", None),
        (b"\xffcaf\xe9", "\ufffdcaf\ufffd"),
    ],
)
def test_the_first_line_with_letters_is_the_caption(content, caption):
    assert first_line(content) == caption


def test_files_of_the_same_name_and_folder_belong_together():
    entries = {
        name: Entry(LARGEST_CAPTION + (name == "long.txt"), 0)
        for name in (
            "a.png",
            "a.txt",
            "d/b.v1.png",
            "d/b.v1.txt",
            "d/a.png",
            "README",
            "README.txt",
            "long.png",
            "long.txt",
        )
    }
    images = [name for name in entries if not name.endswith(".txt")]
    assert caption_files(images, entries) == {"a.png": "a.txt", "d/b.v1.png": "d/b.v1.txt", "README": "README.txt"}


def test_captions_are_read_by_the_part_and_not_before(tmp_path, monkeypatch):
    fill(tmp_path, "cat/a.png", "cat/b.png", "dog/c.png")
    (tmp_path / "cat/a.txt").write_text("A cat.")
    (tmp_path / "dog/c.txt").write_text("A dog.")
    (tmp_path / "dog/notes.txt").write_text("Mine.")
    with monkeypatch.context() as patched:
        patched.setattr(LocalFolder, "read", None)
        listing = listed(tmp_path)
    assert {name: (image.label, image.text) for name, image in images_of(listing).items()} == {
        "cat/a.png": ("cat", "A cat."), "cat/b.png": ("cat", None), "dog/c.png": ("dog", "A dog."),
    }  # fmt: skip
    assert listing.left_out == [("dog/notes.txt", NO_IMAGE)]
    assert images_of(listed(tmp_path, text="none"))["cat/a.png"].text is None


def test_metadata_come_before_text_files(tmp_path):
    fill(tmp_path, "a.png", "b.png")
    (tmp_path / "metadata.csv").write_text("file_name,text\na.png,from the table\nb.png,\n")
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text("from the file")
    assert [image.text for image in images_of(listed(tmp_path)).values()] == ["from the table", "from the file"]


def test_a_changed_caption_changes_its_part_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(tree, "PART_IMAGES", 1)
    fill(tmp_path, "cat/a.png", "dog/b.png")
    (tmp_path / "cat/a.txt").write_text("A cat.")
    before = [part.identity for part in listed(tmp_path).parts]
    (tmp_path / "cat/a.txt").write_text("A fine cat.")
    after = [part.identity for part in listed(tmp_path).parts]
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True]
