"""Forecast for `imagemint plan` what a sampling run will take, measured on a few batches. Nothing is written.

Of an earlier training run it compares the config keys alone: to compare the rest would take data, embedder and a cluster.
"""

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle, islice
from pathlib import Path

from pipeline.base.errors import UserError
from pipeline.base.pace import on_clock
from pipeline.cli.options import Line
from pipeline.cluster.connection import Resources, connect, on_a_worker, sample_workers
from pipeline.config import Config
from pipeline.models.precision import resolve_precision
from pipeline.models.weights import load_pair
from pipeline.report.work import cost
from pipeline.runs.earlier_runs import config_parameters, restart
from pipeline.runs.run import local_root
from pipeline.runs.usage import ResourceUsage
from pipeline.sampling.filters.fitting import fit_filters
from pipeline.sampling.generate import RecordGenerator, reproducible_numerics
from pipeline.sampling.settings import GenerationSettings
from pipeline.sampling.shards.ranges import ShardPlan, plan_shards
from pipeline.sampling.shards.render import render_shard
from pipeline.store.files import free_space, size_text

MEASURED_BATCHES = 2
MEASURED_S = 5.0  # beside a worker that has just started the first seconds are slower than what follows


@dataclass(frozen=True)
class Requests:
    """Hold how many requests a run makes of an object store, when nothing goes wrong."""

    writes: int  # PUT, COPY and LIST, which are billed alike
    reads: int  # GET and HEAD


def forecast(config: Config, model: Path, data: Path, nodes: int | None = None) -> Iterator[Line]:
    """Report line by line, for a model and its training data. Start or join the cluster that the stage would use.

    With `nodes` it is about as many nodes of the kind that are there.
    """
    with suppress(UserError):  # a plan can be made before its object store is there
        why = restart(config.root, config.name, config_parameters(config), config.train.total_images)
        if why is not None:
            yield Line("training", why, {"training": why})
    pair, sample = load_pair(model), config.sample
    classes = pair.label_names
    shards = len(plan_shards(sample.count, sample.shard_size))
    yield Line(
        "records",
        f"{sample.count:,} images of {pair.spec.shape.size_text} in {shards:,} shard(s) of up to "
        f"{sample.shard_size:,}, {sample.encoding} in {' and '.join(sample.formats)}",
        {"images": sample.count, "shards": shards},
    )
    with connect(config.root, on_gpus=True) as there:
        resources = there if nodes is None else scaled(there, nodes)
        workers = min(sample_workers(config.cluster.sample_workers, resources), shards)
        device = "cuda" if resources.gpus else "cpu"
        settings = GenerationSettings.of(
            sample, pair.spec.condition, classes, resolve_precision(config.train.precision, device)
        )
        generator = RecordGenerator(pair, settings)
        filters = fit_filters(sample.filters, generator, model, data)
        rows = min(sample.count, MEASURED_BATCHES * sample.batch_size)
        work = partial(measure, replace(generator, filters=filters), sample.formats, classes, rows, MEASURED_S, device)
        seconds, sizes = on_a_worker(work, there)
    total = sum(sizes.values()) * sample.count
    each = ", ".join(f"{name} {size:,.0f}" for name, size in sizes.items())
    yield Line(
        "size",
        f"about {size_text(total)}; bytes per image: {each}; {room(config.root, total)}",
        {"bytes": round(total), "bytes_per_image": sizes},
    )
    duration = seconds_of(sample.count, sample.shard_size, workers, seconds)
    yield Line(
        "time",
        f"about {on_clock(duration)}, plus the start of Ray; one worker generated {1 / seconds:,.0f} images/s in a "
        f"trial of {MEASURED_S:.0f} s",
        {"seconds": round(duration), "images_per_s_of_a_worker": round(1 / seconds, 1)},
    )
    usage = ResourceUsage(sample.count, duration, duration * resources.cpus, duration * resources.gpus)
    price, currency = cost(usage, config.audit.prices), config.audit.prices.currency
    yield Line(
        "cost",
        f"about {price:,.2f} {currency} at the prices of the config",
        {"cost": round(price, 4), "currency": currency},
    )
    if local_root(config.root) is None:
        requested = requests_of(shards, len(sample.formats))
        yield Line(
            "requests",
            f"about {requested.writes:,} to write and list, {requested.reads:,} to read",
            {"requests": {"writes": requested.writes, "reads": requested.reads}},
        )
    yield Line(
        "resources",
        f"{workers} worker(s), each on one {'GPU' if resources.gpus else 'CPU'}; "
        f"{'there' if nodes is None else 'planned'}: {resources.cpus} CPUs, {resources.gpus} GPUs on {resources.nodes} node(s)",
        {"workers": workers, "cpus": resources.cpus, "gpus": resources.gpus, "nodes": resources.nodes},
    )


def scaled(there: Resources, nodes: int) -> Resources:
    """Return the resources of so many nodes, each of the mean kind of those that are there."""
    kinds = there.node_cpus or (there.cpus,)
    return Resources(
        cpus=max(there.cpus * nodes // there.nodes, 1),
        gpus=there.gpus * nodes // there.nodes,
        nodes=nodes,
        node_cpus=tuple(islice(cycle(kinds), nodes)),
    )


def seconds_of(count: int, shard_size: int, workers: int, seconds: float) -> float:
    """Return the time of `count` images at `seconds` each. Workers generate whole shards; in the last round some may have none."""
    rounds = -(-len(plan_shards(count, shard_size)) // workers)
    return rounds * min(shard_size, count) * seconds


def requests_of(shards: int, formats: int) -> Requests:
    """Count the requests of a run.

    Each file is put into the run and copied to the dataset; each shard has a commit, which is read back; lists hold 1,000 names.
    """
    files = shards * formats
    lists = 2 * (-(-shards // 1000) + -(-files // 1000))  # before the work and after it
    return Requests(writes=2 * files + shards + lists, reads=shards)


def measure(
    generator: RecordGenerator,
    formats: Sequence[str],
    classes: Sequence[str],
    rows: int,
    at_least_s: float,
    device: str,
) -> tuple[float, dict[str, float]]:
    """Measure the seconds of one worker, and the bytes in each format, of one image: the mean over the first `rows` records.

    These are made again and again for `at_least_s` seconds on `device` (cpu, cuda); the median time counts.
    """
    generator.pair.generator.to(device)
    generator.pair.discriminator.to(device)
    plan = ShardPlan(0, 0, rows)
    with reproducible_numerics():
        generator.shard(plan)  # the first time, the library prepares its kernels
        taken: list[float] = []
        while sum(taken) < at_least_s or not taken:
            started = time.perf_counter()
            contents = render_shard(generator.shard(plan), generator.settings.encoding, formats, classes)
            taken.append(time.perf_counter() - started)
    return statistics.median(taken) / rows, {name: len(content) / rows for name, content in contents.items()}


def room(root: str, needed: float) -> str:
    """Return in words how much room there is below a root, for so many bytes."""
    here = local_root(root)
    if here is None:
        return f"they will be stored in {root}"
    free = free_space(here)
    return f"{'only ' if free < needed else ''}{size_text(free)} free under {root}"
