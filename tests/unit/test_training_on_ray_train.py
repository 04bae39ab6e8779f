"""What the stage leaves beside its model."""

from pathlib import Path

from pipeline.config import load_preset
from pipeline.training_on_ray.train import pictures_in, warnings_of_little


def test_what_a_mac_leaves_beside_pictures_is_neither_copied_nor_removed(tmp_path: Path) -> None:
    for name in ("interpolation.png", "curves.png", "._curves.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in pictures_in(tmp_path)] == ["curves.png", "interpolation.png"]


def test_fewer_images_than_a_batch_are_trained_on_with_a_warning() -> None:
    config = load_preset("digits", ["train.batch_size=64", "train.total_images=64000"])
    assert warnings_of_little(64, config) == []
    assert warnings_of_little(40, config) == [
        "40 training images, fewer than train.batch_size 64: every batch holds some of them more than once, and each is shown about "
        "1,600 times. Expect copies of them"
    ]
