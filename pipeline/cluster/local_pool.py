"""Apply one function to many items in processes of this machine: results stream back in the items' order.

`pipeline.cluster.parallel_map` does the same by Ray Data on all nodes of a cluster. On one machine that costs some 20 s of CPU time and 1 GB of
memory for processes of Ray's own before the first item is done: more than ingesting 30,000 small images.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import TypeVar

from pipeline.base.cpu import keep_little_memory
from pipeline.base.errors import UserError

# Goes without a single result in order before we give up: a worker that dies may take with it what another has nearly done.
_GOES = 3

Item = TypeVar("Item")
Made = TypeVar("Made")


def on_this_machine(
    function: Callable[[Item], Made], items: Sequence[Item], workers: int, preload: Sequence[str] = ()
) -> Iterator[Made]:
    """Yield `function(item)` of each item, in order, computed by up to `workers` processes.

    When a worker dies, what it and the others were doing is done again: `function` must be one that may run twice.

    Args:
        function: is sent to the workers, as are the items.
        items: what to do.
        workers: how many processes.
        preload: modules that the workers need. They are imported once, and their memory is shared.

    Raises:
        UserError: workers die again and again.
    """
    done, in_vain = 0, 0
    while done < len(items):
        try:
            for made in _once(function, items[done:], workers, preload):
                done, in_vain = done + 1, 0
                yield made
        except BrokenProcessPool:
            in_vain += 1
            if in_vain == _GOES:
                raise UserError(
                    f"The system ended workers {_GOES} times after {done:,} of {len(items):,} parts, most likely for "
                    "lack of memory. Free some memory and run the same command again; finished work is kept."
                ) from None


def _once(
    function: Callable[[Item], Made], items: Sequence[Item], workers: int, preload: Sequence[str]
) -> Iterator[Made]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    # Workers end when the other end is closed: by us, or by the system when this process is killed.
    theirs, ours = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(min(workers, len(items)), context, initializer=_begin, initargs=(theirs,))
    try:
        yield from pool.map(function, items)
    finally:
        ours.close()
        theirs.close()
        pool.shutdown(cancel_futures=True)


def _begin(connection: Connection) -> None:
    keep_little_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all: the process that started us sees to the end
    threading.Thread(target=_end_with, args=(connection,), daemon=True).start()


def _end_with(connection: Connection) -> None:
    connection.poll(None)  # nothing is ever sent
    os._exit(0)
