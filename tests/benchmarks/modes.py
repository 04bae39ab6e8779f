"""`make modes`: how many modes each loss finds, on the field's synthetic tests; writes docs/benchmarks/modes.md.

Ring and grid: 8 and 25 Gaussians in the plane (Srivastava et al. 2017, arXiv:1705.07761, "VEEGAN"; scaled to fit into
[-1, 1]), learned by the `mlp` pair. A sample is of high quality within three standard deviations of a mode; a mode is found
if such a sample is there. Of the data itself 98.9 % are.
Stacked digits: three of scikit-learn's digits as red, green and blue make 1,000 classes (Metz et al. 2017,
arXiv:1611.02163, with other digits), learned without labels by the `dcgan` pair; a classifier names the samples' classes.
"""

import argparse
import math
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from pipeline.base.cpu import use_cpu
from pipeline.embedding.classifier import DomainClassifier, Fit, in_batches, train_classifier
from pipeline.images.shape import ImageShape
from pipeline.models.generate import generate_pixels
from pipeline.models.pair import to_network
from pipeline.models.spec import PairSpec
from pipeline.training.block_shuffle import generator_for
from pipeline.training.diagnostics import DIAGNOSTICS
from pipeline.training.history import Metrics
from pipeline.training.losses import LOSSES
from pipeline.training.penalties import Penalties
from pipeline.training.recipe import AugmentationSettings, OptimizerSettings, Recipe
from pipeline.training.replicas import WorkerContext
from pipeline.training.trainer import Trainer

SAMPLES = 25_000  # judged
RING = torch.tensor([[math.cos(k * math.pi / 4), math.sin(k * math.pi / 4)] for k in range(8)]) * 0.8
GRID = torch.cartesian_prod(torch.linspace(-0.8, 0.8, 5), torch.linspace(-0.8, 0.8, 5))
POINTS = PairSpec("mlp", 1, 1, 2, 0, 2, "normal", 8, generator_norm="none")
STACKED = PairSpec("dcgan", 8, 8, 3, 0, 64, "normal", 32)


@dataclass(frozen=True)
class Mixture:
    """Equal Gaussians in the plane, drawn anew for every batch; also the judge of what is learned from them."""

    modes: Tensor  # float [M, 2]
    deviation: float

    criterion = "shortfall"

    def at(self, position: int, count: int, share: slice) -> tuple[Tensor, Tensor]:
        generator = generator_for(0, "points", position)
        chosen = torch.randint(len(self.modes), (count,), generator=generator)
        points = self.modes[chosen] + self.deviation * torch.randn(count, 2, generator=generator)
        return points[share, :, None, None], torch.zeros(count, dtype=torch.int64)[share]

    @torch.no_grad()
    def __call__(self, generator: nn.Module, discriminator: nn.Module) -> Metrics:  # noqa: ARG002
        latents = torch.randn(SAMPLES, POINTS.latent_size, generator=generator_for(1, "judge", 0))
        points = generator(latents, torch.zeros(SAMPLES, dtype=torch.int64)).flatten(1)
        distances, nearest = torch.cdist(points, self.modes).min(dim=1)
        good = distances < 3 * self.deviation
        counts = torch.bincount(nearest[good], minlength=len(self.modes))
        found, quality = int((counts > 0).sum()), float(good.float().mean())
        return {
            "modes": found,
            "high_quality": quality,
            "rarest": float(counts.min()) * len(self.modes) / SAMPLES,
            self.criterion: 2 - found / len(self.modes) - quality,
        }


