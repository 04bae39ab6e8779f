"""What small committed models make, as digests: moving code about must not change what is generated.

`python -m tests.unit.pinned_cases` writes the digests anew, after a change that is meant to change what is generated
or after new versions in `constraints.txt`; with `--models` it writes the models anew, too.

The digests hold on one kind of machine. Measured on an AMD EPYC with AVX-512, with `ATEN_CPU_CAPABILITY`,
`ONEDNN_MAX_CPU_ISA` and `MKL_ENABLE_INSTRUCTIONS` set to less: down to SSE4.1 all pixels in fp32 stay the same, as
rounding to 8 bits hides the last bits of a sum. The last bits of logits, and with them files, do not; nor do pixels in
bf16 without AVX2. Two threads in place of one change nothing, since sampling takes one.
"""

import argparse
import hashlib
import json
import os
import platform
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.config.schema import Sample
from pipeline.models.calibration import Calibration
from pipeline.models.pair import build_discriminator, build_generator
from pipeline.models.spec import PairSpec
from pipeline.models.weights import load_pair, save_pair
from pipeline.sampling.filters.fitting import fit_filters
from pipeline.sampling.generate import RecordGenerator, reproducible_numerics
from pipeline.sampling.settings import GenerationSettings
from pipeline.sampling.shards.formats import FORMATS
from pipeline.sampling.shards.ranges import ShardPlan
from pipeline.sampling.shards.render import render_shard

FOLDER = Path(__file__).parent / "pinned"
PINS = FOLDER / "pins.json"
CLASSES = ["cat", "dog", "owl"]
# One of each architecture; between them grey and colour, margins and none, each prior and each norm.
MODELS = {
    "dcgan": PairSpec("dcgan", 8, 6, 1, 3, 5, "normal", 4),
    "mlp": PairSpec("mlp", 6, 6, 3, 0, 5, "uniform", 2),
    "r3": PairSpec("r3", 8, 8, 3, 3, 4, "normal", 4, "none", "none"),
    "resnet": PairSpec("resnet", 8, 8, 1, 3, 4, "normal", 4, "batch", "spectral"),
}
SAMPLE = {
    "count": 24, "shard_size": 12, "batch_size": 4, "seed": 3, "formats": list(FORMATS), "encoding": "png", "labels": "balanced",
}  # fmt: skip
# Numbers come out of these, and files of those.
NUMBERS_FROM = ("torch", "numpy", "scipy", "opencv-python-headless")
FILES_FROM = ("pyarrow", "deflate")


@dataclass(frozen=True)
class Case:
    """A model and what is asked of it besides `SAMPLE`."""

    model: str = "dcgan"
    asked: dict[str, Any] = field(default_factory=dict)
    precision: str = "fp32"


CASES = {
    **{model: Case(model) for model in MODELS},
    "bf16": Case(precision="bf16"),
    "weighted labels": Case(asked={"labels": {"owl": 2, "cat": 1}}),
    "truncation": Case(asked={"truncation": 0.7}),
    "truncation of a uniform prior": Case("mlp", {"truncation": 0.5}),
    "density_ratio": Case(
        asked={"filters": [{"kind": "density_ratio", "acceptance": 0.4}], "batch_size": 100, "shard_size": 100}
    ),
    "webp": Case("r3", {"encoding": "webp"}),
    "jpeg": Case("r3", {"encoding": "jpeg", "jpeg_quality": 60}),
    "raw": Case("r3", {"encoding": "raw"}),
}


@cache
def generated(name: str) -> dict[str, Any]:
    """What comes of a case, under what a test compares it as: `labels`, `records` and `files`.

    The second shard is made, and its last batch is not whole.
    """
    case = CASES[name]
    pair = load_pair(FOLDER / case.model)
    sample = Sample(**SAMPLE | case.asked)
    settings = GenerationSettings.of(sample, pair.spec.condition, pair.label_names, case.precision)
    filters = fit_filters(sample.filters, RecordGenerator(pair, settings), FOLDER, FOLDER)
    with reproducible_numerics():
        shard = RecordGenerator(pair, settings, filters).shard(ShardPlan(1, sample.shard_size, sample.shard_size - 2))
    records = shard.records
    files = render_shard(shard, settings.encoding, sample.formats, pair.label_names)
    return {
        "labels": None if records.labels is None else records.labels.tolist(),
        "records": {
            "pixels": digest(settings.encoding.stored(records.images)),
            "logits": digest(records.logits),
            "attempts": None if records.attempts is None else digest(records.attempts),
            "filters": [each.description for each in filters],
        },
        "files": {kind: hashlib.sha256(content).hexdigest() for kind, content in files.items()},
    }


def digest(values: np.ndarray) -> str:
    """Of the numbers, in the order of the records."""
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def machine() -> dict[str, Any]:
    """What decides how the CPU's libraries round: who made it and which vector instructions it has and torch uses."""
    description = torch.cpu.get_capabilities()
    vectors = [
        name for name, there in description.items() if there is True and name.startswith(("avx", "amx", "fma", "vnni"))
    ]
    return {
        "architecture": platform.machine(),
        "vendor": str(description.get("cpu_name", "unknown")).split()[0],
        "vector instructions": " ".join(sorted(vectors)),
        "torch's CPU capability": torch.backends.cpu.get_cpu_capability(),
        "oneDNN": os.environ.get("ONEDNN_MAX_CPU_ISA", "all") if torch.backends.mkldnn.is_available() else "none",
    }


def software(names: tuple[str, ...]) -> dict[str, str]:
    """The installed versions; of torch without the build."""
    return {name: version(name).partition("+")[0] for name in names}


def differences(pinned: dict[str, Any], here: dict[str, Any]) -> str:
    """What is otherwise here, in words; empty where nothing is."""
    return ", ".join(f"{name}: {here[name]} (pinned: {pinned[name]})" for name in here if here[name] != pinned[name])


def write_model(name: str, spec: PairSpec) -> None:
    """A pair of random weights, none of them 0, with contrast enough that images differ."""
    torch.manual_seed(0)
    generator, discriminator = build_generator(spec), build_discriminator(spec)
    with torch.no_grad():
        for parameter in (*generator.parameters(), *discriminator.parameters()):
            parameter.add_(0.1 * torch.randn_like(parameter))
        generator.last.weight.mul_(4)
    calibration = Calibration([2.0, 0.5, 1.0], [0.0, 0.25, -1.0]) if spec.classes else Calibration([2.0], [0.5])
    states = generator.state_dict(), discriminator.state_dict()
    save_pair(FOLDER / name, spec, *states, calibration, {"name": name, "classes": CLASSES})


def main() -> None:
    """Writes the digests, and the models when told to."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--models", action="store_true", help="write the models anew, too")
    if parser.parse_args().models:
        for name, spec in MODELS.items():
            write_model(name, spec)
    pins = {
        "machine": machine(),
        "software": software(NUMBERS_FROM + FILES_FROM),
        "cases": {name: generated(name) for name in CASES},
    }
    PINS.write_text(json.dumps(pins, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
