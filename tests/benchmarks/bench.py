"""`make bench`: images per second of ours beside a plain way of doing the same, in one run; writes bench.json.

Absolute figures depend on the machine and on what else it does; the ratios are what to quote. Each pair is measured in
turn, several rounds, and the median of the rounds' ratios is taken. What no issue has reached yet is null.
"""

import io
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import webdataset
from PIL import Image
from torch import nn
from torch.nn import functional as F

from pipeline.config import load_preset
from pipeline.data.canonical import write_canonical
from pipeline.data.images import encode_png
from pipeline.data.sources import LabelledImages, RawSource
from pipeline.models.pair import build_discriminator, build_generator
from pipeline.models.spec import PairSpec
from pipeline.models.precision import resolve_precision
from pipeline.models.weights import TrainedPair
from pipeline.sampling.minting import MintSettings, mint
from pipeline.sampling.plan import ShardPlan
from pipeline.sampling.shards import ShardTarget, make_shard
from pipeline.training.trainer import Place, Recipe, Trainer

ROUNDS = 5
STEPS = 40
BATCH = 64
RECORDS = 5_000
SPEC = PairSpec("dcgan", 32, 28, 1, 10, 64, "normal", 32)


def rate(work: Callable[[], object], images: int) -> float:
    """Images per second of one call."""
    started = time.perf_counter()
    work()
    return images / (time.perf_counter() - started)


def paired(ours: Callable[[], object], plain: Callable[[], object], images: int) -> tuple[float, float, float]:
    """Median rate of each, and the median of the rounds' ratios; the first round warms up and is not counted."""
    rounds = [(rate(ours, images), rate(plain, images)) for _ in range(ROUNDS + 1)][1:]
    return (
        statistics.median(o for o, _ in rounds),
        statistics.median(p for _, p in rounds),
        statistics.median(o / p for o, p in rounds),
    )


def train_figures() -> dict[str, float]:
    """Our step beside a loop in the manner of the PyTorch DCGAN example: fp32, default layout, DataLoader.

    Same networks and batch; the plain loop has no gradient penalty and the example's loss, so it does less work.
    """
    images = torch.randint(0, 256, (8192, 1, 28, 28), dtype=torch.uint8)
    labels = torch.arange(len(images)) % SPEC.classes
    recipe = Recipe("relativistic", 0.3, 0.3, 4, 10**9, BATCH, 1e-3, 5e-5, (0.0, 0.99), 500_000, 10**9,
                    resolve_precision("auto", "cpu"), 0)  # fmt: skip
    trainer = Trainer(SPEC, recipe, images, labels, Place(), judge=None)  # type: ignore[arg-type]  # no checkpoint is reached
    steps = iter(range(10**9))

    def ours() -> None:
        for _ in range(STEPS):
            trainer._one_step(next(steps))

    dataset = torch.utils.data.TensorDataset(F.pad(images.float() / 127.5 - 1, (2, 2, 2, 2), value=-1.0), labels)
    generator = build_generator(SPEC).to(memory_format=torch.contiguous_format)
    discriminator = build_discriminator(SPEC).to(memory_format=torch.contiguous_format)
    adam_g = torch.optim.Adam(generator.parameters(), 2e-4, betas=(0.5, 0.999))
    adam_d = torch.optim.Adam(discriminator.parameters(), 2e-4, betas=(0.5, 0.999))
    criterion = nn.BCEWithLogitsLoss()
    ones, zeros = torch.ones(BATCH), torch.zeros(BATCH)

    def plain() -> None:
        loader = torch.utils.data.DataLoader(dataset, BATCH, shuffle=True, drop_last=True)
        for _, (real, y) in zip(range(STEPS), loader, strict=False):
            adam_d.zero_grad()
            criterion(discriminator(real, y), ones).backward()
            fake = generator(torch.randn(BATCH, SPEC.latent_size), y)
            criterion(discriminator(fake.detach(), y), zeros).backward()
            adam_d.step()
            adam_g.zero_grad()
            criterion(discriminator(fake, y), ones).backward()
            adam_g.step()

    images_per_s, plain_images_per_s, ratio = paired(ours, plain, STEPS * BATCH)
    return {"images_per_s": images_per_s, "plain_images_per_s": plain_images_per_s, "ratio": ratio}


