"""Every file of conditions is a choice of the config."""

from typing import get_args

from pipeline.config.schema import Conditioning
from pipeline.models.conditions import CONDITIONS


def test_the_config_knows_every_condition_and_no_other() -> None:
    assert get_args(Conditioning) == ("none", "class")
    assert CONDITIONS.keys() == {*get_args(Conditioning)}
