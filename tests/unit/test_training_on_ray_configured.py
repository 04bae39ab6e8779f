"""From a preset to networks."""

import pytest

from pipeline.base.errors import UserError
from pipeline.config import load_preset
from pipeline.config.load import presets
from pipeline.models.conditions import CONDITIONS
from pipeline.models.pair import build_discriminator, build_generator
from pipeline.training_on_ray.configured import spec_of


@pytest.mark.parametrize("architecture", ["mlp", "dcgan", "resnet", "r3"])
@pytest.mark.parametrize("conditioning", [*CONDITIONS])
def test_every_architecture_is_one_line_of_config(architecture: str, conditioning: str) -> None:
    sets = [f"model.architecture={architecture}", f"model.conditioning={conditioning}", "gates={}", "model.width=8"]
    spec = spec_of(load_preset("digits", sets), 10)
    assert spec.condition == CONDITIONS[conditioning](spec.classes)
    build_generator(spec)
    build_discriminator(spec)


def test_networks_are_not_conditioned_on_one_class_alone() -> None:
    config = load_preset("digits", ["data.classes=none", "gates={}"])
    assert config.model.conditioning == "class"
    assert spec_of(config, 1).classes == 0
    assert spec_of(config, 2).classes == 2


@pytest.mark.parametrize("preset", presets())
def test_every_preset_of_the_project_can_be_built(preset: str) -> None:
    config = load_preset(preset)
    build_generator(spec_of(config, 10))
    build_discriminator(spec_of(config, 10))


def test_a_condition_that_a_stored_model_cannot_name_is_refused() -> None:
    config = load_preset("digits")
    other = config.model_copy(update={"model": config.model.model_copy(update={"conditioning": "caption"})})
    with pytest.raises(
        UserError, match=r"model\.conditioning: 'caption': a stored model cannot name it yet.*use none or class"
    ):
        spec_of(other, 10)
