"""Training: each preset's step in one process and in two workers, and DCGAN's beside a plain loop."""

import os
import resource
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile, record_function

from pipeline.config import load_preset
from pipeline.config.load import presets
from pipeline.cpu import use_cpu
from pipeline.models.layers import VectorToMap
from pipeline.models.pair import build_discriminator, build_generator
from pipeline.training.batches import ResidentImages, prepared
from pipeline.training.order import DataOrder
from pipeline.training.replicas import Place
from pipeline.training.trainer import Trainer
from stages.train import recipe_of, spec_of
from tests.benchmarks.timing import paired

STEPS = 40
IMAGES = 8_192
PARTS = ("data", "forward", "penalty", "backward", "optimizer")
PLAIN_PRESET = "fashion-mnist-dcgan"


class Steps:
    """A preset's training on random images, to be advanced by some steps at a time."""

    def __init__(self, preset: str, place: Place) -> None:
        config = load_preset(preset)
        spec, recipe = spec_of(config), recipe_of(config, "cpu")
        size = (IMAGES, spec.channels, spec.image_size, spec.image_size)
        pixels = torch.randint(0, 256, size, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
        labels = torch.arange(IMAGES) % max(spec.classes, 1)
        images = ResidentImages(pixels, labels, DataOrder(IMAGES, 0), spec.resolution, place.device)
        self.trainer = Trainer(spec, recipe, images, place, judge=None)
        self._batches = prepared(self.trainer.prepare, range(10**9))

    def advance(self) -> None:
        """`STEPS` steps."""
        for _ in range(STEPS):
            with record_function("data"):
                step, inputs = next(self._batches)
            self.trainer.one_step(step, inputs)

    def shares(self) -> dict[str, float]:
        """What part of the time goes where; a penalty's own forward and backward passes count as its."""
        with profile(activities=[ProfilerActivity.CPU]) as profiler, record_function("all"):
            self.advance()
        times = {event.key: event.cpu_time_total for event in profiler.key_averages()}
        return {part: times.get(part, 0.0) / times["all"] for part in PARTS}


def _serve(rank: int, preset: str, workers: int, threads: int, folder: str, pipes: list[Any]) -> None:
    use_cpu(threads)
    if workers > 1:
        os.environ["GLOO_SOCKET_IFNAME"] = "lo"
        dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=workers)
    steps = Steps(preset, Place(rank, workers))
    for name in iter(pipes[rank].recv, None):
        result = getattr(steps, name)()
        pipes[rank].send((result, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))


class Workers:
    """Processes that train one preset together when told to, and cost nothing in between."""

    def __init__(self, preset: str, workers: int, threads: int, folder: str) -> None:
        ours, theirs = zip(*(mp.get_context("spawn").Pipe() for _ in range(workers)), strict=True)
        self._pipes = ours
        self.peak_memory_mib = 0  # of the largest process
        mp.start_processes(
            _serve,
            args=(preset, workers, threads, folder, list(theirs)),
            nprocs=workers,
            join=False,
            start_method="spawn",
        )

    def call(self, name: str) -> Any:
        """Calls a method of `Steps` in every worker; the first one's result."""
        for pipe in self._pipes:
            pipe.send(name)
        results = [pipe.recv() for pipe in self._pipes]
        self.peak_memory_mib = max(memory for _, memory in results)
        return results[0][0]

    def advance(self) -> None:
        """`STEPS` steps in every worker."""
        self.call("advance")

    def close(self) -> None:
        """Lets the processes end."""
        for pipe in self._pipes:
            pipe.send(None)


@contextmanager
def running(preset: str, workers: int, threads: int) -> Generator[Workers, None, None]:
    """`Workers` for as long as it lasts."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        group = Workers(preset, workers, threads, folder)
        stack.callback(group.close)
        yield group


def preset_figures(preset: str) -> dict[str, Any]:
    """One process with two threads beside two workers with one thread each."""
    images = STEPS * load_preset(preset).train.batch_size
    with running(preset, 1, 2) as one, running(preset, 2, 1) as two:
        two_rate, one_rate, ratio = paired(two.advance, one.advance, images)
        shares = one.call("shares")
        return {
            "images_per_s": one_rate,
            "two_workers_images_per_s": two_rate,
            "two_workers_ratio": ratio,
            "peak_memory_mib": one.peak_memory_mib,
            **{f"share_{part}": share for part, share in shares.items()},
        }


def plain_layers(network: nn.Module) -> nn.Module:
    """`network` in the default layout and of torch's own layers, as the example writes them: the same function."""
    for parent in list(network.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, VectorToMap):
                bias = layer.bias is not None
                plain = nn.ConvTranspose2d(layer.in_channels, layer.out_channels, layer.kernel_size, bias=bias)
                plain.load_state_dict(layer.state_dict())
                setattr(parent, name, plain)
    return network.to(memory_format=torch.contiguous_format)


def plain_figures() -> dict[str, float]:
    """DCGAN's step beside a loop in the manner of the PyTorch DCGAN example: same networks, batch, loss and Adam.

    The plain loop is in fp32, in the default layout, and reads through a DataLoader.
    """
    config = load_preset(PLAIN_PRESET)
    spec, batch = spec_of(config), config.train.batch_size
    steps = Steps(PLAIN_PRESET, Place())
    images = steps.trainer.images.images  # type: ignore[attr-defined]  # resident ones
    margin = (spec.resolution - spec.image_size) // 2
    pixels = F.pad(images.float() / 127.5 - 1, (margin,) * 4, value=-1.0)
    dataset = torch.utils.data.TensorDataset(pixels, torch.arange(IMAGES) % spec.classes)
    generator, discriminator = plain_layers(build_generator(spec)), plain_layers(build_discriminator(spec))
    adam_g = torch.optim.Adam(generator.parameters(), config.train.learning_rate, betas=config.train.betas)
    adam_d = torch.optim.Adam(discriminator.parameters(), config.train.learning_rate, betas=config.train.betas)
    criterion = nn.BCEWithLogitsLoss()
    ones, zeros = torch.ones(batch), torch.zeros(batch)

    def plain() -> None:
        loader = torch.utils.data.DataLoader(dataset, batch, shuffle=True, drop_last=True)
        for _, (real, y) in zip(range(STEPS), loader, strict=False):
            adam_d.zero_grad()
            criterion(discriminator(real, y), ones).backward()
            fake = generator(torch.randn(batch, spec.latent_size), y)
            criterion(discriminator(fake.detach(), y), zeros).backward()
            adam_d.step()
            adam_g.zero_grad()
            criterion(discriminator(fake, y), ones).backward()
            adam_g.step()

    ours_rate, plain_rate, ratio = paired(steps.advance, plain, STEPS * batch)
    return {"images_per_s": ours_rate, "plain_images_per_s": plain_rate, "ratio": ratio}


def training_figures() -> tuple[dict[str, Any], dict[str, float]]:
    """The sections `train` and `ddp` of bench.json; the ratio of `ddp` is the default preset's."""
    torch.set_flush_denormal(True)
    by_preset = {name: preset_figures(name) for name in presets()}
    ddp = {"ratio": by_preset["fashion-mnist"]["two_workers_ratio"]}
    return {**plain_figures(), "presets": by_preset}, ddp
