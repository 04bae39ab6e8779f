"""`make bench`: images per second of ours beside a plain way of doing the same, in one run; writes bench.json.

Absolute figures depend on the machine and on what else it does; the ratios are what to quote. Each pair is measured in
turn, several rounds, and the median of the rounds' ratios is taken.
"""

import json
from pathlib import Path
from typing import Any

from tests.benchmarks.ingest import ingest_figures
from tests.benchmarks.sampling import sample_figures
from tests.benchmarks.training import training_figures


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
