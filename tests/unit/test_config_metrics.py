"""What the config knows of metrics is what their files declare, and is known in a moment."""

import subprocess
import sys

from pipeline.base.declarations import declarations
from pipeline.config.metrics import METRICS
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
