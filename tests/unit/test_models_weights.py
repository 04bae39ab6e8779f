"""A model on disk."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipeline.base.errors import UserError
from pipeline.models.weights import DESCRIPTION, DISCRIMINATOR, GENERATOR, load_pair
from tests.unit.tiny import SPEC, flip_bit, save_tiny_pair


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save_tiny_pair(tmp_path / "model")
    return tmp_path / "model"


def edit(model: Path, **pair: object) -> None:
    description = json.loads((model / DESCRIPTION).read_text())
    description["pair"] |= pair
    (model / DESCRIPTION).write_text(json.dumps(description))


def test_a_loaded_pair_is_the_saved_one_frozen(model: Path) -> None:
    save_tiny_pair(model, seed=5)
    pair, again = load_pair(model), load_pair(model)
    assert pair.spec == SPEC
    assert pair.description["name"] == "tiny"
    z, labels = torch.randn(3, SPEC.latent_size), torch.arange(3)
    assert torch.equal(pair.generator(z, labels), again.generator(z, labels))
    for network in (pair.generator, pair.discriminator):
        assert not network.training
        assert not any(parameter.requires_grad for parameter in network.parameters())


def test_the_digest_follows_the_weights(model: Path, tmp_path: Path) -> None:
    save_tiny_pair(tmp_path / "same")
    save_tiny_pair(tmp_path / "other", seed=1)
    assert load_pair(tmp_path / "same").digest == load_pair(model).digest
    assert load_pair(tmp_path / "other").digest != load_pair(model).digest


def test_the_digest_follows_the_shape(model: Path, tmp_path: Path) -> None:
    save_tiny_pair(tmp_path / "other", replace(SPEC, latent_prior="uniform", image_size=8))
    assert load_pair(tmp_path / "other").digest != load_pair(model).digest


@pytest.mark.parametrize("name", [GENERATOR, DISCRIMINATOR])
def test_a_flipped_bit_is_refused_and_the_file_named(model: Path, name: str) -> None:
    flip_bit(model / name)
    with pytest.raises(UserError, match=name):
        load_pair(model)


def test_a_missing_file_is_refused_and_named(model: Path) -> None:
    (model / DISCRIMINATOR).unlink()
    with pytest.raises(UserError, match=DISCRIMINATOR):
        load_pair(model)


def test_a_model_of_an_earlier_version_loads_where_it_does_without_what_was_taken_out(model: Path) -> None:
    before = load_pair(model)
    edit(model, minibatch_deviation=False)
    pair = load_pair(model)
    assert pair.spec == before.spec
    assert pair.digest != before.digest  # it is that of what is stored, which datasets name
    edit(model, minibatch_deviation=True)
    with pytest.raises(UserError, match=r"is no model description .*minibatch_deviation"):
        load_pair(model)


def test_a_folder_without_description_is_no_model(model: Path) -> None:
    (model / DESCRIPTION).unlink()
    with pytest.raises(UserError, match="No model in"):
        load_pair(model)


def test_weights_of_another_shape_are_refused(model: Path) -> None:
    edit(model, width=8)
    with pytest.raises(UserError, match="do not fit"):
        load_pair(model)


@pytest.mark.parametrize(
    "calibration",
    [
        {},
        {"slopes": [1.0], "offsets": [0.0]},
        {"slopes": [1.0] * 3, "offsets": ["0"] * 3},
        {"slopes": 1.0, "offsets": 0.0},
    ],
    ids=str,
)
def test_a_calibration_of_other_classes_is_refused(model: Path, calibration: dict[str, object]) -> None:
    description = json.loads((model / DESCRIPTION).read_text())
    (model / DESCRIPTION).write_text(json.dumps({**description, "calibration": calibration}))
    with pytest.raises(UserError, match="no model description"):
        load_pair(model)


def test_the_digest_follows_the_calibration(model: Path) -> None:
    before = load_pair(model).digest
    description = json.loads((model / DESCRIPTION).read_text())
    description["calibration"]["offsets"][1] += 1
    (model / DESCRIPTION).write_text(json.dumps(description))
    assert load_pair(model).digest != before


def test_a_cut_description_is_refused(model: Path) -> None:
    text = (model / DESCRIPTION).read_text()
    (model / DESCRIPTION).write_text(text[: len(text) // 2])
    with pytest.raises(UserError, match="damaged"):
        load_pair(model)


def test_a_folder_that_cannot_be_looked_at_is_one_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: File name too long"):
        load_pair(tmp_path / ("x" * 300))
