"""Refusing copies: planted training images are found, and others pass."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.base.errors import UserError
from pipeline.config.schema import Data, Sample
from pipeline.config.sources import Source
from pipeline.data.canonical import load_split
from pipeline.data.description import describe
from pipeline.embedding.classifier import DomainClassifier
from pipeline.embedding.embedder import save_embedder
from pipeline.models.calibration import Calibration
from pipeline.models.pair import build_discriminator, to_network
from pipeline.models.spec import PairSpec
from pipeline.models.weights import TrainedPair
from pipeline.sampling.filters.filter import Candidates
from pipeline.sampling.filters.fitting import fit_filters
from pipeline.sampling.filters.kinds.near_copy import NearCopyFilter
from pipeline.sampling.generate import RecordGenerator
from pipeline.sampling.settings import GenerationSettings
from pipeline.sampling.shards.ranges import ShardPlan
from tests.unit.canonical_data import write_arrays
from tests.unit.conftest import Labelled
from tests.unit.tiny import SAMPLE

pytestmark = pytest.mark.usefixtures("one_thread")

DIGITS = [str(number) for number in range(10)]
SPEC = PairSpec("dcgan", 16, 8, 1, 10, 6, "normal", 4)
NETWORK = {"size": 8, "channels": 1, "classes": 10, "features": 16}
HOW = GenerationSettings.of(Sample(**SAMPLE | {"batch_size": 50, "shard_size": 200}), SPEC.condition, DIGITS, "fp32")
NEAR_COPY = NearCopyFilter(kind="near_copy", share=0.01)


@pytest.fixture(scope="module")
def folders(
    tmp_path_factory: pytest.TempPathFactory, digits: tuple[Labelled, Labelled], digits_classifier: DomainClassifier
) -> tuple[Path, Path]:
    """Of an embedder, and of the digits as a canonical dataset."""
    model, data = tmp_path_factory.mktemp("model"), tmp_path_factory.mktemp("digits")
    save_embedder(model, digits_classifier, {"network": NETWORK})
    train, holdout = [(images.permute(0, 2, 3, 1).numpy(), labels.numpy()) for images, labels in digits]
    description = Data(source=Source(kind="digits"), size=8, channels=1, classes=DIGITS, validation_share=0.3)
    write_arrays(train, description, data, holdout, "digits")
    return model, data


class Thief(nn.Module):
    """Shows images of its own, and a training image in place of every one whose first latent is above zero."""

    def __init__(self, own: Tensor, stolen: Tensor) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(()))
        self.own, self.stolen = own, stolen

    def forward(self, z: Tensor, _: Tensor) -> Tensor:
        places = (z[:, 1] * 1e4).long()
        steals = (z[:, 0] > 0)[:, None, None, None]
        shown = torch.where(steals, self.stolen[places % len(self.stolen)], self.own[places % len(self.own)])
        return to_network(shown, SPEC.resolution)


def thief(folders: tuple[Path, Path]) -> tuple[TrainedPair, Tensor]:
    """A pair whose generator steals half of its images, and the training images."""
    _, data = folders
    stolen, _ = load_split(data, "train")
    own, _ = load_split(data, "holdout")
    description = {"data": {"digest": describe(data).digest}, "classes": DIGITS}
    discriminator = build_discriminator(SPEC).eval()
    return TrainedPair(SPEC, Thief(own, stolen), discriminator, Calibration.none(10), "0" * 64, description), stolen


def test_planted_training_images_are_refused_and_others_pass(folders: tuple[Path, Path]) -> None:
    pair, train = thief(folders)
    plan = ShardPlan(0, 0, 200)
    stolen = {image.tobytes() for image in train.numpy()}

    def copies(images: np.ndarray) -> int:
        return sum(image.transpose(2, 0, 1).tobytes() in stolen for image in images)

    assert 60 < copies(RecordGenerator(pair, HOW).shard(plan).records.images) < 140
    filters = fit_filters([NEAR_COPY], RecordGenerator(pair, HOW), *folders)
    kept = RecordGenerator(pair, HOW, filters).shard(plan)
    assert copies(kept.records.images) == 0
    # Half of the candidates are stolen, so each record takes two; of held-out images a few are refused as well.
    assert 140 < kept.refused["near_copy"] < 320


def test_images_of_validation_pass_but_for_the_share_asked_for(folders: tuple[Path, Path]) -> None:
    pair, _ = thief(folders)
    images, labels = load_split(folders[1], "validation")
    shares = []
    for share in (0.05, 0.3):
        (near_copy,) = fit_filters(
            [NearCopyFilter(kind="near_copy", share=share)], RecordGenerator(pair, HOW), *folders
        )
        nothing = np.zeros(len(images))
        shares.append(1 - near_copy.accepts(Candidates(images, labels, nothing.astype(np.float32), nothing)).mean())
    assert shares == pytest.approx([0.05, 0.3], abs=0.03)


def test_data_that_the_model_was_not_trained_on_are_refused(folders: tuple[Path, Path]) -> None:
    pair, _ = thief(folders)
    other = replace(pair, description={**pair.description, "data": {"digest": "0" * 64}})
    with pytest.raises(UserError, match=r"near_copy compares with the images that the model was trained on.*--data"):
        fit_filters([NEAR_COPY], RecordGenerator(other, HOW), *folders)
