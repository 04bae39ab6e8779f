"""A training run's state on disk."""

import io
import pickle
from hashlib import sha256
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.base.errors import UserError
from pipeline.training import checkpoint
from pipeline.training.checkpoint import (
    KEEP,
    CheckpointWriter,
    copied_to_cpu,
    load_newest_checkpoint,
    save_checkpoint,
)

PATIENCE_S = 60  # until a test that waits for another thread gives up


def state(number: int) -> dict[str, Any]:
    return {"number": number, "weights": torch.full((3,), float(number)), "history": [{"loss": 0.5}]}


def save(folder: Path, *numbers: int) -> list[Path]:
    for number in numbers:
        save_checkpoint(folder, number, state(number))
    return sorted(folder.iterdir())


def silent(message: str) -> None:
    pytest.fail(f"warned: {message}")


def loaded(folder: Path, warnings: list[str] | None = None) -> int | None:
    found = load_newest_checkpoint(folder, silent if warnings is None else warnings.append)
    return None if found is None else found["number"]


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    save(tmp_path, 100)
    found = load_newest_checkpoint(tmp_path, silent)
    assert found is not None
    assert torch.equal(found.pop("weights"), torch.full((3,), 100.0))
    assert found == {"number": 100, "history": [{"loss": 0.5}]}


def test_the_newest_wins_by_number_and_not_by_spelling(tmp_path: Path) -> None:
    save(tmp_path, 9, 10_000)
    assert loaded(tmp_path) == 10_000


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    files = save(tmp_path, 1, 2, 3, 4)
    assert len(files) == KEEP
    assert loaded(tmp_path) == 4


@pytest.mark.parametrize("folder", ["", "not there"])
def test_no_checkpoint_is_a_fresh_start(tmp_path: Path, folder: str) -> None:
    assert load_newest_checkpoint(tmp_path / folder, silent) is None


@pytest.mark.parametrize("kept_bytes", [0, 10, 32, 500])
def test_a_truncated_newest_is_passed_over_with_a_warning(tmp_path: Path, kept_bytes: int) -> None:
    newest = save(tmp_path, 1, 2)[-1]
    newest.write_bytes(newest.read_bytes()[:kept_bytes])
    warnings: list[str] = []
    assert loaded(tmp_path, warnings) == 1
    assert len(warnings) == 1
    assert newest.name in warnings[0]


@given(position=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_bit_anywhere_is_found(tmp_path: Path, position: float, bit: int) -> None:
    newest = save(tmp_path, 1, 2)[-1]
    content = bytearray(newest.read_bytes())
    content[int(position * len(content))] ^= 1 << bit
    newest.write_bytes(content)
    assert loaded(tmp_path, []) == 1


def test_when_all_are_damaged_training_starts_afresh(tmp_path: Path) -> None:
    for path in save(tmp_path, 1, 2):
        path.write_bytes(b"")
    warnings: list[str] = []
    assert loaded(tmp_path, warnings) is None
    assert len(warnings) == 3
    assert "starting from the beginning" in warnings[-1]


def test_after_a_fresh_start_the_damaged_ones_do_not_crowd_out_the_new(tmp_path: Path) -> None:
    for path in save(tmp_path, 7, 8):
        path.write_bytes(b"")
    for number in (1, 2, 3):
        save(tmp_path, number)
        assert loaded(tmp_path) == number
    assert len(list(tmp_path.iterdir())) == KEEP


def test_the_damaged_one_is_replaced_when_training_comes_by_again(tmp_path: Path) -> None:
    save(tmp_path, 1, 2)[-1].write_bytes(b"half")
    save(tmp_path, 2)
    assert loaded(tmp_path) == 2


NOT_TO_BE_SAVED = {"number": 2, "open": (number for number in [])}


def test_a_save_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    before = save(tmp_path, 1)
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        save_checkpoint(tmp_path, 2, NOT_TO_BE_SAVED)
    assert list(tmp_path.iterdir()) == before
    assert loaded(tmp_path) == 1


class TouchesAFile:
    """What a forged checkpoint could do on loading, were it let."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_a_forged_checkpoint_runs_no_code(tmp_path: Path) -> None:
    body = io.BytesIO()
    torch.save({"number": 1, "payload": TouchesAFile(tmp_path / "touched")}, body)
    (tmp_path / "000001.pt").write_bytes(sha256(body.getvalue()).digest() + body.getvalue())
    with pytest.raises(pickle.UnpicklingError):
        load_newest_checkpoint(tmp_path, silent)
    assert not (tmp_path / "touched").exists()


def test_a_copy_does_not_change_with_what_was_copied() -> None:
    weights = torch.zeros(2, requires_grad=True)
    original = {"net": {"w": weights}, "list": [torch.ones(1), {"deep": torch.ones(1)}], "betas": (0.0, 0.9), "n": 3}
    copy = copied_to_cpu(original)
    with torch.no_grad():
        weights += 5
        original["list"][0] += 5
        original["list"][1]["deep"] += 5
    assert copy["net"]["w"].tolist() == [0, 0]
    assert not copy["net"]["w"].requires_grad
    assert (copy["list"][0].item(), copy["list"][1]["deep"].item()) == (1, 1)
    assert (copy["betas"], copy["n"]) == ((0.0, 0.9), 3)


# In the background ---------------------------------------------------------------------------------------------------


def test_leaving_waits_until_the_last_one_is_written(tmp_path: Path) -> None:
    with CheckpointWriter(tmp_path) as writer:
        writer.save(1, state(1))
    assert loaded(tmp_path) == 1


def test_checkpoints_are_written_in_order_while_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_write, written = Event(), []

    def slowly(folder: Path, number: int, content: dict[str, Any]) -> None:
        assert may_write.wait(PATIENCE_S)
        save_checkpoint(folder, number, content)
        written.append(number)

    monkeypatch.setattr(checkpoint, "save_checkpoint", slowly)
    with CheckpointWriter(tmp_path) as writer:
        writer.save(1, state(1))
        assert written == []  # and here we are
        may_write.set()
        for number in range(2, 6):
            writer.save(number, state(number))
            assert written[: number - 1] == list(range(1, number))
    assert written == [1, 2, 3, 4, 5]
    assert loaded(tmp_path) == 5


def test_a_write_that_failed_is_told_at_the_next_save(tmp_path: Path) -> None:
    # What cannot be pickled stands for any error.
    with CheckpointWriter(tmp_path) as writer:
        writer.save(1, state(1))
        writer.save(2, NOT_TO_BE_SAVED)
        with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
            writer.save(3, state(3))
        writer.save(3, state(3))  # told once: who goes on in spite of it may
    assert loaded(tmp_path) == 3


def test_a_write_that_failed_is_told_on_leaving_at_the_latest(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    writer = CheckpointWriter(tmp_path / "file")  # where no folder can be
    with pytest.raises(UserError, match="cannot be written"), writer:
        writer.save(1, state(1))


def test_an_error_of_the_caller_still_leaves_the_last_one_written(tmp_path: Path) -> None:
    def fail() -> None:
        with CheckpointWriter(tmp_path) as writer:
            writer.save(1, state(1))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert loaded(tmp_path) == 1
