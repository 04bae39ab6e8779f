"""How far a sampling run is, after each of its shards."""

import time
from collections.abc import Callable, Sequence

from pipeline.base.pace import Pace, in_words
from pipeline.base.progress import Progress
from pipeline.cluster.gauges import RunGauges
from pipeline.sampling.shards.commits import ShardTarget, committed
from pipeline.sampling.shards.ranges import ShardPlan


class SamplingProgress:
    """Say how far the work is, to people, machines and Prometheus, after each shard."""

    def __init__(
        self,
        target: ShardTarget,
        plans: Sequence[ShardPlan],
        missing: Sequence[ShardPlan],
        workers: int,
        gauges: RunGauges,
        tell: Callable[..., None],
    ) -> None:
        """`missing` are those of `plans` that so many workers make; `tell` is given how far it is, a line and its figures."""
        self.target, self.gauges, self.tell = target, gauges, tell
        self.shards, self.images = len(plans), sum(plan.rows for plan in plans)
        self.missing = {plan.shard: plan for plan in missing}
        self.at_once = min(workers, len(missing))
        self.made = self.candidates = 0
        self.pace: Pace | None = None  # before the first shard
        there = self.images - sum(plan.rows for plan in missing)
        tell(Progress(there, self.images, "images", note=self._shards_said()), "")

    def one_more(self, shard: int, candidates: int) -> None:
        """Count a shard that is committed now, of so many candidates."""
        plan = self.missing.pop(shard)
        now = time.monotonic()
        if self.pace is None:  # Ray and the workers took a while to be there
            commit = committed(self.target, [plan]).get(shard)
            took = 0.0 if commit is None else commit.seconds
            self.pace = Pace(now - took, at_once=self.at_once)
        self.pace.add(plan.rows)
        self.made += plan.rows
        self.candidates += candidates
        left = sum(plan.rows for plan in self.missing.values())
        seconds_left = self.pace.seconds_left(left, now)
        figures: dict[str, float] = {
            "shards": self.shards - len(self.missing),
            "shards_wanted": self.shards,
            "images": self.images - left,
            "images_wanted": self.images,
            "images_per_s": round(self.pace.rate(now), 1),
            "acceptance": round(self.made / self.candidates, 4),
        }
        self.gauges.show(**figures)
        fast = f"{figures['images_per_s']:,.0f} images/s"
        line = f"shard {shard} committed, {figures['shards']} of {self.shards} | {fast}" + (
            f" | {in_words(seconds_left)} left" if seconds_left else ""
        )
        said = self._shards_said() + (f", {figures['acceptance']:.0%} accepted" if self.candidates > self.made else "")
        done = self.images - left
        self.tell(
            Progress(done, self.images, "images", rate=fast, seconds_left=seconds_left, note=said), line, **figures
        )

    def _shards_said(self) -> str:
        return f"{self.shards - len(self.missing):,} of {self.shards:,} shards"
