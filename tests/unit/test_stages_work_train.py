"""What the stage leaves beside its model."""

from pathlib import Path

from stages.work.train import pictures_in


def test_what_a_mac_leaves_beside_pictures_is_neither_copied_nor_removed(tmp_path: Path) -> None:
    for name in ("interpolation.png", "curves.png", "._curves.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in pictures_in(tmp_path)] == ["curves.png", "interpolation.png"]
