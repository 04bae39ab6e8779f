"""Training: each preset's step in one process and in two workers, and DCGAN's beside a plain loop."""

import os
import resource
import tempfile
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.profiler import ProfilerActivity, profile, record_function

from pipeline.base.cpu import use_cpu
from pipeline.config import load_preset
from pipeline.config.load import presets
from pipeline.models.pair import build_discriminator, build_generator
from pipeline.training.batches import ResidentImages, prepared
from pipeline.training.block_shuffle import BlockShuffleSampler
from pipeline.training.recipe import Recipe
from pipeline.training.replicas import WorkerContext
from pipeline.training.trainer import Trainer
from pipeline.training_on_ray.configured import spec_of
from tests.benchmarks.plain import plain_layers
from tests.benchmarks.timing import paired

STEPS = 40
IMAGES = 8_192
PARTS = ("data", "forward", "penalty", "backward", "optimizer")
PLAIN_PRESET = "fashion-mnist-dcgan"


class Steps:
    """A preset's training on random images, to be advanced by some steps at a time."""

    def __init__(self, preset: str, context: WorkerContext) -> None:
        config = load_preset(preset)
        spec, recipe = spec_of(config, 10), Recipe.of(config.train, "cpu")
        size = (IMAGES, *spec.shape)
        pixels = torch.randint(0, 256, size, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
        labels = torch.arange(IMAGES) % max(spec.classes, 1)
        images = ResidentImages(pixels, labels, BlockShuffleSampler(IMAGES, 0), spec.resolution, context.device)
        self.trainer = Trainer(spec, recipe, images, context, evaluator=None)
        self._batches = prepared(self.trainer.prepare, range(10**9))

    def advance(self) -> None:
        """`STEPS` steps."""
        for _ in range(STEPS):
            with record_function("data"):
                step, inputs = next(self._batches)
            self.trainer.one_step(step, inputs)

    def shares(self) -> dict[str, float]:
        """What part of the time goes where; a penalty's second derivative counts as backward."""
        with profile(activities=[ProfilerActivity.CPU]) as profiler, record_function("all"):
            self.advance()
        times = {event.key: event.cpu_time_total for event in profiler.key_averages()}
        return {part: times.get(part, 0.0) / times["all"] for part in PARTS}


class PlainLoop:
    """Training in the manner of the PyTorch DCGAN example, on random images, with a preset's networks and batch.

    In fp32, in the default layout, reading through a DataLoader; non-saturating loss and Adam.
    """

    def __init__(self, preset: str) -> None:
        train, spec = load_preset(preset).train, spec_of(load_preset(preset), 10)
        size = (IMAGES, spec.channels, spec.resolution, spec.resolution)
        self.dataset = torch.utils.data.TensorDataset(torch.rand(size) * 2 - 1, torch.arange(IMAGES) % spec.classes)
        self.batch, self.latent_size = train.batch_size, spec.latent_size
        self.generator, self.discriminator = (
            plain_layers(build_generator(spec)),
            plain_layers(build_discriminator(spec)),
        )
        self.adam_g = torch.optim.Adam(self.generator.parameters(), train.learning_rate, betas=train.betas)
        self.adam_d = torch.optim.Adam(self.discriminator.parameters(), train.learning_rate, betas=train.betas)
        self.criterion = nn.BCEWithLogitsLoss()

    def advance(self) -> None:
        """`STEPS` steps."""
        ones, zeros = torch.ones(self.batch), torch.zeros(self.batch)
        loader = torch.utils.data.DataLoader(self.dataset, self.batch, shuffle=True, drop_last=True)
        for _, (real, y) in zip(range(STEPS), loader, strict=False):
            self.adam_d.zero_grad()
            self.criterion(self.discriminator(real, y), ones).backward()
            fake = self.generator(torch.randn(self.batch, self.latent_size), y)
            self.criterion(self.discriminator(fake.detach(), y), zeros).backward()
            self.adam_d.step()
            self.adam_g.zero_grad()
            self.criterion(self.discriminator(fake, y), ones).backward()
            self.adam_g.step()


def _train(rank: int, preset: str, workers: int, threads: int, folder: str, pipes: list[Any]) -> None:
    use_cpu(threads)
    if workers > 1:
        os.environ["GLOO_SOCKET_IFNAME"] = "lo"
        dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=workers)
    _serve(Steps(preset, WorkerContext(rank, workers)), pipes[rank])


def _train_plainly(rank: int, preset: str, threads: int, pipes: list[Any]) -> None:
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # or the comparison would depend on when activations die
    _serve(PlainLoop(preset), pipes[rank])


def _serve(loop: Steps | PlainLoop, pipe: Any) -> None:
    for name in iter(pipe.recv, None):
        result = getattr(loop, name)()
        pipe.send((result, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))


class Workers:
    """Processes that train together when told to, and cost nothing in between."""

    def __init__(self, work: Callable[..., None], count: int, *args: object) -> None:
        ours, theirs = zip(*(mp.get_context("spawn").Pipe() for _ in range(count)), strict=True)
        self._pipes = ours
        self.peak_memory_mib = 0  # of the largest process
        mp.start_processes(work, args=(*args, list(theirs)), nprocs=count, join=False, start_method="spawn")

    def call(self, name: str) -> Any:
        """Calls a method in every worker; the first one's result."""
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
def training(preset: str, workers: int, threads: int) -> Generator[Workers, None, None]:
    """Our training of a preset in processes, for as long as it lasts."""
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Workers(_train, workers, preset, workers, threads, folder)) as group,
    ):
        yield group


def preset_figures(preset: str) -> dict[str, Any]:
    """One process with two threads beside two workers with one thread each."""
    images = STEPS * load_preset(preset).train.batch_size
    with training(preset, workers=1, threads=2) as one, training(preset, workers=2, threads=1) as two:
        two_rate, one_rate, ratio = paired(two.advance, one.advance, images)
        memory = one.peak_memory_mib
        shares = one.call("shares")  # the profiler needs memory of its own
        return {
            "images_per_s": one_rate,
            "two_workers_images_per_s": two_rate,
            "two_workers_ratio": ratio,
            "peak_memory_mib": memory,
            **{f"share_{part}": share for part, share in shares.items()},
        }


def plain_figures() -> dict[str, float]:
    """DCGAN's step beside a plain loop: same networks, batch, loss and Adam, each in a process with two threads."""
    images = STEPS * load_preset(PLAIN_PRESET).train.batch_size
    with (
        training(PLAIN_PRESET, workers=1, threads=2) as ours,
        closing(Workers(_train_plainly, 1, PLAIN_PRESET, 2)) as plain,
    ):
        ours_rate, plain_rate, ratio = paired(ours.advance, plain.advance, images)
    return {"images_per_s": ours_rate, "plain_images_per_s": plain_rate, "ratio": ratio}


def training_figures() -> tuple[dict[str, Any], dict[str, float]]:
    """The sections `train` and `ddp` of bench.json; the ratio of `ddp` is the default preset's."""
    by_preset = {name: preset_figures(name) for name in presets()}
    ddp = {"ratio": by_preset["fashion-mnist"]["two_workers_ratio"]}
    return {**plain_figures(), "presets": by_preset}, ddp