class StackedDigits:
    """Three digits a picture, drawn anew for every batch; also the judge of what is learned from them."""

    criterion = "divergence"

    def __init__(self) -> None:
        pixels, labels = load_digits(return_X_y=True)
        self.digits = torch.from_numpy(pixels * 255 / 16).round().to(torch.uint8).view(-1, 1, 8, 8)
        fit = Fit(total_images=200_000, batch_size=128, learning_rate=0.002, seed=0)
        self.classifier = train_classifier(
            lambda: DomainClassifier(ImageShape(1, 8, 8), 10, 64), self.digits, torch.from_numpy(labels).long(), fit
        )

    def at(self, position: int, count: int, share: slice) -> tuple[Tensor, Tensor]:
        chosen = torch.randint(len(self.digits), (count, 3), generator=generator_for(0, "digits", position))[share]
        return to_network(self.digits[chosen, 0], 8), torch.zeros(len(chosen), dtype=torch.int64)

    def __call__(self, generator: nn.Module, discriminator: nn.Module) -> Metrics:  # noqa: ARG002
        latents = torch.randn(SAMPLES, STACKED.latent_size, generator=generator_for(1, "judge", 0))
        labels = torch.zeros(SAMPLES, dtype=torch.int64)
        made = generate_pixels(generator, STACKED, latents, labels, batch_size=500, precision="bf16")
        digits = in_batches(self.classifier, made.flatten(0, 1)[:, None]).argmax(dim=1).view(-1, 3)
        counts = torch.bincount(digits @ torch.tensor([100, 10, 1]), minlength=1000)
        shares = counts[counts > 0] / SAMPLES
        # Kullback-Leibler divergence of the samples' classes from equal shares, in nats; SAMPLES equal draws have 0.02.
        return {"modes": int((counts > 0).sum()), self.criterion: float((shares * (shares * 1000).log()).sum())}


def recipe(loss: str, learning_rate: float, **amounts: Any) -> Recipe:
    """The default's manner with each loss: both penalties, falling over the run, and a falling learning rate."""
    return Recipe(
        loss=loss,
        penalty=Penalties(gp=10.0, every=4) if loss == "wgan_gp" else Penalties(0.1, 0.1, every=4, final_share=0.01),
        optimizer=OptimizerSettings(learning_rate, 1e-5, "cosine", 0, discriminator_rate=1.0, betas=(0.0, 0.99)),
        augmentation=AugmentationSettings("none", ada_target=0.6, x_flip=False),
        accumulation=1,
        ema_half_life_images=500_000,
        compile_generator=False,
        policies=dict.fromkeys(DIAGNOSTICS, "warn"),
        seed=0,
        **amounts,
    )


def points_recipe(loss: str) -> Recipe:
    """24,000 steps of 256 points."""
    total = 256 * 24_000
    return recipe(
        loss,
        total_images=total,
        batch_size=256,
        learning_rate=2e-3,
        checkpoint_every_images=total // 8,
        precision="fp32",
    )


def stacked_recipe(loss: str) -> Recipe:
    """6,250 steps of 64 pictures."""
    return recipe(
        loss, total_images=400_000, batch_size=64, learning_rate=1e-3, checkpoint_every_images=100_000, precision="bf16"
    )


TESTS: dict[str, tuple[PairSpec, Callable[[], Any], Callable[[str], Recipe]]] = {
    "ring": (POINTS, lambda: Mixture(RING, 0.008), points_recipe),
    "grid": (POINTS, lambda: Mixture(GRID, 0.01), points_recipe),
    "stacked": (STACKED, StackedDigits, stacked_recipe),
}


def learn(test: str, loss: str) -> Metrics:
    """The figures at the run's best evaluation."""
    use_cpu(1)
    spec, make, recipe_of = TESTS[test]
    data = make()
    trainer = Trainer(spec, recipe_of(loss), data, WorkerContext(), data)
    trainer.run(lambda *_: None)
    assert trainer.best.evaluation is not None
    return trainer.best.evaluation.validation


def table(results: dict[tuple[str, str], Metrics]) -> str:
    """Markdown: a row for each loss that was run."""
    rows = [
        "| loss | ring: modes of 8 | high quality | grid: modes of 25 | high quality | stacked digits: of 1,000 | divergence |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for loss in dict.fromkeys(loss for _, loss in results):
        ring, grid, stacked = (results[test, loss] for test in TESTS)
        rows.append(
            f"| {loss} | {ring['modes']} | {ring['high_quality']:.1%} | {grid['modes']} | {grid['high_quality']:.1%} "
            f"| {stacked['modes']:,} | {stacked['divergence']:.2f} |"
        )
    return "\n".join(rows)


def main() -> None:
    """Runs every test with every loss, or with those named, two at a time, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loss", choices=LOSSES, action="append", help="only this loss")
    losses = parser.parse_args().loss or list(LOSSES)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        futures = {(test, loss): pool.submit(learn, test, loss) for loss in losses for test in TESTS}
        results = {}
        for key, future in futures.items():
            results[key] = future.result()
            print(*key, {name: round(value, 3) for name, value in results[key].items()}, flush=True)
    path = Path("docs/benchmarks/modes.md")
    before, marker, _ = path.read_text(encoding="utf-8").partition("<!-- table -->\n")
    path.write_text(before + marker + table(results) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
