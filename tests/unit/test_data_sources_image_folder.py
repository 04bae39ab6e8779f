"""Folders of image files become parts of one class each; a file more or less changes its own part alone."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.config.sources import ImageFolderSource
from pipeline.data.sources.image_folder import LARGEST_PART, list_image_folder
from pipeline.data.sources.source import Listing, RawImage
from pipeline.errors import UserError


def fill(folder: Path, *names: str) -> None:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 4), number % 256, np.uint8)).save(folder / name)


def listed(folder: Path) -> Listing:
    return list_image_folder(ImageFolderSource(kind="folder", path=str(folder)))


def images_of(folder: Path) -> list[RawImage]:
    return [image for part in listed(folder).parts for image in part.images()]


def test_folders_are_classes(tmp_path):
    fill(tmp_path, "dog/b.png", "cat/a.PNG", "dog/deep/c.jpg")
    found = images_of(tmp_path)
    assert [(image.name, image.label, image.split) for image in found] == [
        ("cat/a.PNG", "cat", "train"), ("dog/b.png", "dog", "train"), ("dog/deep/c.jpg", "dog", "train"),
    ]  # fmt: skip
    assert found[0].content == (tmp_path / "cat/a.PNG").read_bytes()


def test_one_flat_folder_has_no_labels(tmp_path):
    fill(tmp_path, "b.png", "a.webp")
    assert [(image.name, image.label) for image in images_of(tmp_path)] == [("a.webp", None), ("b.png", None)]


def test_splits_above_the_classes_are_the_official_ones(tmp_path):
    fill(tmp_path, "train/cat/a.png", "val/cat/b.png", "test/dog/c.png")
    assert {(image.name, image.label, image.split) for image in images_of(tmp_path)} == {
        ("train/cat/a.png", "cat", "train"), ("val/cat/b.png", "cat", "validation"), ("test/dog/c.png", "dog", "holdout"),
    }  # fmt: skip
    assert set(listed(tmp_path).splits) == {"train", "validation", "holdout"}


def test_classes_that_are_called_test_without_a_train_are_classes(tmp_path):
    fill(tmp_path, "test/a.png", "rest/b.png")
    assert {image.label for image in images_of(tmp_path)} == {"test", "rest"}


def test_other_files_are_told_of_and_hidden_ones_are_not(tmp_path):
    fill(tmp_path, "cat/a.png", ".trash/b.png", "__MACOSX/cat/a.png")
    (tmp_path / "cat/notes.txt").write_text("x")
    for name in (".DS_Store", "Thumbs.db", "desktop.ini"):
        (tmp_path / "cat" / name).write_text("x")
    assert [image.name for image in images_of(tmp_path)] == ["cat/a.png"]
    assert listed(tmp_path).left_out == [("cat/notes.txt", "no image, by its name")]


def test_a_file_that_went_away_has_a_reason(tmp_path):
    fill(tmp_path, "cat/a.png", "cat/b.png")
    (part,) = listed(tmp_path).parts
    (tmp_path / "cat/a.png").unlink()
    assert [image.reason for image in part.images()] == ["unreadable", None]


def test_a_new_file_changes_one_part_and_removing_it_restores_all(tmp_path):
    fill(tmp_path, *(f"cat/{number:05}.png" for number in range(3000)))
    before = [part.identity for part in listed(tmp_path).parts]
    assert len(before) > 2
    fill(tmp_path, "cat/01500a.png")
    after = [part.identity for part in listed(tmp_path).parts]
    assert len(set(before) - set(after)) == 1
    (tmp_path / "cat/01500a.png").unlink()
    assert [part.identity for part in listed(tmp_path).parts] == before


def test_parts_are_bounded(tmp_path):
    fill(tmp_path, *(f"{number}.png" for number in range(3000)))
    assert max(len(list(part.images())) for part in listed(tmp_path).parts) <= LARGEST_PART


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


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_without_images_is_refused(tmp_path, there):
    folder = tmp_path / "images"
    if there:
        folder.mkdir()
    with pytest.raises(UserError, match="no image files below it"):
        listed(folder)
