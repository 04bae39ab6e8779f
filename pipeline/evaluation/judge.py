"""Looks at a generator while it is being trained: distance to `validation`, and a picture."""

from pathlib import Path

import torch
from torch import nn

from pipeline.data.canonical import load_split
from pipeline.data.pictures import write_grid
from pipeline.embedding.embedder import load_embedder
from pipeline.evaluation.model_quality import model_quality
from pipeline.models.generate import generate_pixels
from pipeline.models.latents import balanced_labels, latents
from pipeline.models.spec import PairSpec

JUDGED_IMAGES = 5_000
JUDGE_SEED = 2**32 - 1
GRID_ROWS, GRID_COLUMNS = 10, 10
BATCH = 500


class ValidationJudge:
    """Measures on `validation`, which is there for choices; `holdout` is only ever measured after them.

    Args:
        embedder: folder of the embedder.
        data: folder of the canonical dataset.
        spec: the generator's shape.
        precision: fp32 or bf16.
    """

    def __init__(self, embedder: Path, data: Path, spec: PairSpec, precision: str) -> None:
        self.embedder = load_embedder(embedder)
        self.real, self.real_labels = load_split(data, "validation")
        self.spec = spec
        self.precision = precision

    def __call__(self, generator: nn.Module) -> dict[str, float]:
        """`validation_fd_domain`, `validation_label_accuracy`, `validation_diversity_min`."""
        # The same latents every time: what changes between two measurements is the generator alone.
        z = latents(JUDGE_SEED, 0, JUDGED_IMAGES, self.spec.latent_size, self.spec.latent_prior)
        labels = balanced_labels(0, JUDGED_IMAGES, self.spec.classes)
        fake = generate_pixels(generator, self.spec, z, labels, batch_size=BATCH, precision=self.precision)
        quality = model_quality(self.embedder, fake, labels, self.real, self.real_labels, self.spec.classes)
        return {f"validation_{name}": quality[name] for name in ("fd_domain", "label_accuracy", "diversity_min")}

    def picture(self, generator: nn.Module, path: Path) -> None:
        """Writes a PNG with a row for each of the first classes."""
        labels = torch.arange(min(self.spec.classes, GRID_ROWS)).repeat_interleave(GRID_COLUMNS)
        z = latents(JUDGE_SEED, 0, len(labels), self.spec.latent_size, self.spec.latent_prior)
        images = generate_pixels(generator, self.spec, z, labels, batch_size=BATCH, precision=self.precision)
        write_grid(path, images.permute(0, 2, 3, 1).numpy(), GRID_COLUMNS)
