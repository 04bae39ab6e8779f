"""The one file that binds sampling to Ray Data: a pool of actors, each making whole shards."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.data import ActorPoolStrategy, DataContext

from pipeline.cpu import keep_freed_memory
from pipeline.errors import UserError
from pipeline.models.weights import load_pair
from pipeline.sampling.drawing import MintSettings, reproducible_numerics
from pipeline.sampling.filters import Filter
from pipeline.sampling.plan import ShardPlan
from pipeline.sampling.shards import ShardTarget, make_shard

NO_PROGRESS_TIMEOUT_S = 900


class ShardMaker:
    """An actor that holds the model and makes the shards it is handed."""

    def __init__(
        self, model: Path, settings: MintSettings, filters: Sequence[Filter], target: ShardTarget, use_gpu: bool
    ) -> None:
        keep_freed_memory()
        self.pair = load_pair(model)
        self.settings = settings
        self.filters = filters
        self.target = target
        self.message = ""  # once set, the shards that are left are passed over
        if use_gpu:
            self.pair.generator.cuda()
            self.pair.discriminator.cuda()

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Makes one shard; returns its number, and a message for the user where one is due.

        It is returned, not raised: Ray Data would report it with a page of its own stack.
        """
        plan = ShardPlan(*(int(batch[name][0]) for name in ("shard", "first_index", "rows")))
        try:
            if not self.message:
                with reproducible_numerics():
                    make_shard(self.pair, self.settings, self.filters, self.target, plan)
        except UserError as error:
            self.message = str(error)
        return {"shard": np.array([plan.shard]), "message": np.array([self.message])}


def make_shards(
    model: Path,
    settings: MintSettings,
    filters: Sequence[Filter],
    target: ShardTarget,
    plans: Sequence[ShardPlan],
    *,
    workers: int,
    cpus: int,
    use_gpu: bool,
    on_shard: Callable[[int], None],
) -> None:
    """Makes the shards of `plans`, in any order; `on_shard` is told each number once it is committed.

    Execution is at-least-once; a shard that is made twice is the same bytes twice.
    """
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_no_progress_timeout_s = NO_PROGRESS_TIMEOUT_S
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    workers = min(workers, len(plans))
    # A pool that takes every CPU leaves none for the rest of the pipeline, and hangs.
    cpu_share = min(1.0, max(cpus - 1, 0.5) / workers)
    items = [{"shard": plan.shard, "first_index": plan.first_index, "rows": plan.rows} for plan in plans]
    made = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
        ShardMaker,
        batch_size=1,
        compute=ActorPoolStrategy(size=workers),
        fn_constructor_kwargs={
            "model": model,
            "settings": settings,
            "filters": filters,
            "target": target,
            "use_gpu": use_gpu,
        },
        num_cpus=None if use_gpu else cpu_share,
        num_gpus=1 if use_gpu else None,
    )
    messages = []
    for row in made.iter_rows():
        if row["message"]:
            messages.append(row["message"])
        else:
            on_shard(int(row["shard"]))
    if messages:  # after the last row: ending Ray under a running executor can end this process before it speaks
        raise UserError(messages[0])
