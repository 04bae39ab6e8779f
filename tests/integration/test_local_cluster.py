"""Several nodes, each in a network of its own: the same commands make the same bytes there, and what cannot work is refused."""

import hashlib
import json
from pathlib import Path

import psutil
import pytest

from tests.cluster import LocalCluster
from tests.integration.test_workers import beside
from tests.project import ROOT, Places, digests, run
from tests.s3 import missing_programs

pytestmark = pytest.mark.ci


IN_STORE = """
import hashlib, json, sys
from pipeline.store.bucket import Bucket
root = Bucket(sys.argv[1])
print(json.dumps({name: root.sha256(name) for name in root.entries("")}))
"""


def test_three_nodes_sample_the_bytes_of_one_process(cluster: LocalCluster, sampled: Places, tmp_path: Path) -> None:
    there = Places(tmp_path)
    said = cluster.succeed(*there.command("sample", "--model", str(sampled.model)))
    assert "with 2 worker(s)" in said
    assert digests(there.dataset / "data") == digests(sampled.dataset / "data")


@pytest.mark.skipif(bool(missing_programs()), reason="Ceph is not installed: infra/local/s3/README.md says how")
def test_a_job_samples_into_a_store_what_one_process_makes(cluster: LocalCluster, sampled: Places) -> None:
    root = f"{cluster.make_bucket('job')}/root"
    command = sampled.command("sample", "--set", f"root={root}")[1:]
    said = cluster.succeed(
        "ray", "job", "submit", "--working-dir", ".", "--", "python", *command, "--out", "made", timeout_s=500
    )
    assert "2,200 images" in said
    stored = json.loads(cluster.succeed("python", "-c", IN_STORE, root))
    made = {Path(name).name: digest for name, digest in stored.items() if "datasets/" in name and "/data/" in name}
    local = digests(sampled.dataset / "data")
    assert made == {name: hashlib.sha256(content).hexdigest() for name, content in local.items()}
    assert not [name for name in stored if "handshake" in name]


def test_workers_on_two_nodes_train_equal_replicas(cluster: LocalCluster, trained: Places, tmp_path: Path) -> None:
    """The trainer compares the workers' weights at every checkpoint and fails when they differ in one bit."""
    there = beside(trained, tmp_path)
    said = cluster.succeed(*there.command("train", "--data", str(trained.data)))
    assert "2 worker(s)" in said  # by themselves: one a node
    assert json.loads((there.model / "model.json").read_text())["metrics"]["validation_label_accuracy"] > 0.5


def test_a_folder_that_the_other_nodes_do_not_have_is_refused_as_root(cluster: LocalCluster, sampled: Places) -> None:
    """In a job each node has a working folder of its own, so `root: .` is another folder on each."""
    command = sampled.command("sample", "--set", "root=.", "--fresh")[1:]
    said = cluster.fail("ray", "job", "submit", "--working-dir", ".", "--", "python", *command, "--out", "made")
    assert "The cluster is not ready" in said
    assert "root must be the same folder on all nodes" in said


def test_jobs_want_the_token(cluster: LocalCluster) -> None:
    for strangers in ({"RAY_AUTH_MODE": "disabled"}, {"RAY_AUTH_TOKEN": "f" * 64}):
        words = [f"{name}={value}" for name, value in strangers.items()]
        said = cluster.fail("env", *words, "ray", "job", "submit", "--", "echo", "here")
        assert "401" in said or "403" in said or "uthentic" in said, said


def test_nothing_listens_in_the_machines_own_network(cluster: LocalCluster) -> None:
    """Every process of the cluster has another network than this one, and the dashboard there is for its own node alone."""
    ours = Path("/proc/self/ns/net").readlink()
    nodes = [process for process in psutil.process_iter(["cmdline"]) if cluster.settings["CLUSTER_FOLDER"] in " ".join(process.info["cmdline"] or [])]  # fmt: skip
    assert len(nodes) > 3
    assert all(Path(f"/proc/{process.pid}/ns/net").readlink() != ours for process in nodes)
    listening = cluster.succeed("ss", "-ltnH")
    dashboards = [line.split()[3] for line in listening.splitlines() if line.split()[3].endswith(":8265")]
    assert dashboards == ["127.0.0.1:8265"]


@pytest.mark.usefixtures("cluster")  # skipped where there can be none
def test_a_cluster_asked_for_wrongly_is_refused() -> None:
    assert "usage: up N" in run(str(ROOT / "infra/local/up"), "1").stderr
    assert "usage: enter" in run(str(ROOT / "infra/local/enter"), "--node").stderr
