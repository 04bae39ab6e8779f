"""Trees of image files become parts; a file more or less changes its own part alone."""

import unicodedata

import pyarrow as pa
import pytest

from pipeline.base.errors import UserError
from pipeline.data.decode import LARGEST_FILE
from pipeline.data.labelling import number_labels
from pipeline.data.sources.tree import JUNK, LARGEST_PART, NO_IMAGE, TOO_LARGE
from tests.unit.image_trees import fill, labels, listed, raw_images, save_image


def classes(listing):
    found = [image.label for image in raw_images(listing)]
    return number_labels(pa.chunked_array([pa.array(found, pa.string())]), listing.classes, None).classes


def test_folders_are_classes(tmp_path):
    fill(tmp_path, "dog/b.png", "cat/a.PNG", "dog/deep/c.jpg")
    found = raw_images(listed(tmp_path))
    assert [(image.name, image.label, image.split) for image in found] == [
        ("cat/a.PNG", "cat", "train"), ("dog/b.png", "dog", "train"), ("dog/deep/c.jpg", "dog", "train"),
    ]  # fmt: skip
    assert found[0].content == (tmp_path / "cat/a.PNG").read_bytes()


def test_a_class_is_the_folder_that_a_link_is_in(tmp_path):
    """huggingface/datasets#5098."""
    fill(tmp_path, "store/x1", "store/x2.png", "store/owls/o.png")
    root = tmp_path / "set"
    for folder in ("cat", "dog"):
        (root / folder).mkdir(parents=True)
    (root / "cat/one").symlink_to(tmp_path / "store/x1")  # no ending: read by content
    (root / "dog/two.png").symlink_to("../../store/x2.png")
    (root / "owl").symlink_to(tmp_path / "store/owls")
    (root / "dog/gone.png").symlink_to("nowhere.png")
    (root / "dog/round").symlink_to("..")
    listing = listed(root)
    assert labels(listing) == {"cat/one": "cat", "dog/two.png": "dog", "owl/o.png": "owl"}
    assert listing.left_out == [("dog/gone.png", "broken link"), ("dog/round", "a loop of links")]
    assert raw_images(listing)[0].content == (tmp_path / "store/x1").read_bytes()


def test_a_class_that_test_lacks_renumbers_nothing(tmp_path):
    """ultralytics#13936."""
    fill(tmp_path, *(f"train/{angle}/{n}.png" for angle in (0, 90, 180, 270) for n in range(2)))
    fill(tmp_path, *(f"test/{angle}/t.png" for angle in (0, 90, 270)))
    before = listed(tmp_path)
    (tmp_path / "test/180").mkdir()
    after = listed(tmp_path)
    assert classes(before) == classes(after) == ["0", "90", "180", "270"]
    assert before == after
    assert {image.name: image.label for image in raw_images(after) if image.split == "holdout"} == {
        "test/0/t.png": "0", "test/90/t.png": "90", "test/270/t.png": "270",
    }  # fmt: skip


def test_names_that_are_numbers_keep_their_pictures(tmp_path):
    """pytorch/vision#714."""
    for number in range(12):
        (tmp_path / str(number)).mkdir()
        save_image(tmp_path / str(number) / "a.png", number)
    fill(tmp_path, "001/a.png", "010/a.png")
    listing = listed(tmp_path)
    assert classes(listing) == ["0", "001", "1", *map(str, range(2, 10)), "010", "10", "11"]
    assert all(image.label == image.name.split("/")[0] for image in raw_images(listing))


def test_words_in_file_names_mean_nothing(tmp_path):
    """huggingface/datasets#5021."""
    fill(tmp_path, "photo of a train.jpg", "photo of test tubes.jpg", "train", "test")
    listing = listed(tmp_path)
    assert listing.splits == ("train",)
    assert {(image.label, image.split) for image in raw_images(listing)} == {(None, "train")}


