"""One function for many items, on a real Ray: in order, and also when a worker is killed on the way."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pipeline.base.errors import UserError
from pipeline.cluster.connection import connect
from pipeline.cluster.parallel_map import fan_out

ITEMS = range(9)


@dataclass(frozen=True)
class Made:
    """What no table of Ray's could hold as columns: arrays of different lengths beside plain values."""

    item: int
    array: np.ndarray
    said: list[str]


@dataclass(frozen=True)
class Maker:
    """Kills the process that is to do the item `kill` the first time, where there is one."""

    marker: Path
    kill: int | None = None

    def __call__(self, item: int) -> Made:
        if item == self.kill and not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return Made(item, np.arange(item), [str(item)] * (item % 3))


@pytest.fixture(scope="module", autouse=True)
def ray_here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        with connect(str(tmp_path_factory.mktemp("root"))):
            yield


def test_results_come_in_the_order_of_their_items(tmp_path: Path) -> None:
    for workers in (1, 2):
        made = list(fan_out(Maker(tmp_path), ITEMS, workers))
        assert [each.item for each in made] == list(ITEMS)
        assert [each.array.tolist() for each in made] == [list(range(item)) for item in ITEMS]
        assert [len(each.said) for each in made] == [item % 3 for item in ITEMS]


def test_what_a_killed_worker_was_doing_is_done_again(tmp_path: Path) -> None:
    marker = tmp_path / "killed"
    made = list(fan_out(Maker(marker, kill=4), ITEMS, 2))
    assert marker.exists()
    assert [each.item for each in made] == list(ITEMS)


@dataclass(frozen=True)
class Deadly:
    """Ends every process that is to do the item 1."""

    log: Path

    def __call__(self, item: int) -> int:
        if item == 1:
            with self.log.open("a") as file:
                file.write(f"{os.getpid()}\n")
            os.kill(os.getpid(), signal.SIGKILL)
        return item


@pytest.mark.ci
def test_what_ends_every_worker_is_not_tried_for_ever(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(UserError, match="ended 3 worker processes without an error message"):
        list(fan_out(Deadly(log), range(3), 2))
    assert len(log.read_text().splitlines()) == 3


def refuse(item: int) -> int:
    raise UserError(f"{item}: is no image.")


def test_a_mistake_that_a_worker_finds_is_told_in_its_words(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError) as caught:
        list(fan_out(refuse, [7], 1))
    assert str(caught.value) == "7: is no image."
    assert type(caught.value) is UserError
    assert "Traceback" not in "".join(capfd.readouterr())
