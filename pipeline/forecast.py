"""What `imagemint plan` reports: what a sampling run will take, measured on a few batches. Nothing is written."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.cluster import connect, sample_workers
from pipeline.config import Config
from pipeline.folders import is_remote
from pipeline.models.precision import resolve_precision
from pipeline.models.weights import TrainedPair, load_pair
from pipeline.sampling.drawing import MintSettings, reproducible_numerics
from pipeline.sampling.filters import Filter
from pipeline.sampling.fitting import fit_filters
from pipeline.sampling.minting import mint
from pipeline.sampling.plan import ShardPlan, plan_shards
from pipeline.sampling.shards import render_shard
from pipeline.storage import free_space

MEASURED_BATCHES = 2


def forecast(config: Config, model: Path, data: Path) -> Iterator[str]:
    """The report, line by line, for a model and its training data. Starts or joins the cluster that the stage would use."""
    pair, sample = load_pair(model), config.sample
    classes = pair.label_names
    shards = len(plan_shards(sample.count, sample.shard_size))
    yield (
        f"records    {sample.count:,} images of {pair.spec.image_size} px in {shards} shard(s) of up to "
        f"{sample.shard_size:,}, {sample.encoding} in {' and '.join(sample.formats)}"
    )
    with connect(config.root) as resources:
        workers = min(sample_workers(config.cluster.sample_workers, resources), shards)
        device = "cuda" if resources.gpus else "cpu"
        settings = MintSettings.of(sample, classes, resolve_precision(config.train.precision, device))
        filters = fit_filters(sample.filters, pair, settings, model, data)
        pair.generator.to(device)
        pair.discriminator.to(device)
        rows = min(sample.count, MEASURED_BATCHES * sample.batch_size)
        seconds, sizes = measure(pair, settings, filters, sample.formats, classes, rows)
    total = sum(sizes.values()) * sample.count
    each = ", ".join(f"{name} {size:,.0f}" for name, size in sizes.items())
    yield f"size       about {_bytes(total)}, bytes an image: {each}; {_room(config.root)}"
    yield (
        f"time       about {_duration(sample.count * seconds / workers)} and the start of Ray; measured on {rows:,} images "
        f"here: {1 / seconds:,.0f} images/s a worker"
    )
    yield (
        f"resources  {workers} worker(s), each on one {'GPU' if resources.gpus else 'CPU'}; there: {resources.cpus} CPUs, "
        f"{resources.gpus} GPUs on {resources.nodes} node(s)"
    )


def measure(
    pair: TrainedPair,
    settings: MintSettings,
    filters: Sequence[Filter],
    formats: Sequence[str],
    classes: Sequence[str],
    rows: int,
) -> tuple[float, dict[str, float]]:
    """Seconds of one worker, and bytes in each format, of one image: the mean over the first `rows` records."""
    plan = ShardPlan(0, 0, rows)
    with reproducible_numerics():
        mint(pair, settings, plan, filters)  # the first time, the library prepares its kernels
        started = time.perf_counter()
        contents = render_shard(mint(pair, settings, plan, filters), settings.encoding, formats, classes)
        seconds = time.perf_counter() - started
    return seconds / rows, {name: len(content) / rows for name, content in contents.items()}


def _room(root: str) -> str:
    if is_remote(root):
        return f"to be kept in {root}"
    return f"{_bytes(free_space(Path(root)))} free under {root}"


def _bytes(count: float) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
