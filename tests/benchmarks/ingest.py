"""Ingest of a folder of PNG files, beside Hugging Face `datasets` doing the same with two processes."""

import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from tests.project import ROOT

IMAGES = 60_000
CLASSES = 10
STORED, SIZE = 64, 32  # px
CHECK_EVERY_S = 0.1

# What a user of `datasets` would write: labels from the folders, pictures cut to a square and made smaller, Parquet.
PLAIN = f"""
import sys
from datasets import load_dataset
from PIL import Image

def smaller(row):
    row["image"] = row["image"].convert("RGB").resize(({SIZE}, {SIZE}), Image.Resampling.LANCZOS)
    return row

if __name__ == "__main__":
    images = load_dataset("imagefolder", data_dir=sys.argv[1], split="train", cache_dir=sys.argv[2])
    images.map(smaller, num_proc=2).to_parquet(sys.argv[2] + "/images.parquet")
"""
CONFIG = f"""
name: bench
data:
  source: {{path: photos}}
  size: {SIZE}
"""


def ingest_figures(images: int = IMAGES) -> dict[str, float]:
    """Images a second of both, from starting the process to its end; ours again with one file more; and our peak of memory."""
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        with ProcessPoolExecutor(2) as pool:
            list(pool.map(partial(_make_class, work / "photos", images // CLASSES), range(CLASSES)))
        (work / "config.yaml").write_text(CONFIG.replace("photos", str(work / "photos")))
        (work / "plain.py").write_text(PLAIN)
        plain, _ = _run([sys.executable, "plain.py", "photos", "plain"], work)
        ours = [
            sys.executable, "-m", "stages.ingest", "--config", str(work / "config.yaml"), "--out", str(work / "data"),
            "--set", f"root={work}",
        ]  # fmt: skip
        first, memory = _run(ours, ROOT)
        _make_picture(work / "photos" / "0" / "one-more.png", np.random.default_rng(-1 % 2**32))
        again, _ = _run(ours, ROOT)
    return {
        "images_per_s": images / first,
        "plain_images_per_s": images / plain,
        "ratio": plain / first,
        "one_more_share": again / first,
        "peak_memory_gb": memory / 1e9,
    }


def _make_class(folder: Path, count: int, number: int) -> None:
    (folder / str(number)).mkdir(parents=True)
    random = np.random.default_rng(number)
    for index in range(count):
        _make_picture(folder / str(number) / f"{index:05d}.png", random)


def _make_picture(path: Path, random: np.random.Generator) -> None:
    """A smooth picture in colour, which compresses as photographs do."""
    small = Image.fromarray(random.integers(0, 256, (12, 12, 3), np.uint8))
    small.resize((STORED, STORED), Image.Resampling.BICUBIC).save(path)


def _run(command: list[str], folder: Path) -> tuple[float, int]:
    """Seconds of a command, and the most memory that it and its children had at once, bytes; shared pages count in each."""
    started, most = time.perf_counter(), 0
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        tree = psutil.Process(process.pid)
        while process.poll() is None:
            most = max(most, _memory_of(tree))
            time.sleep(CHECK_EVERY_S)
        assert process.stderr is not None
        said = process.stderr.read()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed: {said[-2_000:]}")
    return time.perf_counter() - started, most


def _memory_of(tree: psutil.Process) -> int:
    total = 0
    try:
        for process in (tree, *tree.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total
