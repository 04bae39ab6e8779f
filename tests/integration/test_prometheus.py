"""A real Prometheus, told by Ray where the nodes are, gets what the dashboard draws while stages run."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.cluster import LocalCluster
from tests.integration.test_workers import beside
from tests.project import ROOT, SMALL, Places

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not shutil.which("prometheus"), reason="Prometheus is not installed (Debian: apt-get install prometheus)"
    ),
]

ADDRESS = "127.0.0.1:9090"  # on the head, in whose network nobody else is
BOARD = json.loads((ROOT / "infra" / "grafana" / "imagemint.json").read_text())
DRAWN = [
    (f"{panel['title']}: {target['legendFormat']}", target["expr"].replace("$preset", "digits"))
    for panel in BOARD["panels"]
    for target in panel["targets"]
]


@pytest.fixture
def prometheus(cluster: LocalCluster, tmp_path: Path) -> Iterator[LocalCluster]:
    found_by_ray = Path(cluster.settings["CLUSTER_FOLDER"]) / "node-1/ray/prom_metrics_service_discovery.json"
    settings = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "ray", "file_sd_configs": [{"files": [str(found_by_ray)]}]}],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(settings))
    command = ("prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb", f"--web.listen-address={ADDRESS}")  # fmt: skip
    process = subprocess.Popen(
        cluster.inside(*command), env=cluster.environment(), cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if "ready to receive web requests" in line:
                break
        else:
            pytest.fail("".join(said))
        yield cluster
    finally:
        process.terminate()
        process.communicate(timeout=30)


GET = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"


def ever_drawn(cluster: LocalCluster, expression: str, since: float) -> list[dict[str, str]]:
    """The labels of all that the expression has given since then."""
    query = urlencode({"query": expression, "start": since, "end": time.time(), "step": "1s"})
    answer = json.loads(cluster.succeed("python", "-c", GET, f"http://{ADDRESS}/api/v1/query_range?{query}"))
    assert answer["status"] == "success", answer
    return [one["metric"] for one in answer["data"]["result"]]


def test_every_panel_is_fed_by_the_stages(prometheus: LocalCluster, trained: Places, tmp_path: Path) -> None:
    """Ray hands figures on every ten seconds, so the stages have to last longer."""
    began = time.time()
    there = beside(trained, tmp_path)
    settings = (*SMALL, "train.total_images=64000", "train.checkpoint_every_images=6400", "sample.count=100000", "sample.shard_size=5000")  # fmt: skip
    prometheus.succeed(*there.command("train", "--data", str(trained.data), settings=settings))
    prometheus.succeed(*there.command("sample", "--data", str(trained.data), settings=settings))
    missing = [title for title, expression in DRAWN if not ever_drawn(prometheus, expression, began)]
    assert not missing
    runs = {path.name for path in there.root.glob("runs/*-*") if path.is_dir()}
    shown = ever_drawn(prometheus, "ray_imagemint_images", began)
    assert {(one["preset"], f"{one['stage']}-{one['run']}") for one in shown} == {("digits", run) for run in runs}
