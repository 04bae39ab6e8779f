"""Which folders are classes, splits, or there to hold the rest."""

import pytest

from pipeline.data import prepare
from pipeline.data.sources.layout import NO_IMAGE_INSIDE, layout_of
from pipeline.data.sources.tree import IMAGE_SUFFIXES


class Tree:
    """Holds one content under all names but a few."""

    def __init__(self, **contents):
        self.contents = contents

    def read_many(self, names):
        return (self.contents[name] for name in names)


def layout(*names, wrapped=False, **contents):
    return layout_of(Tree(**contents), names, IMAGE_SUFFIXES, wrapped=wrapped)


def groups(*names, wrapped=False):
    return set(layout(*names, wrapped=wrapped).groups)


@pytest.mark.parametrize("train", ["train", "Train"])
def test_splits_above_the_classes_are_the_official_ones(train):
    found = groups(f"{train}/cat/a.png", "val/cat/b.png", "test/dog/c.png")
    assert found == {("train", "cat"), ("validation", "cat"), ("holdout", "dog")}
    assert groups("train/a.png", "test/b.png") == {("train", None), ("holdout", None)}


@pytest.mark.parametrize(
    ("names", "warning"),
    [
        (
            ("train/a.png", "test/b.png", "bus/c.png"),
            "test, train are taken for classes, not splits: 'bus' stands beside them.",
        ),
        (("test/a.png", "val/b.png"), "test, val are taken for classes, not splits: there is no train beside them."),
    ],
)
def test_splits_that_do_not_stand_alone_are_classes(names, warning):
    found = layout(*names)
    assert set(found.groups) == {("train", name.split("/")[0]) for name in names}
    assert found.warnings[0] == warning


def test_one_folder_above_the_classes_is_stepped_over_and_told_of():
    found = layout("set/cat/a.png", "set/dog/b.png")
    assert set(found.groups) == {("train", "cat"), ("train", "dog")}
    assert found.warnings == ["All images lie below set, so the folders in it are taken for the classes."]
    assert groups("set/train/cat/a.png", "set/test/cat/b.png") == {("train", "cat"), ("holdout", "cat")}


def test_one_folder_of_images_is_a_class_unless_it_wraps_them():
    assert groups("cat/a.png", "cat/b.png") == {("train", "cat")}
    assert groups("cat/a.png", "cat/b.png", wrapped=True) == {("train", None)}
    assert groups("set/cat/a.png", "set/cat/b.png", wrapped=True) == {("train", "cat")}
    assert groups("a.png", wrapped=True) == {("train", None)}
    assert groups("train/a.png", wrapped=True) == {("train", None)}


def test_what_stands_beside_the_folders_is_looked_into():
    found = layout("set/cat/a.png", "set/dog/b.png", "set/LICENSE", wrapped=True, **{"set/LICENSE": b"Free for all"})
    assert set(found.groups) == {("train", "cat"), ("train", "dog")}
    assert found.left_out == [("set/LICENSE", NO_IMAGE_INSIDE)]
    image = b"P5 1 1 255 x"
    assert set(layout("cat/a.png", "dog/b", dog=image, **{"dog/b": image}).groups) == {
        ("train", "cat"),
        ("train", "dog"),
    }


def test_the_reason_is_the_one_that_is_no_fault_of_the_source():
    assert NO_IMAGE_INSIDE == prepare.IGNORED
