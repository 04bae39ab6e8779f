"""Test what the audit's pass over shards says of how far it is."""

from pathlib import Path
from typing import Any

from pipeline.audit.scan import _with_progress
from pipeline.base.progress import Progress
from pipeline.models.weights import TrainedPair
from pipeline.sampling.verify import Findings
from tests.unit.tiny import COUNT, generate_dataset


def test_each_shard_moves_the_bar_and_each_tenth_is_a_line(tiny_pair: TrainedPair, tmp_path: Path) -> None:
    manifest = generate_dataset(tmp_path, tiny_pair).manifest
    bars: list[Progress] = []
    lines: list[tuple[str, int]] = []

    def on_progress(progress: Progress, line: str, **values: Any) -> None:
        bars.append(progress)
        if line:
            lines.append((line, values["shards"]))

    inspected = [(None, Findings())] * len(manifest.shards)
    assert list(_with_progress(iter(inspected), manifest, 2, on_progress)) == inspected
    rows = [shard.rows for shard in manifest.shards]
    assert [bar.done for bar in bars] == [0, *(sum(rows[: number + 1]) for number in range(len(rows)))]
    assert {bar.total for bar in bars} == {COUNT}
    assert lines == [(f"{number} of 3 shards inspected", number) for number in (1, 2, 3)]
