"""A source of IDX files is read exactly as it is on disk, and refused where it does not fit its config."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.base.errors import UserError
from pipeline.config.schema import Data
from pipeline.config.sources import Source
from pipeline.data.sources import list_source
from tests.unit.idx_files import idx_labels

CLASSES = ["a", "b", "c", "d"]


@pytest.fixture
def folder(tmp_path, idx_contents):
    """A folder with the four small files, uncompressed."""
    (tmp_path / "images").mkdir()
    for name, content in idx_contents.items():
        (tmp_path / "images" / name).write_bytes(content)
    return tmp_path / "images"


def data_of(folder: Path, transposed: bool = False, **other) -> Data:
    source = Source(path=str(folder), transposed=transposed)
    return Data(**{"source": source, "size": 8, "channels": 1, "classes": CLASSES, "validation_share": 0.2, **other})


def parts_of(data: Data):
    kind, listing = list_source(data, Path("nowhere"), lambda _: None)
    assert kind == "idx"
    return listing.parts


def read(data: Data) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Pixels and labels of each split."""
    parts = parts_of(data)
    return {split: _joined([part for part in parts if part.split == split]) for split in ("train", "holdout")}


def _joined(parts) -> tuple[np.ndarray, np.ndarray]:
    if not parts:
        return np.empty(0), np.empty(0)
    return np.concatenate([part.pixels for part in parts]), np.concatenate([part.labels for part in parts])


def refusal(data: Data) -> str:
    with pytest.raises(UserError) as caught:
        read(data)
    return str(caught.value)


def test_folder_is_read_into_train_and_holdout(folder, idx_contents):
    for split, name in (("train", "train"), ("holdout", "t10k")):
        images, labels = read(data_of(folder))[split]
        assert images.tobytes() == idx_contents[f"{name}-images-idx3-ubyte"][16:]
        assert images.shape == ({"train": 40, "holdout": 20}[split], 8, 8, 1)
        assert labels.tolist() == [number % 4 for number in range(len(labels))]


def test_parts_tell_where_their_images_stand_and_differ_with_the_content(folder, idx_contents):
    def identities() -> list[str]:
        return [part.identity for part in parts_of(data_of(folder))]

    before = identities()
    (part, _) = parts_of(data_of(folder))
    assert [image.name for image in part.images()][:2] == ["train/0", "train/1"]
    assert identities() == before
    content = bytearray(idx_contents["train-images-idx3-ubyte"])
    content[-1] ^= 1
    (folder / "train-images-idx3-ubyte").write_bytes(content)
    assert not set(identities()) & set(before)


def test_gzipped_files_are_read_like_plain_ones(folder, idx_packed):
    plain = read(data_of(folder))
    name = "train-images-idx3-ubyte"
    (folder / name).unlink()
    (folder / f"{name}.gz").write_bytes(idx_packed[name])
    assert np.array_equal(read(data_of(folder))["train"][0], plain["train"][0])


def test_labels_of_another_number_than_the_images_are_refused_with_both_numbers(folder):
    (folder / "train-labels-idx1-ubyte").write_bytes(idx_labels(np.arange(39) % 4))
    message = refusal(data_of(folder))
    assert "train-images-idx3-ubyte has 40 images but train-labels-idx1-ubyte has 39 labels" in message


def test_images_and_labels_exchanged_are_refused_by_file(folder, idx_contents):
    (folder / "t10k-images-idx3-ubyte").write_bytes(idx_contents["t10k-labels-idx1-ubyte"])
    assert "t10k-images-idx3-ubyte: not an IDX file of images" in refusal(data_of(folder))


def test_missing_file_is_named(folder):
    (folder / "t10k-labels-idx1-ubyte").unlink()
    source = Source(path=str(folder), kind="idx")
    assert "has neither t10k-labels-idx1-ubyte nor t10k-labels-idx1-ubyte.gz" in refusal(data_of(folder, source=source))


def test_images_that_lie_on_their_side_are_turned_where_the_config_says_so(folder):
    lying = read(data_of(folder))["train"][0]
    standing = read(data_of(folder, transposed=True))["train"][0]
    assert np.array_equal(standing, lying.transpose(0, 2, 1, 3))
    assert not np.array_equal(standing, lying)


def test_files_of_emnist_are_recognised_and_their_classes_have_the_numbers_of_the_labels(folder):
    for name in [path.name for path in folder.iterdir()]:
        (folder / name).rename(folder / f"emnist-letters-{name.replace('t10k', 'test')}")
    for part, count in (("train", 40), ("test", 20)):
        labels = idx_labels(np.arange(count) % 4 + 1)
        (folder / f"emnist-letters-{part}-labels-idx1-ubyte").write_bytes(labels)
    _, listing = list_source(data_of(folder), Path("nowhere"), lambda _: None)
    assert listing.classes is None  # so that the labels, in digits, are the names
    assert {image.label for part in listing.parts for image in part.images()} == {1, 2, 3, 4}


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"validation_share": None}, "data.validation_share: null, but the source has no validation split"),
        (
            {"holdout_share": 0.2},
            "data.holdout_share: 0.2, but the source has an official holdout split; use null or auto",
        ),
    ],
)
def test_shares_that_do_not_fit_the_splits_are_refused(folder, other, message):
    assert message in refusal(data_of(folder, **other))


def test_digits_fill_the_whole_range_of_grey_and_have_no_official_holdout():
    _, listing = list_source(
        data_of(Path(), source=Source(kind="digits"), holdout_share=0.2), Path("nowhere"), lambda _: None
    )
    images, labels = _joined(listing.parts)
    assert images.shape == (1797, 8, 8, 1)
    assert (images.min(), images.max()) == (0, 255)
    assert set(labels.tolist()) == set(range(10))


def test_folder_of_images_is_refused_with_what_it_lacks_and_the_way_out(tmp_path):
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "1.png").write_bytes(b"image")
    data = Data(source=Source(kind="idx", path=str(tmp_path)), size=8)
    with pytest.raises(UserError, match=r"has none of these files, but data\.source\.kind is idx.*set kind: auto"):
        list_source(data, tmp_path, lambda _: None)
