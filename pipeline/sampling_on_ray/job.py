"""Bind sampling to Ray Data: generator actors, and tasks that encode and write what they generate."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np
import ray
from ray.actor import ActorHandle
from ray.data import ActorPoolStrategy, DataContext, TaskPoolStrategy

from pipeline.base.cpu import keep_freed_memory
from pipeline.base.errors import UserError
from pipeline.cluster.connection import Resources, sample_workers
from pipeline.cluster.first_error import FirstError, start_on_driver_node, without_errors
from pipeline.models.weights import load_pair
from pipeline.runs.input_files import InputFiles
from pipeline.sampling.filters.filter import Filter
from pipeline.sampling.generate import RecordGenerator, reproducible_numerics
from pipeline.sampling.settings import GenerationSettings
from pipeline.sampling.shards.commits import ShardTarget
from pipeline.sampling.shards.ranges import ShardPlan
from pipeline.sampling.shards.render import Row, plan_of
from pipeline.sampling_on_ray.writer import write_unless_failed

NO_PROGRESS_TIMEOUT_S = 900
# Without GPUs a generator has a CPU nearly to itself, and the same CPU's writer what is left: however far the pool grows,
# each CPU bears one of both. A pool of actors that takes every CPU leaves none for the tasks after it, and hangs.
GENERATOR_CPUS = 0.999
WRITER_CPUS = 0.001


@dataclass(frozen=True)
class StoredGenerator:
    """Load a `RecordGenerator` on any node; it is sent to the workers."""

    model: InputFiles
    settings: GenerationSettings
    filters: Sequence[Filter] = ()

    def load(self, *, use_gpu: bool) -> RecordGenerator:
        """Return the generator on a device of this process."""
        pair = load_pair(self.model.local())
        if use_gpu:
            pair.generator.cuda()
            pair.discriminator.cuda()
        return RecordGenerator(pair, self.settings, self.filters)


@dataclass(frozen=True)
class WorkerPool:
    """Describe the generator actors: how many at first, whether more as the cluster grows, and whether with GPUs."""

    workers: int
    grow: bool
    use_gpu: bool

    @property
    def device(self) -> str:
        """Return what a worker computes on: cuda or cpu."""
        return "cuda" if self.use_gpu else "cpu"

    @classmethod
    def of(cls, wanted: int | str, resources: Resources) -> Self:
        """Return the pool for `cluster.sample_workers` on what the cluster has."""
        return cls(sample_workers(wanted, resources), wanted == "auto", resources.gpus > 0)


class ShardGenerator:
    """Hold the model in an actor, and generate the records of the shards that it is handed."""

    def __init__(self, generator: StoredGenerator, first_error: "ActorHandle[FirstError]", use_gpu: bool) -> None:
        keep_freed_memory()
        self.generator = generator.load(use_gpu=use_gpu)
        self.first_error = first_error

    def __call__(self, row: Row) -> Row:
        """Return the records of one shard with its plan, or a message for the user where one is due.

        It is returned, not raised: Ray Data would report it with a page of its own stack.
        """
        message = str(ray.get(self.first_error.message.remote()))
        if not message:
            try:
                with reproducible_numerics():
                    shard = self.generator.shard(plan_of(row))
                return {**row, **shard.columns(), "message": np.array([""])}
            except UserError as error:
                message = str(error)
                ray.get(self.first_error.report.remote(message))
        return {**row, "message": np.array([message])}


def generate_shards(
    generator: StoredGenerator,
    target: ShardTarget,
    plans: Sequence[ShardPlan],
    pool: WorkerPool,
    on_shard: Callable[[int, int], None],
) -> None:
    """Generate the shards of `plans`, in any order.

    `on_shard` is called with each shard's number and how many candidates it took, once it is committed. Execution is
    at-least-once; a shard that is made twice is the same bytes twice. A pool that grows takes more actors as soon as
    the cluster has room for them.
    """
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_no_progress_timeout_s = NO_PROGRESS_TIMEOUT_S
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    workers, use_gpu = min(pool.workers, len(plans)), pool.use_gpu
    first_error = start_on_driver_node(FirstError)
    items = [{"shard": plan.shard, "first_index": plan.first_index, "rows": plan.rows} for plan in plans]
    written = (
        ray.data.from_items(items, override_num_blocks=len(items))
        .map_batches(
            ShardGenerator,
            batch_size=1,
            compute=ActorPoolStrategy(min_size=workers, max_size=len(plans) if pool.grow else workers),
            fn_constructor_kwargs={"generator": generator, "first_error": first_error, "use_gpu": use_gpu},
            num_cpus=None if use_gpu else GENERATOR_CPUS,
            num_gpus=1 if use_gpu else None,
        )
        .map_batches(
            partial(write_unless_failed, encoding=generator.settings.encoding, target=target, first_error=first_error),
            batch_size=1,
            # Without this bound, a writer for each shard that waits would start as soon as the generators' CPUs are free.
            compute=TaskPoolStrategy(size=None if use_gpu else workers),
            num_cpus=1 if use_gpu else WRITER_CPUS,
        )
    )
    for row in without_errors(written.iter_rows()):
        on_shard(int(row["shard"]), int(row["candidates"]))
