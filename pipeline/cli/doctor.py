"""What `imagemint doctor` reports: what is installed, what hardware, what would run."""

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch

from pipeline import __version__
from pipeline.cluster.connection import connect, sample_workers, train_workers
from pipeline.config.active import lost_choice
from pipeline.config.load import active_preset, load_preset, which_config
from pipeline.data.sources.known.fashion_mnist import FASHION_MNIST
from pipeline.models.hardware import device_name
from pipeline.models.precision import resolve_precision
from pipeline.sampling.shards.ranges import plan_shards

PACKAGES = ("torch", "ray", "dvc", "pydantic", "pyarrow", "numpy", "scipy", "opencv-python-headless", "webdataset")


def examine() -> Iterator[str]:
    """The report, line by line. Starts or joins the cluster that stages would use."""
    name = active_preset()
    yield which_config(name)
    lost = lost_choice(name)
    if lost is not None:
        yield f"warning    {lost}"
    yield f"imagemint {__version__}, Python {platform.python_version()}, {platform.platform()}"
    yield "packages   " + ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    yield "tools      " + ", ".join(
        f"{tool} {'there' if shutil.which(tool) else 'missing'}" for tool in ("git", "make", "apt-get")
    )
    yield f"hardware   {os.cpu_count()} CPUs, {device_name(torch.cuda.is_available())}, {_memory_gib():.0f} GiB of memory"
    yield f"disk       {shutil.disk_usage(Path.cwd()).free / 1e9:,.0f} GB free here"
    installed = FASHION_MNIST.installed
    yield f"data       fashion-mnist: {'installed in' if installed.is_dir() else 'not in'} {installed}"
    config = load_preset()
    yield f"preset     {config.name}: config is valid"
    address = os.environ.get("RAY_ADDRESS")
    with connect(config.root) as resources:
        where = f"cluster at {address}" if address else "embedded (RAY_ADDRESS is not set)"
        yield f"ray        {where}: {resources.nodes} node(s), {resources.cpus} CPUs, {resources.gpus} GPUs"
        device = "cuda" if resources.gpus else "cpu"
        train = config.train
        workers = train_workers(config.cluster.train_workers, resources, train.batch_size, train.accumulation)
        yield (
            f"would run  train: {workers} worker(s), "
            f"{resolve_precision(train.precision, device)}, {train.total_images:,} images"
        )
        yield (
            f"           sample: {sample_workers(config.cluster.sample_workers, resources)} worker(s), "
            f"{config.sample.count:,} images in {len(plan_shards(config.sample.count, config.sample.shard_size))} shards "
            f"as {' and '.join(config.sample.formats)}"
        )


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
