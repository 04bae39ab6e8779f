"""One function for many items on all nodes of the cluster, by Ray Data: results stream back in the items' order."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import ray
from ray.data import ActorPoolStrategy, DataContext

from pipeline.cpu import keep_little_memory

# Never all CPUs: Ray Data runs tasks of its own beside the actors.
ACTOR_CPUS = 0.999

Item = TypeVar("Item")
Made = TypeVar("Made")


class _Actor:
    """Holds the function, so that what it carries is sent once to each worker, not with each item."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        keep_little_memory()
        self.function = function

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        (item,) = batch["item"]
        made = np.empty(1, dtype=object)
        made[0] = self.function(item)
        return {"made": made}


def fan_out(function: Callable[[Item], Made], items: Sequence[Item], workers: int) -> Iterator[Made]:
    """`function(item)` of each item, in order, by up to `workers` actors of a CPU each, as many results ahead as Ray's memory holds.

    An actor that is lost is replaced and its items are done again: `function` must be one that may run twice.
    """
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    made = ray.data.from_items([{"item": item} for item in items], override_num_blocks=len(items)).map_batches(
        _Actor,
        batch_size=1,
        compute=ActorPoolStrategy(size=min(workers, len(items))),
        fn_constructor_kwargs={"function": function},
        num_cpus=ACTOR_CPUS,
    )
    for row in made.iter_rows():
        yield row["made"]
