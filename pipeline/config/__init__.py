"""Frozen, strict models of `conf/*.yaml`, and the loader that words their errors."""

from pipeline.config.load import load_config, load_preset
from pipeline.config.schema import Config

__all__ = ["Config", "load_config", "load_preset"]
