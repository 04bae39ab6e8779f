"""Report for `imagemint doctor` what is installed, which hardware is there, and what would run."""

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch

from pipeline import __version__
from pipeline.cli.options import Line
from pipeline.cluster.connection import connect, sample_workers, train_workers
from pipeline.config import Config
from pipeline.config.active import lost_choice
from pipeline.config.load import CONF, active_preset, load_preset, which_config
from pipeline.data.sources.known.fashion_mnist import FASHION_MNIST
from pipeline.models.hardware import device_name
from pipeline.models.precision import resolve_precision
from pipeline.sampling.shards.ranges import plan_shards

PACKAGES = ("torch", "ray", "dvc", "pydantic", "pyarrow", "numpy", "scipy", "opencv-python-headless", "webdataset")


def examine() -> Iterator[Line]:
    """Report line by line. In a checkout, start or join the cluster that stages would use."""
    name = active_preset() if CONF.is_dir() else None
    if name is not None:
        yield Line("", which_config(name), {"preset": name})
        lost = lost_choice(name)
        if lost is not None:
            yield Line("warning", lost, {"warning": lost})
    yield from _software_and_hardware()
    if name is None:
        yield Line("preset", f"none: {Path.cwd()} is no checkout of the project", {"preset": None})
        return
    config = load_preset()
    yield Line("preset", f"{config.name}: config is valid", {})
    yield from _cluster(config)


def _software_and_hardware() -> Iterator[Line]:
    python, system = platform.python_version(), platform.platform()
    said = {"imagemint": __version__, "python": python, "system": system}
    yield Line("", f"imagemint {__version__}, Python {python}, {system}", said)
    packages = {name: _version(name) for name in PACKAGES}
    yield Line("packages", ", ".join(f"{name} {version}" for name, version in packages.items()), {"packages": packages})
    tools = {tool: shutil.which(tool) is not None for tool in ("git", "make", "apt-get")}
    said_of_tools = ", ".join(f"{tool} {'there' if there else 'missing'}" for tool, there in tools.items())
    yield Line("tools", said_of_tools, {"tools": tools})
    cpus, device, memory = os.cpu_count(), device_name(torch.cuda.is_available()), _memory_gib()
    yield Line(
        "hardware",
        f"{cpus} CPUs, {device}, {memory:.0f} GiB of memory",
        {"cpus": cpus, "device": device, "memory_gib": round(memory, 1)},
    )
    free = shutil.disk_usage(Path.cwd()).free
    yield Line("disk", f"{free / 1e9:,.0f} GB free here", {"free_bytes": free})
    installed = FASHION_MNIST.installed
    there = installed.is_dir()
    yield Line(
        "data",
        f"fashion-mnist: {'installed in' if there else 'not in'} {installed}",
        {"fashion_mnist_installed": there},
    )


def _cluster(config: Config) -> Iterator[Line]:
    address = os.environ.get("RAY_ADDRESS")
    with connect(config.root) as resources:
        where = f"cluster at {address}" if address else "on this machine (RAY_ADDRESS is not set)"
        yield Line(
            "ray",
            f"{where}: {resources.nodes} node(s), {resources.cpus} CPUs, {resources.gpus} GPUs",
            {"ray": {"address": address, "nodes": resources.nodes, "cpus": resources.cpus, "gpus": resources.gpus}},
        )
        device = "cuda" if resources.gpus else "cpu"
        train, sample = config.train, config.sample
        workers = train_workers(config.cluster.train_workers, resources, train.batch_size, train.accumulation)
        precision = resolve_precision(train.precision, device)
        yield Line(
            "would run",
            f"train: {workers} worker(s), {precision}, {train.total_images:,} images",
            {"train": {"workers": workers, "precision": precision, "images": train.total_images}},
        )
        workers = sample_workers(config.cluster.sample_workers, resources)
        shards = len(plan_shards(sample.count, sample.shard_size))
        yield Line(
            "",
            f"sample: {workers} worker(s), {sample.count:,} images in {shards} shards as {' and '.join(sample.formats)}",
            {"sample": {"workers": workers, "images": sample.count, "shards": shards, "formats": list(sample.formats)}},
        )


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
