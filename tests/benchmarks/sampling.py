"""Sampling by Ray Data on all cores, beside a plain script, and beside the time that its parts take alone."""

import io
import logging
import os
import tempfile
import time
from pathlib import Path

import torch
import webdataset
from PIL import Image

from pipeline.base.cpu import keep_freed_memory
from pipeline.cluster.connection import connect
from pipeline.config import load_preset
from pipeline.models.calibration import Calibration
from pipeline.models.generate import discriminate, generate_pixels
from pipeline.models.latents import balanced_labels, latents
from pipeline.models.pair import build_discriminator, build_generator
from pipeline.models.precision import resolve_precision
from pipeline.models.spec import PairSpec
from pipeline.models.weights import load_pair, save_pair
from pipeline.runs.input_files import InputFiles
from pipeline.sampling.generate import RecordGenerator, reproducible_numerics
from pipeline.sampling.settings import GenerationSettings
from pipeline.sampling.shards.commits import ShardTarget
from pipeline.sampling.shards.formats import as_webdataset
from pipeline.sampling.shards.ranges import ShardPlan, plan_shards
from pipeline.sampling_on_ray.job import StoredGenerator, WorkerPool, generate_shards
from pipeline.store.files import write_atomically
from pipeline.store.local import LocalFolder
from tests.benchmarks.plain import plain_layers
from tests.benchmarks.timing import rate

SPEC = PairSpec("dcgan", 32, 28, 1, 10, 64, "normal", 32)
CLASSES = tuple("0123456789")
SHARD = 10_000
SHARDS = 30
PLAIN_BATCH = 64
PLAIN_RECORDS = 20_000


def sample_figures() -> dict[str, float]:
    """Of tars of PNG images, the default preset's generator:

    The plain script makes images alone, and then images with the discriminator's logits, as ours does. `images_per_s` is Ray
    Data's from its first shard to its last, `with_start_images_per_s` from its start. The limit is what all cores together would
    make if the forward passes (of generator and discriminator), encoding and writing took what they take alone: no latents, no
    digest, no transfer between processes.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        save_pair(
            folder / "model",
            SPEC,
            build_generator(SPEC).state_dict(),
            build_discriminator(SPEC).state_dict(),
            Calibration.none(SPEC.classes),
            {"name": "bench", "classes": list(CLASSES)},
        )
        settings = GenerationSettings.of(
            load_preset("fashion-mnist").sample, SPEC.condition, CLASSES, resolve_precision("auto", "cpu")
        )
        plain = rate(lambda: plain_script(folder, logits=False), PLAIN_RECORDS)
        plain_with_logits = rate(lambda: plain_script(folder, logits=True), PLAIN_RECORDS)
        seconds = seconds_alone(folder, settings)
        steady, with_start, cpus = rates_of_ray_data(folder, settings)
    limit = cpus / sum(seconds.values())
    return {
        "images_per_s": steady,
        "with_start_images_per_s": with_start,
        "plain_images_per_s": plain,
        "ratio": steady / plain,
        "plain_with_logits_images_per_s": plain_with_logits,
        "ratio_with_logits": steady / plain_with_logits,
        "limit_images_per_s": limit,
        "of_limit": steady / limit,
        **{f"{part}_us": 1e6 * value for part, value in seconds.items()},
    }


def rates_of_ray_data(folder: Path, settings: GenerationSettings) -> tuple[float, float, int]:
    """Images per second from the first shard to the last, and from the start; and the number of CPUs."""
    target = ShardTarget(LocalFolder(folder / "run"), "0" * 64, ("webdataset",), CLASSES)
    ends: list[float] = []
    with connect(str(folder)) as resources:
        started = time.perf_counter()
        generate_shards(
            StoredGenerator(InputFiles(folder / "model"), settings),
            target,
            plan_shards(SHARDS * SHARD, SHARD),
            WorkerPool(resources.cpus, grow=True, use_gpu=False),
            on_shard=lambda *_: ends.append(time.perf_counter()),
        )
    logging.getLogger("ray.data").setLevel(logging.NOTSET)
    return (SHARDS - 1) * SHARD / (ends[-1] - ends[0]), SHARDS * SHARD / (ends[-1] - started), resources.cpus


def seconds_alone(folder: Path, settings: GenerationSettings) -> dict[str, float]:
    """Seconds an image of each part, alone on one core; each is measured once its caches are warm."""
    keep_freed_memory()
    pair = load_pair(folder / "model")
    z, labels = latents(0, 0, SHARD, SPEC.latent_size, SPEC.latent_prior), balanced_labels(0, SHARD, SPEC.classes)
    with reproducible_numerics():
        records = RecordGenerator(pair, settings).shard(ShardPlan(0, 0, SHARD)).records
        size, precision = settings.batch_size, settings.precision

        def both_networks() -> None:
            images = generate_pixels(pair.generator, SPEC, z, labels, batch_size=size, precision=precision)
            discriminate(pair.discriminator, SPEC, images, labels, batch_size=size, precision=precision)

        forward = rate(both_networks, SHARD)
        encoded = [settings.encoding.encode(image) for image in records.images]
        encode = rate(lambda: [settings.encoding.encode(image) for image in records.images], SHARD)
        path = folder / "alone.tar"
        write = rate(lambda: write_atomically(path, as_webdataset(records, encoded, CLASSES, ".png")), SHARD)
    return {"forward": 1 / forward, "encode": 1 / encode, "write": 1 / write}


@torch.no_grad()
def plain_script(folder: Path, *, logits: bool) -> None:
    """What one would write in ten minutes: torch's own layers and threads, fp32, Pillow, `webdataset.ShardWriter`."""
    generator, discriminator = (
        plain_layers(build_generator(SPEC)).eval(),
        plain_layers(build_discriminator(SPEC)).eval(),
    )
    torch.set_num_threads(os.cpu_count() or 1)
    with webdataset.ShardWriter(str(folder / "plain-%06d.tar"), maxcount=SHARD, verbose=0) as writer:
        for first in range(0, PLAIN_RECORDS, PLAIN_BATCH):
            y = torch.arange(first, first + PLAIN_BATCH) % SPEC.classes
            fake = generator(torch.randn(PLAIN_BATCH, SPEC.latent_size), y)
            about = [{"logit": logit} for logit in discriminator(fake, y).tolist()] if logits else []
            pixels = ((fake[:, 0, 2:-2, 2:-2] + 1) * 127.5).round().clamp(0, 255).byte().numpy()
            for number, image in enumerate(pixels):
                buffer = io.BytesIO()
                Image.fromarray(image).save(buffer, "PNG")
                sample = {"__key__": f"{first + number:09d}", "cls": int(y[number]), "png": buffer.getvalue()}
                writer.write({**sample, "json": about[number]} if logits else sample)
