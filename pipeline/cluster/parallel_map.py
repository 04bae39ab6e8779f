"""Apply one function to many items on all nodes of the cluster, by Ray Data: results stream back in the items' order."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import ray
from ray.actor import ActorHandle
from ray.data import ActorPoolStrategy, DataContext

from pipeline.base.cpu import keep_little_memory
from pipeline.base.errors import UserError
from pipeline.cluster.first_error import FirstError, start_on_driver_node, without_errors

# Never all CPUs: Ray Data runs tasks of its own beside the actors.
ACTOR_CPUS = 0.999

ATTEMPTS = 3  # at an item whose worker was lost: Ray would try for ever, also what ends every worker
ENDED_ALL = (
    f"The same part ended {ATTEMPTS} worker processes without an error message. Either memory ran out, or a file that "
    "they read makes them crash. Give the workers more memory, or remove that file, and run the same command again; "
    "finished work is kept."
)

Item = TypeVar("Item")
Made = TypeVar("Made")


class _CountingFirstError(FirstError):
    """Keep how often each item was begun, too: an item that ends its workers is an error."""

    def __init__(self) -> None:
        super().__init__()
        self._begun: Counter[int] = Counter()

    def begin(self, number: int) -> str:
        """Count, and return the message; empty so far."""
        self._begun[number] += 1
        if self._begun[number] > ATTEMPTS:
            self.report(ENDED_ALL)
        return self.message()


class _Actor:
    """Hold the function, so that what it carries is sent once to each worker, not with each item."""

    def __init__(self, function: Callable[[Any], Any], first_error: "ActorHandle[_CountingFirstError]") -> None:
        keep_little_memory()
        self.function = function
        self.first_error = first_error

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        (number,), (item,) = batch["number"], batch["item"]
        made = np.empty(1, dtype=object)
        message = str(ray.get(self.first_error.begin.remote(int(number))))
        if not message:
            try:
                made[0] = self.function(item)
            except UserError as error:
                message = str(error)
                ray.get(self.first_error.report.remote(message))
        return {"made": made, "message": np.array([message])}


def fan_out(function: Callable[[Item], Made], items: Sequence[Item], workers: int) -> Iterator[Made]:
    """Yield `function(item)` of each item, in order, computed by up to `workers` actors of a CPU each.

    As many results are computed ahead as Ray's memory holds.

    An actor that is lost is replaced and its items are done again: `function` must be one that may run twice.

    Raises:
        UserError: that of `function`, or an item has ended each worker that took it; what was begun by then is finished before.
    """
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    first_error = start_on_driver_node(_CountingFirstError)
    rows = [{"number": number, "item": item} for number, item in enumerate(items)]
    made = ray.data.from_items(rows, override_num_blocks=len(items)).map_batches(
        _Actor,
        batch_size=1,
        compute=ActorPoolStrategy(size=min(workers, len(items))),
        fn_constructor_kwargs={"function": function, "first_error": first_error},
        num_cpus=ACTOR_CPUS,
    )
    for row in without_errors(made.iter_rows()):
        yield row["made"]
