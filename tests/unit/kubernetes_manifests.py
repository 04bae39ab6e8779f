"""The Kubernetes manifests, as they lie in infra/kubernetes and put together."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.project import ROOT

KUBERNETES = ROOT / "infra" / "kubernetes"
FILES = sorted([*KUBERNETES.glob("base/*.yaml"), *KUBERNETES.glob("jobs/*.yaml")])
COMPONENTS = ("gpu", "spot", "fault-tolerant", "monitoring")
Manifest = dict[str, Any]


def documents(*files: Path) -> list[Manifest]:
    return [
        document
        for file in files
        if file.name != "kustomization.yaml"
        for document in yaml.safe_load_all(file.read_text())
    ]


def rendered(tmp_path: Path, *components: str) -> list[Manifest]:
    """What `kubectl apply -k` would send, with these components."""
    if not can_put_together():
        pytest.skip("no kubectl with kustomize 5 or later is installed: the manifests are not put together")
    shutil.copytree(KUBERNETES, tmp_path / "kubernetes")
    chosen = {"resources": ["base"], "components": list(components)}
    (tmp_path / "kubernetes" / "kustomization.yaml").write_text(
        yaml.safe_dump({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", **chosen})
    )
    done = subprocess.run(
        ["kubectl", "kustomize", str(tmp_path / "kubernetes")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def can_put_together() -> bool:
    if not shutil.which("kubectl"):
        return False
    said = subprocess.run(["kubectl", "version", "--client"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"Kustomize Version: v(\d+)", said)
    return found is not None and int(found[1]) >= 5


def pod_specs(document: Any) -> Iterator[Manifest]:
    """Everything in a manifest that has containers."""
    if isinstance(document, dict):
        if "containers" in document:
            yield document
        for value in document.values():
            yield from pod_specs(value)
    elif isinstance(document, list):
        for value in document:
            yield from pod_specs(value)


def cluster_in(manifests: list[Manifest]) -> Manifest:
    (cluster,) = [document for document in manifests if document["kind"] == "RayCluster"]
    return cluster


def settings_in(manifests: list[Manifest]) -> Manifest:
    (settings,) = [document["data"] for document in manifests if document["kind"] == "ConfigMap"]
    return dict(settings)


def with_components(*components: str) -> list[Manifest]:
    """Return the cluster's manifests with the components' patches, which all set or append one value, without kubectl."""
    manifests = documents(*KUBERNETES.glob("base/*.yaml"))
    for component in components:
        for patch in yaml.safe_load((KUBERNETES / component / "kustomization.yaml").read_text()).get("patches", []):
            (target,) = [each for each in manifests if (each["kind"], each["metadata"]["name"]) == tuple(patch["target"].values())]  # fmt: skip
            for change in yaml.safe_load(patch["patch"]):
                *above, last = change["path"].split("/")[1:]
                place: Any = target
                for key in above:
                    place = place[int(key) if isinstance(place, list) else key]
                if isinstance(place, list):
                    assert last == "-"
                    place.append(change["value"])
                else:
                    place[last] = change["value"]
    return manifests
