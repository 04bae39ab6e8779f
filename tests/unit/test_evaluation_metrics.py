"""A metric of one's own is a new file: the config, the stages, the report and the docs know of it from there."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.project import ROOT

BRIGHTNESS = '''"""How bright images are."""

from typing import TYPE_CHECKING, Any

from pipeline.base.metric import TWO, Metric, ReportRow, TrainingView
from pipeline.evaluation.measurement import Measurement

if TYPE_CHECKING:
    from pipeline.evaluation.evidence import Evidence


def _measure(evidence: "Evidence") -> dict[str, Any]:
    return {"brightness": float(evidence.fake.float().mean() / 255)}


def _measure_real(evidence: "Evidence") -> dict[str, Any]:
    return {"brightness": float(evidence.stand_ins.float().mean() / 255)}


MEASUREMENT = Measurement(
    metrics=(
        Metric(
            name="brightness",
            definition="mean of all pixels, over the largest",
            best="`brightness_real`",
            better=0.5,
            form=TWO,
            real="brightness_real",
            row=ReportRow(group="Fidelity and variety", label="Brightness"),
            training=TrainingView(words="bright", chart="brightness", gauge="bright"),
        ),
    ),
    measure=_measure,
    measure_real=_measure_real,
)
'''
PROGRAM = """
import json
from dataclasses import asdict
from pathlib import Path

import torch

from pipeline.cluster.gauges import GAUGES
from pipeline.config import load_config
from pipeline.config.config import Config
from pipeline.embedding.classifier import FeatureNetwork
from pipeline.embedding.embedder import Embedder
from pipeline.evaluation.evidence import Evidence
from pipeline.evaluation.gates import apply_gates
from pipeline.evaluation.measure import CODE_OF_REAL, metrics_of, metrics_of_real
from pipeline.images.shape import ImageShape
from pipeline.report.curves import QUALITY
from pipeline.report.metric_rows import metric_groups
from tests.metric_docs import parts

fake, real, train = (torch.randint(low, low + 50, (40, 1, 8, 8), dtype=torch.uint8) for low in (0, 100, 100))
labels = torch.zeros(40, dtype=torch.int64)
evidence = Evidence(
    Embedder(FeatureNetwork(ImageShape(1, 8, 8), 16).eval(), "digest"), None, ["image"], fake, None, (real, labels), lambda: (train, labels), "data", 0
)
metrics = metrics_of(evidence, metrics_of_real(evidence))
gates = load_config(Path("conf/digits.yaml"), ["gates={brightness: {min_of_real: 0.5}}"]).gates
rows = {row.key: asdict(row) for group in metric_groups(metrics).values() for row in group}
print(json.dumps({
    "measured": [metrics["brightness"], metrics["brightness_real"]],
    "verdicts": [[verdict.metric, verdict.met] for verdict in apply_gates(gates, metrics)],
    "schema": "brightness" in Config.model_json_schema()["properties"]["gates"]["propertyNames"]["enum"],
    "row": rows["brightness"],
    "docs": [name for name, text in parts().items() if "`brightness`" in text],
    "gauge": GAUGES["bright"],
    "chart": QUALITY["validation_brightness"],
    "code": "pipeline.evaluation.metrics.brightness" in CODE_OF_REAL,
}))
"""


def test_a_dropped_in_file_is_measured_bounded_shown_and_told_of(tmp_path: Path) -> None:
    for name in ("pipeline", "conf"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests").mkdir()
    for name in ("__init__.py", "project.py", "metric_docs.py"):
        shutil.copy(ROOT / "tests" / name, tmp_path / "tests")
    (tmp_path / "pipeline" / "evaluation" / "metrics" / "brightness.py").write_text(BRIGHTNESS)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    fake, real = found["measured"]
    assert 0 < fake < 0.2 < 0.3 < real
    assert found["verdicts"] == [["brightness / brightness_real", False]]
    assert found["schema"]
    assert found["code"]
    assert (found["gauge"], found["chart"]) == (
        "On validation images: mean of all pixels, over the largest",
        "brightness",
    )
    assert found["row"] == {
        "key": "brightness",
        "label": "Brightness",
        "value": f"{fake:.2f}",
        "error": "",
        "comparison": f"real images: {real:.2f}",
    }
    assert found["docs"] == ["of images", "gates"]
