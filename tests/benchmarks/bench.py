"""`make bench`: images per second of ours beside a plain way of doing the same, in one run; writes bench.json.

Absolute figures depend on the machine and on what else it does; the ratios are what to quote. Each pair is measured in
turn, several rounds, and the median of the rounds' ratios is taken.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config import load_preset
from pipeline.data.prepare import Preparation
from pipeline.data.sources.source import Listing, array_parts
from pipeline.data.writing import write_canonical
from tests.benchmarks.sampling import sample_figures
from tests.benchmarks.timing import rate
from tests.benchmarks.training import training_figures


def ingest_figures() -> dict[str, float]:
    """Preparing, placing and writing 11,000 images of 28 px in one process."""
    images = np.random.default_rng(0).integers(0, 256, (11_000, 28, 28, 1), dtype=np.uint8)
    labels = np.arange(len(images)) % 10
    data = load_preset("fashion-mnist").data
    parts = array_parts("a", images[1000:], labels[1000:], "train") + array_parts(
        "b", images[:1000], labels[:1000], "holdout"
    )
    assert isinstance(data.classes, list)
    listing = Listing(parts, data.classes, ("train", "holdout"))
    with tempfile.TemporaryDirectory() as temporary:
        preparation = Preparation(data, Path(temporary) / "prepared")

        def ingest() -> None:
            for part in parts:
                preparation(part)
            paths = [preparation.path(part) for part in parts]
            write_canonical("known", listing, paths, data, "bench", Path(temporary) / "data")

        return {"images_per_s": rate(ingest, len(images))}


def main() -> None:
    """Measures, prints and writes bench.json."""
    train, ddp = training_figures()
    figures: dict[str, Any] = {
        "train": train,
        "ddp": ddp,
        "sample": sample_figures(),
        "ingest": ingest_figures(),
    }
    Path("bench.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    for section, values in figures.items():
        print_table(section, values)


def print_table(title: str, values: dict[str, Any]) -> None:
    """A line a figure; a section within becomes a table of its own."""
    for name, value in values.items():
        if not isinstance(value, dict):
            shown = f"{value:,.0f}" if value >= 100 else f"{value:,.2f}"
            print(f"{title:40}{name:26}{shown:>16}")
    for name, value in values.items():
        if isinstance(value, dict):
            print_table(f"{title} {name}", value)


if __name__ == "__main__":
    main()
