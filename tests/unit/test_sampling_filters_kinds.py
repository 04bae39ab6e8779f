"""A filter is one file: the config, its schema and the fitting of filters know it by that alone."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.sampling.filters.kinds import FILTERS
from tests.project import ROOT
from tests.unit.tiny import save_tiny_pair

BRIGHT = '''
"""Refuses dark images."""

from dataclasses import dataclass
from typing import Literal

from pipeline.base.section import Section
from pipeline.sampling.filters.filter import FilterKind


class BrightFilter(Section):
    kind: Literal["bright"]
    least: float = 5.0


@dataclass(frozen=True)
class Bright:
    least: float
    kind = "bright"

    @property
    def about(self):
        return {"kind": self.kind, "least": self.least}

    def accepts(self, candidates):
        return candidates.images.numpy().mean(axis=(1, 2, 3)) >= self.least


FILTER = FilterKind(BrightFilter, lambda wanted, fitting: Bright(wanted.least), "dark images are refused", "lower least")
'''
# What the copy of the project makes of the file, as JSON.
PROGRAM = """
import json
from pathlib import Path

import numpy as np

from pipeline.base.errors import UserError
from pipeline.config.load import load_config
from pipeline.config.schema import Sample
from pipeline.models.weights import load_pair
from pipeline.sampling.settings import GenerationSettings
from pipeline.sampling.filters.fitting import fit_filters
from pipeline.sampling.generate import RecordGenerator
from pipeline.sampling.manifest import FittedFilter
from pipeline.sampling.shards.ranges import ShardPlan

pair = load_pair(Path("tiny"))
sample = Sample(count=20, batch_size=10, shard_size=20, filters=[{"kind": "bright", "least": 125.0}])
how = GenerationSettings.of(sample, pair.spec.condition, ["cat", "dog", "owl"], "fp32")
filters = fit_filters(sample.filters, RecordGenerator(pair, how), Path("tiny"), Path("tiny"))
generated = RecordGenerator(pair, how, filters).shard(ShardPlan(0, 0, 20))
try:
    load_config(Path("conf/digits.yaml"), ["sample.filters=[{kind: bright, most: 3}, {kind: dark}]"])
except UserError as error:
    message = str(error)
print(json.dumps({
    "kind": FittedFilter(**filters[0].about).kind,
    "refused": generated.refused["bright"],
    "darkest": float(generated.records.images.mean(axis=(1, 2, 3)).min()),
    "message": message,
}))
"""


@pytest.mark.parametrize("name", FILTERS)
def test_the_kind_of_a_filter_is_the_name_of_its_file(name: str) -> None:
    assert FILTERS[name].keys(kind=name).kind == name


def test_a_filter_of_ones_own_is_one_file(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "pipeline", tmp_path / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    save_tiny_pair(tmp_path / "tiny")
    (tmp_path / "pipeline" / "sampling" / "filters" / "kinds" / "bright.py").write_text(BRIGHT)

    def run(*arguments: str) -> dict:
        command = [sys.executable, *arguments]
        return json.loads(subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout)

    schema = run("-c", "from pipeline.cli.console import main; main(['schema'])")
    assert schema["$defs"]["BrightFilter"]["properties"]["least"]["default"] == 5.0
    assert "#/$defs/BrightFilter" in schema["$defs"]["Sample"]["properties"]["filters"]["items"]["discriminator"]["mapping"].values()  # fmt: skip
    made = run("-c", PROGRAM)
    assert made["kind"] == "bright"
    assert made["refused"] > 0
    assert made["darkest"] >= 125
    assert "sample.filters.0.most: unknown key; known here: kind, least" in made["message"]
    kinds = ", ".join(f"'{name}'" for name in sorted(["bright", *FILTERS]))
    assert f"a section whose key kind is {kinds}" in made["message"]
