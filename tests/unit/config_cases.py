"""The smallest preset there is, and what is said of a broken one."""

from pathlib import Path

import pytest

from pipeline.base.errors import UserError
from pipeline.config.load import load_config

CONF = Path(__file__).parents[2] / "conf"

SMALLEST = """
name: tiny
data:
  source: {kind: digits}
  size: 8
  classes: ['0', '1']
  validation_share: 0.1
  holdout_share: 0.2
embed: {total_images: 1000}
model: {resolution: 8}
train: {total_images: 1000, precision: auto}
evaluate: {}
sample: {count: 1000}
audit: {}
gates: {}
cluster: {train_workers: auto, sample_workers: auto}
"""

IDX = "data.source={kind: idx, path: /images}"


def refusal(path: Path, *overrides: str) -> str:
    with pytest.raises(UserError) as caught:
        load_config(path, list(overrides))
    return str(caught.value)


def refusal_of(text: str, path: Path) -> str:
    path.write_text(text)
    return refusal(path)