def test_each_image_comes_once_and_junk_is_told_of(tmp_path):
    """cleanvision#197."""
    fill(tmp_path, "x/a.JPG", "x/b.Jpeg", "y/c.PNG", "__MACOSX/x/a.png", ".ipynb_checkpoints/d.png", "x/._e.png")
    for name in ("Thumbs.db", "y/.DS_Store", "y/notes.txt"):
        (tmp_path / name).write_bytes(b"junk")
    listing = listed(tmp_path)
    assert labels(listing) == {"x/a.JPG": "x", "x/b.Jpeg": "x", "y/c.PNG": "y"}
    junk = [".ipynb_checkpoints/d.png", "Thumbs.db", "__MACOSX/x/a.png", "x/._e.png", "y/.DS_Store"]
    assert sorted(listing.left_out) == [*((name, JUNK) for name in junk), ("y/notes.txt", NO_IMAGE)]


def test_two_spellings_of_a_name_are_one_class(tmp_path):
    names = [unicodedata.normalize(form, "Käse 猫") for form in ("NFC", "NFD")]
    fill(tmp_path, *(f"{name}/{number}.png" for number, name in enumerate(names)), "b/c.png")
    listing = listed(tmp_path)
    assert classes(listing) == ["Käse 猫", "b"]
    assert "2 folders are named Käse 猫" in listing.warnings[0]
    assert len(raw_images(listing)) == 3


def test_a_name_that_is_no_text_is_shown_as_one(tmp_path):
    fill(tmp_path, "b/\udcff.png", "a\udce9/x.png")
    assert labels(listed(tmp_path)) == {"b/\\xff.png": "b", "a\\xe9/x.png": "a\\xe9"}


def test_a_file_that_is_far_too_large_is_not_read(tmp_path):
    fill(tmp_path, "cat/a.png", "cat/b.png")
    with (tmp_path / "cat/b.png").open("r+b") as file:
        file.truncate(LARGEST_FILE + 1)
    listing = listed(tmp_path)
    assert (list(labels(listing)), listing.left_out) == (["cat/a.png"], [("cat/b.png", TOO_LARGE)])


def test_a_file_that_went_away_has_a_reason(tmp_path):
    fill(tmp_path, "cat/a.png", "cat/b.png")
    (part,) = listed(tmp_path).parts
    (tmp_path / "cat/a.png").unlink()
    assert [image.reason for image in part.images()] == ["unreadable", None]


def test_a_new_file_changes_one_part_and_removing_it_restores_all(tmp_path):
    (tmp_path / "cat").mkdir()
    for number in range(3000):
        (tmp_path / f"cat/{number:05}.png").write_bytes(b"some")
    before = [part.identity for part in listed(tmp_path).parts]
    assert len(before) > 4
    (tmp_path / "cat/01500a.png").write_bytes(b"some")
    after = [part.identity for part in listed(tmp_path).parts]
    assert len(set(before) - set(after)) == 1
    assert max(len(list(part.images())) for part in listed(tmp_path).parts) <= LARGEST_PART
    (tmp_path / "cat/01500a.png").unlink()
    assert [part.identity for part in listed(tmp_path).parts] == before


def test_many_small_classes_share_parts(tmp_path):
    fill(tmp_path, *(f"class {number:03}/a.png" for number in range(50)))
    (part,) = listed(tmp_path).parts
    assert [image.label for image in part.images()] == [f"class {number:03}" for number in range(50)]


def test_changed_content_changes_the_part(tmp_path):
    fill(tmp_path, "cat/a.png")
    (before,) = listed(tmp_path).parts
    (tmp_path / "cat/a.png").write_bytes(b"other")
    (after,) = listed(tmp_path).parts
    assert before.identity != after.identity


def test_images_beside_the_folders_of_classes_are_refused(tmp_path):
    fill(tmp_path, "cat/a.png", "loose.png")
    with pytest.raises(UserError, match=r"has folders \(cat\) and images beside them \(loose\.png\)"):
        listed(tmp_path)


@pytest.mark.parametrize("names", [[], [".hidden/a.png", "notes.txt"]])
def test_a_folder_without_images_is_refused(tmp_path, names):
    folder = tmp_path / "images"
    folder.mkdir()
    fill(folder, *names)
    with pytest.raises(UserError, match="no image files below it"):
        listed(folder)
