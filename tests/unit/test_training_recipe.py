"""From a preset to a recipe, and from there to what model.json keeps of it."""

from dataclasses import asdict

import pytest

from pipeline.config import load_preset
from pipeline.config.load import presets
from pipeline.config.schema import Train
from pipeline.training.losses import LOSSES
from pipeline.training.recipe import Recipe

NOT_OF_THE_OUTCOME = {"data", "tensorboard"}  # where images are held, and who looks on
GROUPS = {"penalty": ("r1", "r2", "gp", "penalty_every", "penalty_final_share"), "diagnostics": ("policies",)}
OTHER_NAMES = {"compile": "compile_generator"}


def recipe_of(*sets: str) -> Recipe:
    return Recipe.of(load_preset("digits", list(sets)).train, "cpu")


@pytest.mark.parametrize("preset", presets())
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_preset_of_the_project_has_a_recipe(preset: str, device: str) -> None:
    assert Recipe.of(load_preset(preset).train, device).precision in ("fp32", "bf16")


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_is_one_line_of_config(loss: str) -> None:
    recipe = recipe_of(f"train.loss={loss}")
    assert recipe.loss == loss
    # Without its penalty the loss has no bound.
    assert recipe.penalty.gp == (10 if loss == "wgan_gp" else 0)


def test_a_penalty_that_is_named_counts_with_any_loss() -> None:
    assert recipe_of("train.loss=hinge", "train.penalty.gp=3").penalty.gp == 3
    assert recipe_of("train.loss=wgan_gp", "train.penalty.gp=0").penalty.gp == 0


def test_the_record_holds_each_choice_of_the_config_that_the_outcome_depends_on() -> None:
    keys = {
        name
        for key in Train.model_fields
        if key not in NOT_OF_THE_OUTCOME
        for name in GROUPS.get(key, (OTHER_NAMES.get(key, key),))
    }
    assert recipe_of().record().keys() == keys


def test_the_record_has_the_values_of_the_config() -> None:
    record = recipe_of(
        "train.penalty.every=3", "train.penalty.final_share=0.25", "train.augmentation=ada", "train.seed=7"
    ).record()
    assert (record["penalty_every"], record["penalty_final_share"]) == (3, 0.25)
    assert (record["augmentation"], record["seed"]) == ("ada", 7)
    assert record["policies"] == load_preset("digits", []).train.diagnostics.model_dump()


def test_no_two_choices_share_a_name_in_the_record() -> None:
    recipe = recipe_of()
    leaves = [
        len(value) if isinstance(value, dict) and name != "policies" else 1 for name, value in asdict(recipe).items()
    ]
    assert len(recipe.record()) == sum(leaves)
