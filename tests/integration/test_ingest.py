"""A folder of somebody's images through the ingest command: killed, gone on with, grown, and compared with a plain reading."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipeline.data.sources.tree import NO_IMAGE
from tests.image_names import ending_a_part
from tests.project import ROOT, Places, digests, environment, succeed

SIZE = 32
SETTINGS = (
    "data.size=32", "data.classes=auto", "data.validation_share=0.1", "data.holdout_share=0.1", "model.channels=3", "model.resolution=32",
)  # fmt: skip
PHOTOS = 1200
CLASSES = [f"kind {letter}" for letter in "abcdefghijkl"]


def photo(number: int) -> Image.Image:
    """A smooth picture of its own shape."""
    rng = np.random.default_rng(number)
    width, height = rng.integers(SIZE, 3 * SIZE, 2).tolist()
    coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders of PNG and JPEG files, one of them cut short, one stored twice, one beside a text."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(PHOTOS):
        name = f"{CLASSES[number % len(CLASSES)]}/{number:04}.{('png', 'jpg')[number // 100 % 2]}"
        path = folder / (ending_a_part(name) if number >= PHOTOS - len(CLASSES) else name)
        path.parent.mkdir(exist_ok=True)
        photo(number).save(path)
    cut = (folder / CLASSES[0] / "0000.png").read_bytes()
    (folder / CLASSES[0] / "cut.png").write_bytes(cut[: len(cut) // 2])
    (folder / CLASSES[0] / "twice.png").write_bytes(cut)
    (folder / CLASSES[0] / "notes.txt").write_text("not an image")
    return folder


def command(places: Places, photos: Path) -> list[str]:
    source = f"data.source={{path: {photos}, name: photos, licence: CC0-1.0}}"
    return places.command("ingest", settings=(*SETTINGS, source))


@pytest.fixture(scope="module")
def ingested(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Places:
    places = Places(tmp_path_factory.mktemp("ingested"))
    succeed(*command(places, photos))
    return places


def description(places: Places) -> dict:
    return json.loads((places.data / "dataset.json").read_text())


def test_every_image_is_what_a_plain_reading_of_its_file_gives(ingested: Places, photos: Path) -> None:
    seen = 0
    for part in description(ingested)["splits"].values():
        for row in pq.read_table(ingested.data / part["files"][0]["file"]).to_pylist():
            assert row["source"].startswith(f"{CLASSES[row['label']]}/")
            with Image.open(photos / row["source"]) as picture:
                side = min(picture.size)
                left, top = (picture.width - side) // 2, (picture.height - side) // 2
                square = picture.convert("RGB").crop((left, top, left + side, top + side))
                expected = np.asarray(square.resize((SIZE, SIZE), Image.Resampling.LANCZOS))
            (ingested.folder / "one.png").write_bytes(row["image"]["bytes"])
            assert np.array_equal(np.asarray(Image.open(ingested.folder / "one.png")), expected)
            seen += 1
    assert seen == PHOTOS


def test_what_was_left_out_is_named_with_its_reason(ingested: Places) -> None:
    with (ingested.data / "left_out.csv").open() as file:
        left_out = dict(list(csv.reader(file))[1:])
    twice = left_out.keys() & {"kind a/0000.png", "kind a/twice.png"}
    assert len(twice) == 1
    assert left_out == {
        "kind a/cut.png": "truncated",
        "kind a/notes.txt": NO_IMAGE,
        twice.pop(): "duplicate",
    }
    assert description(ingested)["left_out"]["truncated"] == {"count": 1, "first": ["kind a/cut.png"]}


# The worst moment: all is in its place but for `dataset.json`, which says what is there.
KILLED_BEFORE_THE_LAST_FILE = """
import os, signal, sys
from pipeline.data import description
from stages.ingest import main
description.write_json = lambda *_: os.killpg(0, signal.SIGKILL)
main(sys.argv[1:])
"""


def killed(*words: str) -> str:
    """Start a command and kill it with all its processes when it has prepared a part; return what it said of that."""
    process = subprocess.Popen(
        words, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    said = next((line for line in process.stdout if "parts" in line), "")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    return said


def left_to_prepare(said: str) -> int:
    found = re.search(r"images prepared, 1 of (\d+) parts", said)
    assert found is not None, said
    return int(found[1])


@pytest.mark.ci
def test_killed_three_times_it_comes_to_the_same_bytes(ingested: Places, photos: Path, tmp_path: Path) -> None:
    places = Places(tmp_path)
    words = command(places, photos)
    assert left_to_prepare(killed(*words)) > left_to_prepare(killed(*words)) > 1
    assert not places.data.exists()
    # What is left now is prepared on the way there.
    last = subprocess.run(
        [sys.executable, "-c", KILLED_BEFORE_THE_LAST_FILE, *words[3:]],
        cwd=ROOT, env=environment(), capture_output=True, check=False, start_new_session=True,
    )  # fmt: skip
    assert last.returncode == -signal.SIGKILL, last.stderr
    assert list(places.data.glob("train-*.parquet"))
    assert not (places.data / "dataset.json").exists()
    assert "parts" not in succeed(*words)
    assert digests(places.data) == digests(ingested.data)
    assert not list((places.root / "runs").rglob("spool-*"))


@pytest.mark.ci
def test_one_worker_and_another_order_come_to_the_same_bytes(ingested: Places, photos: Path, tmp_path: Path) -> None:
    """Under another name of the folder each part is another one, and they lie in another order."""
    there = tmp_path / "elsewhere"
    shutil.copytree(photos, there)
    said = succeed(*command(Places(tmp_path), there), RAY_OVERRIDE_RESOURCES='{"CPU": 1}')
    found = re.search(r"1 of (\d+) parts", said)
    assert found is not None
    assert int(found[1]) > len(CLASSES)  # all of them
    assert digests(Places(tmp_path).data) == digests(ingested.data)


def test_new_files_alone_are_looked_at(ingested: Places, photos: Path) -> None:
    before = description(ingested)["digest"]
    try:
        photo(PHOTOS).save(photos / CLASSES[0] / "new.png")
        said = succeed(*command(ingested, photos))
        (total,) = set(re.findall(r"of ([\d,]+) parts", said))
        assert total == "1"
        assert description(ingested)["digest"] != before
    finally:
        (photos / CLASSES[0] / "new.png").unlink(missing_ok=True)
    said = succeed(*command(ingested, photos))
    assert "prepared, 1 of 1 parts" in said
    assert description(ingested)["digest"] == before
    assert "parts" not in succeed(*command(ingested, photos))
