"""What is said after each shard."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.base.progress import Progress
from pipeline.models.weights import TrainedPair
from pipeline.sampling.generate import RecordGenerator
from pipeline.sampling.shards.ranges import plan_shards
from pipeline.sampling_on_ray.progress import SamplingProgress
from tests.unit.tiny import SETTINGS, SHARD_SIZE, make_shard, target_in


class Shown:
    """Takes the place of Prometheus's gauges, which Ray offers; keeps what they show."""

    def __init__(self) -> None:
        self.figures: dict[str, float] = {}

    def show(self, **figures: float) -> None:
        """Keep the figures."""
        self.figures = figures


@pytest.mark.usefixtures("one_thread")
def test_each_shard_is_told_with_what_is_done_of_all(tiny_pair: TrainedPair, tmp_path: Path) -> None:
    target, plans = target_in(tmp_path), plan_shards(3 * SHARD_SIZE, SHARD_SIZE)
    for shard in plans:
        make_shard(RecordGenerator(tiny_pair, SETTINGS), target, shard)
    told: list[tuple[str, dict[str, Any]]] = []
    bars: list[Progress] = []

    def on_progress(progress: Progress, line: str, **values: Any) -> None:
        bars.append(progress)
        told.extend([(line, values)] * bool(line))

    gauges = Shown()
    # The first shard was there before.
    progress = SamplingProgress(target, plans, plans[1:], 4, gauges, on_progress)
    progress.one_more(2, candidates=24)
    progress.one_more(1, candidates=12)
    assert progress.made == 2 * SHARD_SIZE
    assert [line.partition(" |")[0] for line, _ in told] == ["shard 2 committed, 2 of 3", "shard 1 committed, 3 of 3"]
    assert [(figures["images"], figures["acceptance"]) for _, figures in told] == [(24, 0.5), (36, 0.6667)]
    assert [(bar.done, bar.total, bar.note) for bar in bars] == [
        (12, 36, "1 of 3 shards"),
        (24, 36, "2 of 3 shards, 50% accepted"),
        (36, 36, "3 of 3 shards, 67% accepted"),
    ]
    assert gauges.figures == told[-1][1]
    assert gauges.figures["images_per_s"] > 0
