"""A training run's state on disk."""

import io
import logging
import pickle
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.training.checkpoint import KEEP, load_newest_checkpoint, save_checkpoint


def state(images_seen: int) -> dict[str, object]:
    return {"images_seen": images_seen, "weights": torch.full((3,), float(images_seen)), "history": [{"loss": 0.5}]}


def save(folder: Path, *steps: int) -> list[Path]:
    for images_seen in steps:
        save_checkpoint(folder, images_seen, state(images_seen))
    return sorted(folder.iterdir())


def loaded(folder: Path) -> int | None:
    found = load_newest_checkpoint(folder)
    return None if found is None else found["images_seen"]


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    save(tmp_path, 100)
    found = load_newest_checkpoint(tmp_path)
    assert found is not None
    assert torch.equal(found.pop("weights"), torch.full((3,), 100.0))
    assert found == {"images_seen": 100, "history": [{"loss": 0.5}]}


def test_the_newest_wins_by_images_and_not_by_spelling(tmp_path: Path) -> None:
    save(tmp_path, 900, 10_000)
    assert loaded(tmp_path) == 10_000


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    files = save(tmp_path, 100, 200, 300, 400)
    assert len(files) == KEEP
    assert loaded(tmp_path) == 400


@pytest.mark.parametrize("folder", ["", "not there"])
def test_no_checkpoint_is_a_fresh_start(tmp_path: Path, folder: str) -> None:
    assert load_newest_checkpoint(tmp_path / folder) is None


@pytest.mark.parametrize("kept_bytes", [0, 10, 32, 500])
def test_a_truncated_newest_is_passed_over_with_a_warning(
    tmp_path: Path, kept_bytes: int, caplog: pytest.LogCaptureFixture
) -> None:
    newest = save(tmp_path, 100, 200)[-1]
    newest.write_bytes(newest.read_bytes()[:kept_bytes])
    with caplog.at_level(logging.WARNING):
        assert loaded(tmp_path) == 100
    assert newest.name in caplog.text


@given(position=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_bit_anywhere_is_found(tmp_path: Path, position: float, bit: int) -> None:
    newest = save(tmp_path, 100, 200)[-1]
    content = bytearray(newest.read_bytes())
    content[int(position * len(content))] ^= 1 << bit
    newest.write_bytes(content)
    assert loaded(tmp_path) == 100


def test_when_all_are_damaged_training_starts_afresh(tmp_path: Path) -> None:
    for path in save(tmp_path, 100, 200):
        path.write_bytes(b"")
    assert load_newest_checkpoint(tmp_path) is None


def test_the_damaged_one_is_replaced_when_training_comes_by_again(tmp_path: Path) -> None:
    save(tmp_path, 100, 200)[-1].write_bytes(b"half")
    save(tmp_path, 200)
    assert loaded(tmp_path) == 200


def test_a_save_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    save(tmp_path, 100)
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        save_checkpoint(tmp_path, 200, {"images_seen": 200, "open": (number for number in [])})
    assert [path.name for path in tmp_path.iterdir()] == ["000000000100.pt"]
    assert loaded(tmp_path) == 100


class TouchesAFile:
    """What a forged checkpoint could do on loading, were it let."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_a_forged_checkpoint_runs_no_code(tmp_path: Path) -> None:
    body = io.BytesIO()
    torch.save({"images_seen": 1, "payload": TouchesAFile(tmp_path / "touched")}, body)
    (tmp_path / "000000000001.pt").write_bytes(sha256(body.getvalue()).digest() + body.getvalue())
    with pytest.raises(pickle.UnpicklingError):
        load_newest_checkpoint(tmp_path)
    assert not (tmp_path / "touched").exists()
