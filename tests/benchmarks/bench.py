"""`make bench`: images per second of ours beside a plain way of doing the same, in one run; writes bench.json.

Absolute figures depend on the machine and on what else it does; the ratios are what to quote. Each pair is measured in
turn, several rounds, and the median of the rounds' ratios is taken. What no issue has reached yet is null.
"""

import io
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import webdataset
from PIL import Image

from pipeline.config import load_preset
from pipeline.data.canonical import write_canonical
from pipeline.data.images import encode_png
from pipeline.data.sources import LabelledImages, RawSource
from pipeline.folders import LocalFolder
from pipeline.models.calibration import Calibration
from pipeline.models.pair import build_discriminator, build_generator
from pipeline.models.precision import resolve_precision
from pipeline.models.spec import PairSpec
from pipeline.models.weights import TrainedPair
from pipeline.sampling.drawing import MintSettings
from pipeline.sampling.minting import mint
from pipeline.sampling.plan import ShardPlan
from pipeline.sampling.shards import ShardTarget, write_shard
from tests.benchmarks.timing import ROUNDS, paired, rate
from tests.benchmarks.training import training_figures

BATCH = 64
RECORDS = 5_000
SPEC = PairSpec("dcgan", 32, 28, 1, 10, 64, "normal", 32)
CLASSES = tuple("0123456789")


def sample_figures() -> dict[str, float | None]:
    """One actor's work on one core beside a plain script: torch in fp32, Pillow, `webdataset.ShardWriter`."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    calibration = Calibration.none(SPEC.classes)
    pair = TrainedPair(SPEC, build_generator(SPEC).eval(), build_discriminator(SPEC).eval(), calibration, "0" * 64, {})
    settings = MintSettings.of(load_preset("fashion-mnist").sample, CLASSES, resolve_precision("auto", "cpu"))
    plain_generator = build_generator(SPEC).to(memory_format=torch.contiguous_format).eval()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        target = ShardTarget(LocalFolder(folder / "run"), "0" * 64, ("webdataset",), CLASSES)

        def one_shard() -> None:
            plan = ShardPlan(0, 0, RECORDS)
            write_shard(mint(pair, settings, plan), settings.encoding, target, plan)

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

        ours, plain_rate, ratio = paired(one_shard, plain, RECORDS)
        records = mint(pair, settings, ShardPlan(0, 0, RECORDS)).records
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
    train, ddp = training_figures()
    figures: dict[str, Any] = {
        "train": train,
        "ddp": ddp,
        "sample": sample_figures(),
        "ingest": ingest_figures(),
    }
    Path("bench.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    for section, values in figures.items():
        print_table(section, values)


def print_table(title: str, values: dict[str, Any]) -> None:
    """A line a figure; a section within becomes a table of its own."""
    for name, value in values.items():
        if not isinstance(value, dict):
            shown = "not measured yet" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:,.2f}"
            print(f"{title:40}{name:26}{shown:>16}")
    for name, value in values.items():
        if isinstance(value, dict):
            print_table(f"{title} {name}", value)


if __name__ == "__main__":
    main()
