"""The embedder on disk."""

from pathlib import Path

import pytest
import torch

from pipeline.base.errors import UserError
from pipeline.embedding.classifier import DomainClassifier, FeatureNetwork
from pipeline.embedding.embedder import DESCRIPTION, WEIGHTS, Embedder, load_embedder, save_embedder
from pipeline.images.shape import ImageShape
from pipeline.store.files import read_json, write_json
from tests.unit.conftest import Labelled
from tests.unit.tiny import flip_bit

NETWORK = {"size": 8, "channels": 1, "classes": 10, "features": 16}


@pytest.fixture
def folder(tmp_path: Path, digits_classifier: DomainClassifier) -> Path:
    save_embedder(tmp_path, digits_classifier, {"network": NETWORK})
    return tmp_path


def test_a_loaded_embedder_measures_as_the_saved_one(
    folder: Path, digits_classifier: DomainClassifier, digits: tuple[Labelled, Labelled]
) -> None:
    images = digits[1][0][:40]
    loaded = load_embedder(folder)
    assert torch.equal(loaded.features(images), Embedder(digits_classifier, "").features(images))
    assert loaded.features(images).shape == (40, 16)
    assert (loaded.shape, loaded.classes) == (ImageShape(1, 8, 8), 10)


def test_the_class_of_a_feature_vector_is_mostly_the_digit_s(folder: Path, digits: tuple[Labelled, Labelled]) -> None:
    embedder, (images, labels) = load_embedder(folder), digits[1]
    assert (embedder.labels(embedder.features(images)) == labels).float().mean() > 0.9


def test_the_digest_follows_the_weights(folder: Path, tmp_path: Path, digits_classifier: DomainClassifier) -> None:
    save_embedder(tmp_path / "again", digits_classifier, {"network": NETWORK})
    save_embedder(tmp_path / "other", DomainClassifier(ImageShape(1, 8, 8), 10, 16), {"network": NETWORK})
    digest = load_embedder(folder).digest
    assert load_embedder(tmp_path / "again").digest == digest
    assert load_embedder(tmp_path / "other").digest != digest


def test_a_flipped_bit_is_refused_and_the_file_named(folder: Path) -> None:
    flip_bit(folder / WEIGHTS)
    with pytest.raises(UserError, match=WEIGHTS):
        load_embedder(folder)


@pytest.mark.parametrize("name", [WEIGHTS, DESCRIPTION])
def test_a_missing_file_is_refused_with_what_to_run(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(UserError, match="embed"):
        load_embedder(folder)


def test_a_folder_that_cannot_be_looked_at_is_one_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: File name too long"):
        load_embedder(tmp_path / ("x" * 300))


# Without labels ------------------------------------------------------------------------------------------------------


@pytest.fixture
def without_labels(tmp_path: Path, digits_without_labels: FeatureNetwork) -> Path:
    shape = {name: value for name, value in NETWORK.items() if name != "classes"}
    save_embedder(tmp_path, digits_without_labels, {"network": shape})
    return tmp_path


def test_the_description_says_which_kind_it_is(folder: Path) -> None:
    assert read_json(folder / DESCRIPTION, "description")["kind"] == "classifier"


def test_one_that_learnt_without_labels_measures_as_the_saved_one_and_is_for_one_class(
    without_labels: Path, digits_without_labels: FeatureNetwork, digits: tuple[Labelled, Labelled]
) -> None:
    images = digits[1][0][:40]
    assert read_json(without_labels / DESCRIPTION, "description")["kind"] == "self_supervised"
    loaded = load_embedder(without_labels)
    assert torch.equal(loaded.features(images), Embedder(digits_without_labels, "").features(images))
    assert (loaded.shape, loaded.classes) == (ImageShape(1, 8, 8), 1)


def test_a_kind_that_is_not_known_is_refused(without_labels: Path) -> None:
    description = read_json(without_labels / DESCRIPTION, "description")
    write_json(without_labels / DESCRIPTION, {**description, "kind": "oracle"})
    with pytest.raises(UserError, match=r"kind 'oracle'.*Run the stage embed again"):
        load_embedder(without_labels)
