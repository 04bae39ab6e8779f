"""One function for many items by processes of this machine: in order, and also when a worker is killed on the way."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.base.errors import UserError
from pipeline.cluster.local_pool import on_this_machine


@dataclass(frozen=True)
class Maker:
    """Kills its process at the item `kill`, the first time or each time."""

    marker: Path
    kill: int | None = None
    always: bool = False

    def __call__(self, item: int) -> int:
        if item == self.kill and (self.always or not self.marker.exists()):
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if item < 0:
            raise UserError(f"{item} is too small")
        return item * item


def test_results_come_in_order_and_what_a_killed_worker_was_doing_is_done_again(tmp_path: Path) -> None:
    marker = tmp_path / "killed"
    assert list(on_this_machine(Maker(marker, kill=4), range(9), 2)) == [item * item for item in range(9)]
    assert marker.exists()


def test_a_worker_that_dies_at_the_same_item_each_time_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ended workers 3 times after 2 of 3 parts"):
        list(on_this_machine(Maker(tmp_path / "killed", kill=2, always=True), range(3), 1))


def test_what_a_worker_says_to_the_user_gets_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="-1 is too small"):
        list(on_this_machine(Maker(tmp_path / "killed"), [1, -1], 2))
