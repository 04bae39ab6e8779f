"""Forecast what a preset will take on this machine, measured on a few training steps."""

import time
from dataclasses import dataclass

import torch

from pipeline.config import Config
from pipeline.training.batches import ResidentImages
from pipeline.training.block_shuffle import BlockShuffleSampler
from pipeline.training.recipe import Recipe
from pipeline.training.replicas import WorkerContext
from pipeline.training.trainer import Trainer
from pipeline.training_on_ray.configured import spec_of

MEASURED_S = 4.0
IMAGES = 512


@dataclass(frozen=True)
class Effort:
    """Hold the forecast of a preset: times in seconds, sizes in bytes."""

    ingest_s: float
    train_s: float
    images_per_s: float  # in training
    disk: float


def effort(config: Config, images: int, classes: int, prepare_s: float, png_bytes: float, cpus: int) -> Effort:
    """Forecast a whole `make repro`.

    `prepare_s` is the time that one image took to prepare, and `png_bytes` is the size of one image as PNG.
    """
    rate = _training_rate(config, classes)
    # Prepared images and the canonical dataset; DVC keeps links to the same bytes, or one copy more.
    stored = 3 * images + config.sample.count * 2 * len(config.sample.formats)
    return Effort(images * prepare_s / cpus, config.train.total_images / rate, rate, stored * png_bytes)


def _training_rate(config: Config, classes: int) -> float:
    """Return how many images a second the training algorithm processes: on noise, on all cores, without evaluations."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    spec, recipe = spec_of(config, classes), Recipe.of(config.train, device)
    noise = torch.randint(0, 256, (IMAGES, *spec.shape), dtype=torch.uint8)
    labels = torch.arange(IMAGES) % max(classes, 1)
    order = BlockShuffleSampler(IMAGES, recipe.seed, block=IMAGES, window=1)
    context = WorkerContext(device=torch.device(device))
    trainer = Trainer(
        spec, recipe, ResidentImages(noise, labels, order, spec.resolution, context.device), context, None
    )
    step = 0
    for _ in range(recipe.penalty.every):  # the first steps prepare kernels
        trainer.one_step(step, trainer.prepare(step))
        step += 1
    started, first = time.perf_counter(), step
    while step == first or time.perf_counter() - started < MEASURED_S or (step - first) % recipe.penalty.every:
        trainer.one_step(step, trainer.prepare(step))
        step += 1
    return (step - first) * recipe.batch_size / (time.perf_counter() - started)
