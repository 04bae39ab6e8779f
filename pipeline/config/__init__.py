"""Load `conf/*.yaml` into frozen, strict models, and word the errors for the user."""

from pipeline.config.config import Config
from pipeline.config.load import load_config, load_preset

__all__ = ["Config", "load_config", "load_preset"]
