"""Binds sampling to Ray Data: generator actors, and tasks that encode and write what they make."""

import logging
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import ray
from ray.actor import ActorHandle
from ray.data import ActorPoolStrategy, DataContext, TaskPoolStrategy

from pipeline.base.cpu import keep_freed_memory
from pipeline.base.errors import UserError
from pipeline.cluster.first_error import FirstError, start_beside_driver, without_errors
from pipeline.models.weights import load_pair
from pipeline.runs.input_files import InputFiles
from pipeline.sampling.candidates import GenerationSettings, reproducible_numerics
from pipeline.sampling.filters.filter import Filter
from pipeline.sampling.generate import generate_records
from pipeline.sampling.shards.commits import ShardTarget
from pipeline.sampling.shards.ranges import ShardPlan
from pipeline.sampling.shards.render import Row, plan_of
from pipeline.sampling_on_ray.writer import write_unless_failed

NO_PROGRESS_TIMEOUT_S = 900
# Without GPUs a generator has a CPU nearly to itself, and the same CPU's writer what is left: however far the pool grows,
# each CPU bears one of both. A pool of actors that takes every CPU leaves none for the tasks after it, and hangs.
GENERATOR_CPUS = 0.999
WRITER_CPUS = 0.001


class ShardMinter:
    """An actor that holds the model and mints the records of the shards it is handed."""

    def __init__(
        self,
        model: InputFiles,
        settings: GenerationSettings,
        filters: Sequence[Filter],
        first_error: "ActorHandle[FirstError]",
        use_gpu: bool,
    ) -> None:
        keep_freed_memory()
        self.pair = load_pair(model.local())
        self.settings = settings
        self.filters = filters
        self.first_error = first_error
        if use_gpu:
            self.pair.generator.cuda()
            self.pair.discriminator.cuda()

    def __call__(self, row: Row) -> Row:
        """The records of one shard beside its plan, or a message for the user where one is due.

        It is returned, not raised: Ray Data would report it with a page of its own stack.
        """
        message = str(ray.get(self.first_error.message.remote()))
        if not message:
            try:
                with reproducible_numerics():
                    minted = generate_records(self.pair, self.settings, plan_of(row), self.filters)
                return {**row, **minted.columns(), "message": np.array([""])}
            except UserError as error:
                message = str(error)
                ray.get(self.first_error.report.remote(message))
        return {**row, "message": np.array([message])}


def make_shards(
    model: InputFiles,
    settings: GenerationSettings,
    filters: Sequence[Filter],
    target: ShardTarget,
    plans: Sequence[ShardPlan],
    *,
    workers: int,
    grow: bool,
    use_gpu: bool,
    on_shard: Callable[[int, int], None],
) -> None:
    """Makes the shards of `plans`, in any order; `on_shard` is told each number, and how many candidates it
    took, once it is committed.

    Execution is at-least-once; a shard that is made twice is the same bytes twice. With `grow` the pool takes more than
    `workers` actors as soon as the cluster has room for them.
    """
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_no_progress_timeout_s = NO_PROGRESS_TIMEOUT_S
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    workers = min(workers, len(plans))
    first_error = start_beside_driver(FirstError)
    items = [{"shard": plan.shard, "first_index": plan.first_index, "rows": plan.rows} for plan in plans]
    made = (
        ray.data.from_items(items, override_num_blocks=len(items))
        .map_batches(
            ShardMinter,
            batch_size=1,
            compute=ActorPoolStrategy(min_size=workers, max_size=len(plans) if grow else workers),
            fn_constructor_kwargs={
                "model": model,
                "settings": settings,
                "filters": filters,
                "first_error": first_error,
                "use_gpu": use_gpu,
            },
            num_cpus=None if use_gpu else GENERATOR_CPUS,
            num_gpus=1 if use_gpu else None,
        )
        .map_batches(
            partial(write_unless_failed, encoding=settings.encoding, target=target, first_error=first_error),
            batch_size=1,
            # Without this bound, a writer for each shard that waits would start as soon as the generators' CPUs are free.
            compute=TaskPoolStrategy(size=None if use_gpu else workers),
            num_cpus=1 if use_gpu else WRITER_CPUS,
        )
    )
    for row in without_errors(made.iter_rows()):
        on_shard(int(row["shard"]), int(row["candidates"]))
