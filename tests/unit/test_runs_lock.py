"""A lock is held by one process, is seen by others, and is free when its holder is gone."""

from pathlib import Path

import pytest

from pipeline.base.errors import UserError
from pipeline.runs.lock import is_locked, locked


def test_it_is_held_within_and_free_afterwards_also_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    assert not is_locked(path)

    def fail() -> None:
        with locked(path, "taken"):
            assert is_locked(path)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert not is_locked(path)


def test_a_second_one_is_told_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    with locked(path, "taken"), pytest.raises(UserError, match=r"^taken$"), locked(path, "taken"):
        pass


def test_looking_does_not_take_it_and_a_lock_that_cannot_be_seen_is_free(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    path.touch()
    with path.open("rb"):
        assert not is_locked(path)
    with locked(path, "taken"):
        assert is_locked(path)
        assert is_locked(path)
    assert not is_locked(tmp_path / "none" / "run.lock")
