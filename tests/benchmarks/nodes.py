"""Sampling on one node and on two, each pinned to a core of its own: `python -m tests.benchmarks.nodes`, as root, after `make repro`.

Once started: from the first commit to the last. Two pairs of runs, in turn.
"""

import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from pipeline.config.load import active_preset
from tests.cluster import LocalCluster
from tests.project import ROOT

SHARDS, SHARD = 40, 5_000
PAIRS = 2


def main() -> None:
    """Prints a table."""
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(PAIRS):
        for nodes in rates:
            with LocalCluster(1 + nodes, "--pin") as cluster, tempfile.TemporaryDirectory() as folder:
                rates[nodes].append(rate(cluster, Path(folder)))
    print("| nodes of one core | images/s, each run |\n| ---: | --- |")
    for nodes, measured in rates.items():
        print(f"| {nodes} | {', '.join(f'{each:,.0f}' for each in measured)} |")
    ratios = [two / one for one, two in zip(rates[1], rates[2], strict=True)]
    print(
        f"\ntwice the nodes, {statistics.mean(ratios):.2f} times the rate ({', '.join(f'{each:.2f}' for each in ratios)})"
    )


def rate(cluster: LocalCluster, folder: Path) -> float:
    """Images per second, once started, of a run of the active preset."""
    settings = (f"root={folder}", f"sample.count={SHARDS * SHARD}", f"sample.shard_size={SHARD}")
    words = [word for setting in settings for word in ("--set", setting)]
    command = cluster.inside(
        "python", "-m", "stages.sample", "--preset", active_preset(), *words, "--out", str(folder / "made")
    )
    process = subprocess.Popen(command, cwd=ROOT, env=cluster.environment(), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    commits = [time.monotonic() for line in process.stdout if re.search("shard .* committed", line)]
    if process.wait() != 0 or len(commits) != SHARDS:
        raise RuntimeError("the run failed")
    return (SHARDS - 1) * SHARD / (commits[-1] - commits[0])


if __name__ == "__main__":
    main()
