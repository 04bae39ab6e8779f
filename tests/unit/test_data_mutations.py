"""Whatever is done to an image file, it becomes a square or has a reason, and nothing else happens."""

import re
import resource
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.data.decode import decode
from pipeline.data.prepare import Preparation
from pipeline.images.png import decode_png
from tests import soak
from tests.unit.canonical_data import data_of
from tests.unit.mutated_files import MutatedFiles, whole_files

SIZE = 16
REASONS = re.compile(
    r"empty file|truncated|damaged|no image of a known kind(: .*)?|more than 128 million pixels|float pixels outside 0 to 1"
    r"|whole-number pixels outside 0 to 65535|pixels of a kind that is not supported \(\w+\)"
    r"|[\w ]+ file of a kind that is not supported: convert it to PNG or JPEG"
)
LARGEST_MEMORY = 3 << 30  # bytes: of 128 million pixels there are some copies on the way


def prepare(folder: Path, first: int, count: int) -> tuple[int, int]:
    """Prepare mutated files and look at what became of them; return how many are squares, and the most memory that was used."""
    scratch = folder / "scratch"
    scratch.mkdir()
    tempfile.tempdir = str(scratch)
    preparation = Preparation(data_of("auto", size=SIZE, channels="auto"), folder / "prepared")
    part = MutatedFiles(first, count)
    try:
        assert preparation(part) == count
    finally:
        tempfile.tempdir = None
    squares = 0
    with pq.ParquetFile(preparation.path(part)) as file:
        for row in file.read(columns=["name", "reason", "png", "channels"]).to_pylist():
            if row["reason"] is None:
                assert decode_png(row["png"], row["channels"]).shape == (SIZE, SIZE, row["channels"])
                squares += 1
            else:
                assert REASONS.fullmatch(row["reason"]), row["name"]
                assert row["png"] is None
    assert [path for path in folder.rglob("*") if path.is_file()] == [preparation.path(part)]
    return squares, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_all_files_are_pictures_before_they_are_mutated():
    for content in whole_files():
        assert decode(content, (255, 255, 255)).picture.mode in ("L", "RGB")


@pytest.mark.timeout(120)
def test_mutated_files_become_squares_or_have_reasons(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    squares, _ = prepare(tmp_path, first=0, count=500)
    assert 100 < squares < 400  # else the files would be damaged too little, or too much, to find anything


@pytest.mark.soak
def test_ten_thousand_mutated_files_in_bounded_memory(tmp_path):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        squares, memory = pool.submit(prepare, tmp_path, 500, 10_000).result()
    assert memory < LARGEST_MEMORY
    soak.note("mutated files", {"files": 10_000, "squares": squares, "peak_memory_mib": memory >> 20})