def sample_figures() -> dict[str, float | None]:
    """One actor's work on one core beside a plain script: torch in fp32, Pillow, `webdataset.ShardWriter`."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    pair = TrainedPair(SPEC, build_generator(SPEC).eval(), build_discriminator(SPEC).eval(), "0" * 64, {})
    settings = MintSettings(0, 500, resolve_precision("auto", "cpu"))
    plain_generator = build_generator(SPEC).to(memory_format=torch.contiguous_format).eval()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        target = ShardTarget(folder / "run", "0" * 64, ("webdataset",), tuple("0123456789"))

        @torch.no_grad()
        def plain() -> None:
            with webdataset.ShardWriter(str(folder / "plain-%06d.tar"), maxcount=RECORDS, verbose=0) as writer:
                for first in range(0, RECORDS, BATCH):
                    y = torch.arange(first, first + BATCH) % SPEC.classes
                    fake = plain_generator(torch.randn(BATCH, SPEC.latent_size), y)
                    pixels = ((fake[:, 0, 2:-2, 2:-2] + 1) * 127.5).round().clamp(0, 255).byte().numpy()
                    for number, image in enumerate(pixels):
                        buffer = io.BytesIO()
                        Image.fromarray(image).save(buffer, "PNG")
                        writer.write(
                            {"__key__": f"{first + number:09d}", "cls": int(y[number]), "png": buffer.getvalue()}
                        )

        ours, plain_rate, ratio = paired(
            lambda: make_shard(pair, settings, target, ShardPlan(0, 0, RECORDS)), plain, RECORDS
        )
        records = mint(pair, settings, ShardPlan(0, 0, RECORDS))
        mint_rate = statistics.median(
            rate(lambda: mint(pair, settings, ShardPlan(0, 0, RECORDS)), RECORDS) for _ in range(ROUNDS)
        )
        encode_rate = statistics.median(
            rate(lambda: [encode_png(image) for image in records.images], RECORDS) for _ in range(ROUNDS)
        )
    torch.set_num_threads(threads)
    return {
        "images_per_s": ours,
        "plain_images_per_s": plain_rate,
        "ratio": ratio,
        "mint_images_per_s": mint_rate,
        "encode_images_per_s": encode_rate,
        "limit_images_per_s": None,
        "of_limit": None,
    }


def ingest_figures() -> dict[str, float]:
    """Splitting, encoding and writing 10,000 images of 28 px."""
    images = np.random.default_rng(0).integers(0, 256, (10_000, 28, 28, 1), dtype=np.uint8)
    raw = LabelledImages(images, np.arange(len(images)) % 10)
    data = load_preset("fashion-mnist").data
    with tempfile.TemporaryDirectory() as temporary:
        source = RawSource(raw, LabelledImages(255 - images[:1000], raw.labels[:1000]))
        return {"images_per_s": rate(lambda: write_canonical(source, data, "bench", Path(temporary)), 11_000)}


def main() -> None:
    """Measures, prints and writes bench.json."""
    figures: dict[str, Any] = {
        "train": train_figures(),
        "ddp": {"ratio": None},
        "sample": sample_figures(),
        "ingest": ingest_figures(),
    }
    Path("bench.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    for section, values in figures.items():
        for name, value in values.items():
            shown = "not measured yet" if value is None else f"{value:,.2f}" if "ratio" in name else f"{value:,.0f}"
            print(f"{section:8}{name:22}{shown:>16}")


if __name__ == "__main__":
    main()
