"""Define the base class of all sections of a preset."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Define what every section refuses: unknown keys, silent conversions, and changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
