"""The judge of a run tells generators apart whose images are known: galleries of real ones, of one a class, of noise."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pipeline.config.schema import Data
from pipeline.config.sources import Source
from pipeline.data.canonical import load_split
from pipeline.embedding.classifier import DomainClassifier
from pipeline.embedding.embedder import save_embedder
from pipeline.evaluation import validation_evaluator as module
from pipeline.evaluation.validation_evaluator import GRID_COLUMNS, ValidationEvaluator
from pipeline.images.png import decode_png
from pipeline.models.calibration import Calibration
from pipeline.models.pair import build_generator, to_network
from pipeline.models.spec import PairSpec
from tests.unit.canonical_data import write_arrays
from tests.unit.conftest import Labelled

SPEC = PairSpec(
    architecture="dcgan", resolution=16, image_size=8, channels=1, classes=10, latent_size=6, latent_prior="normal", width=4
)  # fmt: skip
NETWORK = {"size": 8, "channels": 1, "classes": 10, "features": 16}


@pytest.fixture(scope="module")
def folders(
    tmp_path_factory: pytest.TempPathFactory, digits: tuple[Labelled, Labelled], digits_classifier: DomainClassifier
) -> tuple[Path, Path]:
    """Of an embedder, and of the digits as a canonical dataset."""
    embedder, data = tmp_path_factory.mktemp("embedder"), tmp_path_factory.mktemp("digits")
    save_embedder(embedder, digits_classifier, {"network": NETWORK})
    train, holdout = [(images.permute(0, 2, 3, 1).numpy(), labels.numpy()) for images, labels in digits]
    description = Data(
        source=Source(kind="digits"),
        size=8,
        channels=1,
        classes=[str(n) for n in range(10)],
        validation_share=0.3,
    )
    write_arrays(train, description, data, holdout, "digits")
    return embedder, data


def judge_in(folders: tuple[Path, Path], spec: PairSpec = SPEC) -> ValidationEvaluator:
    return ValidationEvaluator(*folders, spec, "fp32")


class Gallery(nn.Module):
    """A generator that shows images of the wanted class, one after the other, of `per_class` at most."""

    def __init__(self, images: Tensor, labels: Tensor, per_class: int = 10**9) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(()))
        self.rooms = [to_network(images[labels == label][:per_class], SPEC.resolution) for label in range(10)]
        self.shown = 0

    def forward(self, _: Tensor, labels: Tensor) -> Tensor:
        self.shown += 1
        rounds = torch.arange(len(labels)) // 10 + 50 * self.shown
        rooms = [self.rooms[label] for label in labels.tolist()]
        return torch.stack([room[turn % len(room)] for room, turn in zip(rooms, rounds.tolist(), strict=True)])


class Verdict(nn.Module):
    """A discriminator that is a function of the images."""

    def __init__(self, verdict: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(()))
        self.verdict = verdict

    def forward(self, images: Tensor, _: Tensor) -> Tensor:
        return self.verdict(images)


def mean_brightness(images: Tensor) -> Tensor:
    return images.mean(dim=(1, 2, 3))


@pytest.fixture
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVALUATED_IMAGES", 1000)


def figures(
    folders: tuple[Path, Path], generator: nn.Module, verdict: Callable[[Tensor], Tensor] = mean_brightness
) -> dict[str, float]:
    return judge_in(folders)(generator, Verdict(verdict))


def train(folders: tuple[Path, Path]) -> Labelled:
    return load_split(folders[1], "train")


def held_out(folders: tuple[Path, Path]) -> Labelled:
    return load_split(folders[1], "holdout")


@pytest.mark.usefixtures("few_images")
def test_new_images_of_the_domain_have_no_fault(folders: tuple[Path, Path]) -> None:
    found = figures(folders, Gallery(*held_out(folders)))
    assert all(name.startswith("validation_") for name in found)
    assert found["validation_label_accuracy"] > 0.9
    assert found["validation_diversity_min"] > 0.7
    assert found["validation_diversity_mean"] == pytest.approx(1, abs=0.15)
    assert found["validation_coverage"] > 0.7
    assert found["validation_nearest_ratio"] == pytest.approx(1, abs=0.3)
    noise = figures(folders, build_generator(SPEC))
    assert noise["validation_fd_domain"] > 5 * found["validation_fd_domain"]
    assert noise["validation_coverage"] < 0.3


@pytest.mark.usefixtures("few_images")
def test_copies_of_training_images_lie_too_near_to_them(folders: tuple[Path, Path]) -> None:
    found = figures(folders, Gallery(*train(folders)))
    assert found["validation_nearest_ratio"] < 0.05
    assert found["validation_coverage"] > 0.9  # by everything else they are perfect


@pytest.mark.usefixtures("few_images")
def test_one_image_a_class_is_collapse_though_its_labels_are_right(folders: tuple[Path, Path]) -> None:
    found = figures(folders, Gallery(*held_out(folders), per_class=1))
    assert found["validation_label_accuracy"] > 0.7
    assert found["validation_diversity_mean"] < 0.01
    assert found["validation_coverage"] < 0.3


@pytest.mark.usefixtures("few_images")
def test_an_overfitted_discriminator_knows_its_training_images(folders: tuple[Path, Path]) -> None:
    inside = {to_network(image[None], SPEC.resolution).numpy().tobytes() for image in train(folders)[0]}
    real = inside | {
        to_network(i[None], SPEC.resolution).numpy().tobytes() for i in load_split(folders[1], "validation")[0]
    }

    def one_of(known: set[bytes]) -> Callable[[Tensor], Tensor]:
        return lambda images: torch.tensor([float(image[None].numpy().tobytes() in known) for image in images])

    generator = build_generator(SPEC)
    learnt_by_heart = figures(folders, generator, one_of(inside))
    assert learnt_by_heart["validation_discriminator_overfit"] == pytest.approx(1)
    fair = figures(folders, generator, one_of(real))
    assert fair["validation_discriminator_overfit"] == pytest.approx(0)


@pytest.mark.usefixtures("few_images")
def test_a_generator_has_the_same_figures_each_time(folders: tuple[Path, Path]) -> None:
    generator, looks = build_generator(SPEC), judge_in(folders)
    assert looks(generator, Verdict(mean_brightness)) == looks(generator, Verdict(mean_brightness))
    assert looks.criterion in looks(generator, Verdict(mean_brightness))


@pytest.mark.usefixtures("few_images")
def test_an_unconditional_generator_is_asked_for_no_label(folders: tuple[Path, Path]) -> None:
    spec = replace(SPEC, classes=0)
    found = judge_in(folders, spec)(build_generator(spec), Verdict(mean_brightness))
    assert "validation_label_accuracy" not in found
    assert 0 <= found["validation_class_share_min"] <= 1


# Pictures ------------------------------------------------------------------------------------------------------------


def tiles(path: Path) -> Tensor:
    """`float [rows, columns, 8, 8]` of a picture of 8 px tiles, each enlarged and with a line around it."""
    picture = torch.from_numpy(decode_png(path.read_bytes(), 1)[..., 0].copy()).float()
    side = picture.shape[1] // GRID_COLUMNS
    factor = (side - 2) // 8
    return picture.unfold(0, side, side).unfold(1, side, side)[:, :, 1:-1:factor, 1:-1:factor]


def test_the_grid_has_a_row_for_each_class(folders: tuple[Path, Path], tmp_path: Path) -> None:
    dark_to_bright = torch.arange(10, dtype=torch.uint8).repeat_interleave(2)[:, None, None, None] * 25
    gallery = Gallery(dark_to_bright.expand(-1, 1, 8, 8), torch.arange(10).repeat_interleave(2))
    judge_in(folders).grid(gallery, tmp_path / "grid.png")
    assert tiles(tmp_path / "grid.png").shape[:2] == (10, GRID_COLUMNS)
    expected = torch.arange(10.0)[:, None, None, None] * 25
    assert torch.equal(tiles(tmp_path / "grid.png"), expected.expand(-1, GRID_COLUMNS, 8, 8))


def test_a_row_of_the_interpolation_goes_from_one_image_to_another_in_small_steps(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    generator = build_generator(SPEC)
    judge_in(folders).interpolation(generator, tmp_path / "path.png")
    rows = tiles(tmp_path / "path.png").flatten(2)
    assert rows.shape[:2] == (10, GRID_COLUMNS)
    ends = (rows[:, -1] - rows[:, 0]).norm(dim=1)
    steps = (rows[:, 1:] - rows[:, :-1]).norm(dim=2)
    assert (steps.amax(dim=1) < 0.6 * ends).all()
    assert (ends > 0).all()


# Calibration ---------------------------------------------------------------------------------------------------------


def calibrated(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, generator: nn.Module, spec: PairSpec = SPEC
) -> tuple[Calibration, float]:
    monkeypatch.setattr(module, "CALIBRATED_IMAGES", 1000)
    return judge_in(folders, spec).calibrate(generator, Verdict(lambda images: 100 * mean_brightness(images)))


def test_of_images_like_the_reals_the_discriminator_says_next_to_nothing(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    calibration, told_apart = calibrated(folders, monkeypatch, Gallery(*held_out(folders)))
    assert told_apart == pytest.approx(0.5, abs=0.1)
    images, labels = held_out(folders)
    logits = 100 * mean_brightness(to_network(images, SPEC.resolution))
    assert calibration.log_ratios(logits, labels).abs().mean() < 0.4


def test_of_darker_images_it_says_that_they_are_rarer_among_the_reals(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = held_out(folders)
    calibration, told_apart = calibrated(folders, monkeypatch, Gallery(images // 2, labels))
    assert told_apart > 0.9
    for pixels, sign in ((images, 1), (images // 2, -1)):
        ratios = calibration.log_ratios(100 * mean_brightness(to_network(pixels, SPEC.resolution)), labels)
        assert (sign * ratios > 0).float().mean() > 0.8


def test_an_unconditional_pair_gets_one_line(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    generator = Gallery(*held_out(folders))
    calibration, _ = calibrated(folders, monkeypatch, generator, replace(SPEC, classes=0))
    assert len(calibration.slopes) == len(calibration.offsets) == 1
