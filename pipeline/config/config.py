"""Validate a whole preset, in itself and in how its sections fit together."""

import os

from pydantic import field_validator, model_validator

from pipeline.config.rules import broken_rules
from pipeline.config.schema import Sections


class Config(Sections):
    """Hold a whole preset, in which `defaults` has filled in what its file leaves out."""

    @field_validator("root")
    @classmethod
    def _expand_home(cls, root: str) -> str:
        return os.path.expanduser(root)  # noqa: PTH111  # a path of pathlib would lose "s3://"

    @model_validator(mode="after")
    def _rules_across_sections(self) -> "Config":
        broken = broken_rules(self)
        if broken:
            raise ValueError("\n".join(broken))
        return self
