"""The judge of a run on images without labels: galleries of real ones, of a single one."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pipeline.config.sources import Source
from pipeline.data.canonical import load_split
from pipeline.embedding.classifier import FeatureNetwork
from pipeline.embedding.embedder import save_embedder
from pipeline.evaluation import validation_evaluator as module
from pipeline.evaluation.validation_evaluator import ValidationEvaluator
from pipeline.images.png import decode_png
from pipeline.models.pair import build_generator, to_network
from tests.unit.canonical_data import data_of, write_arrays
from tests.unit.conftest import Labelled
from tests.unit.tiny import UNCONDITIONAL

SPEC = replace(UNCONDITIONAL, resolution=16, image_size=8, channels=1)
SOURCE = Source(kind="digits", name="digits", licence="CC-BY-4.0")
NETWORK = {"size": 8, "channels": 1, "features": 16}


@pytest.fixture(scope="module")
def folders(
    tmp_path_factory: pytest.TempPathFactory,
    digits: tuple[Labelled, Labelled],
    digits_without_labels: FeatureNetwork,
) -> tuple[Path, Path]:
    """Of an embedder, and of the digits as a canonical dataset without labels."""
    embedder, data = tmp_path_factory.mktemp("embedder"), tmp_path_factory.mktemp("digits")
    save_embedder(embedder, digits_without_labels, {"network": NETWORK})
    train, holdout = [(images.permute(0, 2, 3, 1).numpy(), labels.numpy()) for images, labels in digits]
    write_arrays(train, data_of("none", source=SOURCE, holdout_share=None), data, holdout, "digits")
    return embedder, data


class Gallery(nn.Module):
    """A generator that shows images one after the other."""

    def __init__(self, images: Tensor) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(()))
        self.images, self.shown = to_network(images, SPEC.resolution), 0

    def forward(self, z: Tensor, _: Tensor) -> Tensor:
        rows = torch.arange(self.shown, self.shown + len(z)) % len(self.images)
        self.shown += len(z)
        return self.images[rows]


class Brightness(nn.Module):
    """A discriminator that goes by brightness."""

    def __init__(self) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(()))

    def forward(self, images: Tensor, _: Tensor) -> Tensor:
        return images.mean(dim=(1, 2, 3))


@pytest.fixture
def looks(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> ValidationEvaluator:
    monkeypatch.setattr(module, "EVALUATED_IMAGES", 500)
    return ValidationEvaluator(*folders, SPEC, "fp32")


def test_good_images_are_near_and_varied_and_bad_ones_are_not(
    looks: ValidationEvaluator, folders: tuple[Path, Path]
) -> None:
    held_out, _ = load_split(folders[1], "holdout")
    good, single, noise = (
        looks(generator, Brightness())
        for generator in (Gallery(held_out), Gallery(held_out[:1]), build_generator(SPEC))
    )
    assert good["validation_diversity_all"] == pytest.approx(1, abs=0.1)
    assert good["validation_coverage"] > 0.7
    assert good["validation_nearest_ratio"] == pytest.approx(1, abs=0.3)
    assert single["validation_diversity_all"] < 0.01
    assert min(single["validation_fd_domain"], noise["validation_fd_domain"]) > 5 * good["validation_fd_domain"]
    assert not {name for name in good if "class" in name or "label" in name}


def test_pictures_have_all_their_rows_though_there_is_one_class(looks: ValidationEvaluator, tmp_path: Path) -> None:
    generator = build_generator(SPEC)
    looks.grid(generator, tmp_path / "grid.png")
    looks.interpolation(generator, tmp_path / "path.png")
    for name in ("grid.png", "path.png"):
        height, width = decode_png((tmp_path / name).read_bytes(), 1).shape[:2]
        assert height == width
