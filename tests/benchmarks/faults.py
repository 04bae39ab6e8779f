"""`make faults`: what the audit says of a dataset with planted faults; writes docs/benchmarks/faults.md.

On the finished preset `fashion-mnist` (`make repro` before). About half an hour.
"""

import json
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from pipeline.config import load_preset
from pipeline.data.canonical import load_split
from pipeline.evaluation.gates import apply_gates
from tests.faults import FAULTS, nothing, plant, sound_records

PRESET = "fashion-mnist"
COUNT = 50_000
SETTINGS = (f"sample.count={COUNT}", "audit.total_images=100000")
FORMS = {
    "label_accuracy": "{:.3f}",
    "fd_domain": "{:.1f}",
    "coverage": "{:.2f}",
    "diversity_min": "{:.2f}",
    "class_balance": "{:.2f}",
    "unique_share": "{:.4f}",
    "train_copies": "{:,}",
    "held_out_copies": "{:,}",
    "near_train_share": "{:.3f}",
    "membership_auc": "{:.3f}",
    "shard_shift_max": "{:,.1f}",
    "tstr_accuracy": "{:.3f}",
}
ABOUT = """# What the audit says of faults

`make faults` writes this page, in about half an hour; these results were noted on {date}. It plants faults into {count:,} records of the preset `{preset}`.
The manifest then describes the faulty files, and says that another machine made them. So neither digests nor regenerated records can tell.
**Bold** marks what misses the preset's gates.

| fault | {names} |
| --- | {bars} |
{rows}

The faults (tests/faults.py):

{faults}
"""


def main() -> None:
    """Plants, audits and writes the table."""
    source = Path("datasets") / PRESET
    real = [load_split(Path("data") / PRESET, split)[0].permute(0, 2, 3, 1).numpy() for split in ("train", "holdout")]
    sound = sound_records(source, COUNT, *real)
    rows, listed = [], []
    with tempfile.TemporaryDirectory() as folder:
        for fault in (nothing, *FAULTS):
            name = fault.__name__.replace("_", " ")
            out = Path(folder) / "dataset"
            plant(source, fault(sound), out)
            figures = audited(out, Path(folder) / "root")
            verdicts = apply_gates(load_preset(PRESET, list(SETTINGS)).gates, figures)
            missed = {verdict.metric.split(" / ")[0] for verdict in verdicts if not verdict.met}
            cells = [
                f"**{form.format(figures[key])}**" if key in missed else form.format(figures[key])
                for key, form in FORMS.items()
            ]
            rows.append(f"| {name} | {' | '.join(cells)} |")
            listed += [] if fault is nothing else [f"- {name}: {' '.join((fault.__doc__ or '').split())}"]
            print(rows[-1], missed, flush=True)
    Path("docs/benchmarks/faults.md").write_text(
        ABOUT.format(
            count=COUNT,
            date=date.today().isoformat(),
            preset=PRESET,
            names=" | ".join(f"`{key}`" for key in FORMS),
            bars=" | ".join("---:" for _ in FORMS),
            rows="\n".join(rows),
            faults="\n".join(listed),
        )
    )


def audited(dataset: Path, root: Path) -> dict[str, Any]:
    """All figures of a dataset, as `accept` would judge them."""
    metrics = dataset / "metrics"
    metrics.mkdir()
    evaluation = Path("metrics") / PRESET / "evaluate.json"
    (metrics / evaluation.name).write_bytes(evaluation.read_bytes())
    sets = [word for setting in (*SETTINGS, f"root={root}") for word in ("--set", setting)]
    subprocess.run(
        [sys.executable, "-m", "stages.audit", "--preset", PRESET, *sets, "--out", str(dataset)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return {**json.loads(evaluation.read_text()), **json.loads((metrics / "audit.json").read_text())}


if __name__ == "__main__":
    main()
