"""A run's logs, read back as TensorBoard reads them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.images.grid import write_grid
from pipeline.training.history import EvaluationRow
from pipeline.training_on_ray.tensorboard import BoardWriter
from tests.unit.training_cases import evaluation_row

accumulation = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")


def row(number: int, rollbacks: int = 0) -> EvaluationRow:
    return evaluation_row(1000 * number, rollbacks=rollbacks, validation={"validation_fd_domain": 100.0 / number})


def write(folder: Path, *, known: int, new: int) -> None:
    """A process that knows of some evaluations, from a checkpoint, and adds more."""
    board = BoardWriter(folder / "logs", [row(n + 1) for n in range(known)])
    for number in range(known + 1, known + new + 1):
        for name in (f"images-{1000 * number:09d}.png", "interpolation.png"):
            write_grid(folder / name, np.full((4, 8, 8, 1), 20 * number, np.uint8), 2)
        board.add(row(number), folder)


def read(folder: Path) -> Any:
    log = accumulation.EventAccumulator(str(folder / "logs"), size_guidance={"images": 0, "scalars": 0})
    log.Reload()
    return log


def points(folder: Path, name: str) -> list[tuple[int, float]]:
    return [(event.step, round(event.value, 3)) for event in read(folder).Scalars(name)]


def test_every_figure_is_a_point_of_its_evaluation(tmp_path: Path) -> None:
    write(tmp_path, known=0, new=3)
    assert points(tmp_path, "validation_fd_domain") == [(1, 100), (2, 50), (3, 33.333)]
    assert points(tmp_path, "images_seen") == [(1, 1000), (2, 2000), (3, 3000)]


def test_pictures_are_shown_beside_the_figures(tmp_path: Path) -> None:
    write(tmp_path, known=0, new=2)
    log = read(tmp_path)
    assert set(log.Tags()["images"]) == {"images", "interpolation"}
    for name in ("images", "interpolation"):
        assert [event.step for event in log.Images(name)] == [1, 2]
        assert log.Images(name)[0].encoded_image_string.startswith(b"\x89PNG")


def test_a_resumed_run_takes_back_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    write(tmp_path, known=0, new=4)
    write(tmp_path, known=2, new=3)
    assert [step for step, _ in points(tmp_path, "validation_fd_domain")] == [1, 2, 3, 4, 5]
    assert [event.step for event in read(tmp_path).Images("images")] == [1, 2, 3, 4, 5]


def test_a_run_that_starts_afresh_takes_back_everything(tmp_path: Path) -> None:
    write(tmp_path, known=0, new=4)
    write(tmp_path, known=0, new=1)
    assert points(tmp_path, "images_seen") == [(1, 1000)]


def test_a_run_that_went_back_shows_both_attempts(tmp_path: Path) -> None:
    board = BoardWriter(tmp_path / "logs", [])
    for attempt, number in enumerate([1, 2, 2]):
        for name in (f"images-{1000 * number:09d}.png", "interpolation.png"):
            write_grid(tmp_path / name, np.zeros((4, 8, 8, 1), np.uint8), 2)
        board.add(row(number, rollbacks=int(attempt > 1)), tmp_path)
    assert points(tmp_path, "images_seen") == [(1, 1000), (2, 2000), (3, 2000)]
    assert points(tmp_path, "rollbacks") == [(1, 0), (2, 0), (3, 1)]


def test_an_evaluation_without_pictures_still_has_its_figures(tmp_path: Path) -> None:
    BoardWriter(tmp_path / "logs", []).add(row(1), tmp_path)
    assert points(tmp_path, "images_seen") == [(1, 1000)]
    assert read(tmp_path).Tags()["images"] == []
