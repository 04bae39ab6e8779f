"""The dashboard draws the metrics that exist, and all of them."""

import json
import re
from itertools import combinations

from pipeline.cluster.gauges import GAUGES, LABELS, PREFIX
from tests.project import ROOT

BOARD = json.loads((ROOT / "infra" / "grafana" / "imagemint.json").read_text())


def test_it_draws_the_metrics_that_exist_and_all_of_them() -> None:
    """`tests/integration/test_prometheus.py` asks a real Prometheus for each."""
    drawn = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]
    names = set(re.findall(r"\w*imagemint_\w+", " ".join(drawn)))
    assert names == {f"ray_{PREFIX}{name}" for name in GAUGES}


def test_labels_that_it_groups_by_are_those_of_the_metrics() -> None:
    text = json.dumps(BOARD)
    grouped = {label for group in re.findall(r"by \(([^)]*)\)", text) for label in group.split(", ")}
    assert grouped | set(re.findall(r"{{(\w+)}}", text)) <= set(LABELS)


def test_panels_lie_beside_each_other() -> None:
    """Grafana moves panels that overlap, and drops all but one of those with the same id."""
    panels = BOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y
