"""What the config knows of metrics is what their files declare, and is known in a moment."""

import subprocess
import sys

import pytest

from pipeline.base.declarations import declarations
from pipeline.base.errors import UserError
from pipeline.config.metrics import METRICS, by_name
from tests.project import ROOT


def test_every_metric_is_declared_once() -> None:
    declared = [
        name
        for measurement in declarations("pipeline.evaluation.metrics", "MEASUREMENT").values()
        for metric in measurement.metrics
        for name in metric.names
    ]
    assert len(set(declared)) == len(declared)
    assert METRICS.keys() <= set(declared)


def test_a_counterpart_is_no_metric_that_can_be_bounded_itself() -> None:
    assert not {metric.real for metric in METRICS.values()} & METRICS.keys()


def test_a_config_is_loaded_without_what_computes() -> None:
    code = """
import sys
import pipeline.config
assert "pipeline.evaluation.metrics.frechet" in sys.modules
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"torch", "ray", "numpy", "scipy", "sklearn", "pyarrow"}))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_a_metric_that_is_declared_twice_is_refused() -> None:
    precision = METRICS["precision"]
    with pytest.raises(UserError, match="the metric 'precision' is declared twice"):
        by_name([precision, METRICS["recall"], precision])
