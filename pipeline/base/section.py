"""Define the base class of all sections of a preset."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Base of every section: no unknown keys, no silent conversions, no changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
