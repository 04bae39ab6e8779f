"""Sampling on one, two and three nodes beside what `imagemint plan --nodes` foretells: `python -m tests.benchmarks.nodes`, as root, after `make repro`.

Each node is pinned to a core; this machine's cores are dealt out in turn, so of more nodes than cores some share one. Rates are
those of runs once started: of what a long one makes more than a short one, in the time that it takes longer. One node and two run
in turn, in pairs.
"""

import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

from pipeline.config.load import active_preset
from tests.cluster import LocalCluster

FEW, MANY, SHARD = 20, 60, 5_000
PAIRS = 2
MOST = 3


def main() -> None:
    """Prints a table."""
    counts = [1, 2] * PAIRS + list(range(3, MOST + 1))
    rates: dict[int, list[float]] = {}
    foretold: dict[int, float] = {}
    for nodes in counts:
        with LocalCluster(1 + nodes, "--pin") as cluster, tempfile.TemporaryDirectory() as folder:
            if not foretold:
                foretold = {each: plan(cluster, each) for each in sorted(set(counts))}
            rates.setdefault(nodes, []).append(rate(cluster, Path(folder)))
            print(f"{nodes}: {rates[nodes][-1]:,.0f} images/s", file=sys.stderr, flush=True)
    print("| nodes of one core | images/s foretold | images/s, each run |\n| ---: | ---: | --- |")
    for nodes, measured in rates.items():
        print(f"| {nodes} | {foretold[nodes]:,.0f} | {', '.join(f'{each:,.0f}' for each in measured)} |")
    ratios = [two / one for one, two in zip(rates[1], rates[2], strict=True)]
    print(
        f"\ntwice the nodes, {statistics.mean(ratios):.2f} times the rate ({', '.join(f'{each:.2f}' for each in ratios)})"
    )


def settings(shards: int) -> list[str]:
    """Of a run, as options."""
    return ["--preset", active_preset(), "--set", f"sample.count={shards * SHARD}", "--set", f"sample.shard_size={SHARD}"]  # fmt: skip


def plan(cluster: LocalCluster, nodes: int) -> float:
    """The rate that the plan's time for so many nodes means."""
    said = cluster.succeed("imagemint", "plan", *settings(MANY), "--nodes", str(nodes))
    found = re.search(r"(?m)^time +about (\d+):(\d+):(\d+)", said)
    assert found is not None, said
    hours, minutes, seconds = map(int, found.groups())
    return MANY * SHARD / (3600 * hours + 60 * minutes + seconds)


def rate(cluster: LocalCluster, folder: Path) -> float:
    """Images per second of what a run of the active preset makes beyond the first `FEW` shards: its start costs both the same."""
    few, many = (seconds(cluster, folder / str(shards), shards) for shards in (FEW, MANY))
    return (MANY - FEW) * SHARD / (many - few)


def seconds(cluster: LocalCluster, folder: Path, shards: int) -> float:
    """How long it takes to make so many."""
    command = ("python", "-m", "stages.sample", *settings(shards), "--set", f"root={folder}", "--out", str(folder / "made"))  # fmt: skip
    begun = time.monotonic()
    cluster.succeed(*command, timeout_s=600)
    return time.monotonic() - begun


if __name__ == "__main__":
    main()
