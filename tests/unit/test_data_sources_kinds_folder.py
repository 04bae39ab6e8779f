"""The source `folder` takes a folder of images."""

import pytest

from pipeline.base.errors import UserError
from pipeline.data.sources.kinds.folder import KIND as IMAGE_FOLDER
from pipeline.data.sources.location import locate
from tests.unit.image_trees import fill, labels, listed


def test_a_folder_is_recognised_and_a_file_is_not(tmp_path):
    fill(tmp_path, "cat/a.png")
    assert IMAGE_FOLDER.recognises(locate(str(tmp_path), None, tmp_path, print))
    assert not IMAGE_FOLDER.recognises(locate(str(tmp_path / "cat/a.png"), None, tmp_path, print))


def test_a_linked_folder_is_taken_as_it_is(tmp_path):
    fill(tmp_path, "set/cat/a.png", "set/dog/b.png")
    (tmp_path / "link").symlink_to("set")
    assert labels(listed(tmp_path / "link")) == {"cat/a.png": "cat", "dog/b.png": "dog"}


def test_a_file_is_refused_with_what_it_is(tmp_path):
    fill(tmp_path, "a.png")
    with pytest.raises(
        UserError, match=r"is a PNG image, but data\.source\.kind is auto, which wants a folder of images"
    ):
        listed(tmp_path / "a.png")
