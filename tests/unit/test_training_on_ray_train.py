"""What the stage says of its data, and what it leaves beside its model."""

from pathlib import Path

from pipeline.config import load_preset
from pipeline.training_on_ray.train import remarks, sample_images_in, warnings_of_little
from tests.unit.canonical_data import described


def test_what_a_mac_leaves_beside_pictures_is_neither_copied_nor_removed(tmp_path: Path) -> None:
    for name in ("interpolation.png", "curves.png", "._curves.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in sample_images_in(tmp_path)] == ["curves.png", "interpolation.png"]


def test_fewer_images_than_a_batch_are_trained_on_with_a_warning() -> None:
    config = load_preset("digits", ["train.batch_size=64", "train.total_images=64000"])
    assert warnings_of_little(64, config) == []
    assert warnings_of_little(40, config) == [
        "40 training images, fewer than train.batch_size 64: every batch holds some of them more than once, and each is shown about "
        "1,600 times. Expect copies of them"
    ]


def test_enough_images_of_several_classes_are_not_remarked_on() -> None:
    assert list(remarks(load_preset("digits"), described(10, 5_000, 1_000, 1_000))) == []


def test_one_class_and_few_images_are_said_before_anything_is_trained() -> None:
    one_class, few_to_train, few_to_judge = remarks(load_preset("digits"), described(1, 3, 3, 3))
    assert one_class.startswith("one class only: the networks are not conditioned on it")
    assert few_to_train.startswith("warning: 3 training images, fewer than train.batch_size")
    assert few_to_judge.startswith("warning: measured on 3 validation images")
