"""Frozen, strict models of `conf/*.yaml`, and the loader that words their errors."""

from pipeline.config.config import Config
from pipeline.config.load import load_config, load_preset

__all__ = ["Config", "load_config", "load_preset"]
