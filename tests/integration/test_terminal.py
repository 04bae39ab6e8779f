"""A stage on a terminal draws a bar and leaves the lines that last; in a pipe it writes lines alone."""

import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.image_names import ending_a_part
from tests.project import Places, run
from tests.terminal import on_terminal

IMAGES = 240
CLASSES = 2
PARTS = 4  # as the names of the images divide them
SETTINGS = (
    "data.size=32", "data.classes=auto", "data.validation_share=0.2", "data.holdout_share=0.2", "model.channels=3", "model.resolution=32",
)  # fmt: skip


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of noise in two classes, which are several parts of work."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for number in range(IMAGES):
        name = f"{number % CLASSES}/{number:03}.png"
        path = folder / (ending_a_part(name) if number % (IMAGES // PARTS) == 0 else name)
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(path)
    return folder


def ingest(places: Places, photos: Path) -> list[str]:
    source = f"data.source={{path: {photos}, name: photos, licence: CC0-1.0}}"
    return places.command("ingest", settings=(*SETTINGS, source))


def test_on_a_terminal_the_bar_moves_and_the_lines_that_last_stay(photos: Path, tmp_path: Path) -> None:
    session = on_terminal(*ingest(Places(tmp_path), photos))
    assert session.code == 0, session.written
    assert "  0% 0/" in session.written
    assert session.screen[0].startswith("ingest: preset digits")
    assert session.screen[-1].endswith(str(tmp_path / "data"))
    assert not [line for line in session.screen if "%" in line or "images prepared" in line]


def test_in_a_pipe_there_are_lines_and_no_control_characters(photos: Path, tmp_path: Path) -> None:
    done = run(*ingest(Places(tmp_path), photos), FORCE_COLOR="1", TTY_COMPATIBLE="1")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert all(character.isprintable() or character == "\n" for character in done.stdout)
    assert f"{IMAGES} images prepared" in done.stdout


def test_ctrl_c_leaves_its_message_below_the_lines_that_last(photos: Path, tmp_path: Path) -> None:
    session = on_terminal(*ingest(Places(tmp_path), photos), interrupt_at="0% 0/", by=signal.SIGINT)
    assert session.code == 130, session.written
    assert session.screen[-1] == "ingest: interrupted; the same command goes on from here."
    assert not [line for line in session.screen if "%" in line]
