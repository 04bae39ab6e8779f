"""In Kubernetes all nodes and some jobs fit into the quota, and by default no node has a GPU."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from tests.unit.kubernetes_manifests import (
    COMPONENTS,
    KUBERNETES,
    Manifest,
    cluster_in,
    documents,
    pod_specs,
    rendered,
    settings_in,
    with_components,
)


def quota_in(manifests: list[Manifest]) -> dict[str, Decimal]:
    (quota,) = [document["spec"]["hard"] for document in manifests if document["kind"] == "ResourceQuota"]
    return {name: parse_quantity(amount) for name, amount in quota.items()}


def parse_quantity(written: str | int) -> Decimal:
    """Return the number that a Kubernetes quantity such as 500m, 16Gi or "4" stands for."""
    number, unit = re.fullmatch(r"(\d+)(m|Mi|Gi|)", str(written)).groups()
    return Decimal(number) * {"": Decimal(1), "m": Decimal("0.001"), "Mi": Decimal(2**20), "Gi": Decimal(2**30)}[unit]


def requested_at_most(manifests: list[Manifest]) -> dict[str, Decimal]:
    """Return what the head and every group at its largest ask for, by the quota's names."""
    spec = cluster_in(manifests)["spec"]
    head = spec["headGroupSpec"]["template"]["spec"]["containers"]
    pods = [(1, [*head, spec["autoscalerOptions"]])]  # the autoscaler is a container in the head's pod
    pods += [(group["maxReplicas"], group["template"]["spec"]["containers"]) for group in spec["workerGroupSpecs"]]
    total = {name: Decimal(0) for name in quota_in(manifests)}
    for replicas, containers in pods:
        total["pods"] += replicas
        for container in containers:
            limits, requests = container["resources"]["limits"], container["resources"]["requests"]
            asked = {f"limits.{name}": amount for name, amount in limits.items()}
            # What has a limit and no request of its own asks for the limit.
            asked |= {f"requests.{name}": amount for name, amount in {**limits, **requests}.items()}
            for name, amount in asked.items():
                if name in total:
                    total[name] += replicas * parse_quantity(amount)
    return total


@pytest.mark.parametrize("components", [(), ("gpu",), COMPONENTS], ids="+".join)
def test_the_quota_has_room_for_all_nodes_and_for_jobs_in_every_pod_that_is_left(components: tuple[str, ...]) -> None:
    manifests = with_components(*components)
    allowed, asked = quota_in(manifests), requested_at_most(manifests)
    assert {name: (asked[name], allowed[name]) for name in allowed if asked[name] > allowed[name]} == {}
    jobs = allowed["pods"] - asked["pods"]
    assert jobs >= 2
    for submitter in pod_specs(documents(*KUBERNETES.glob("jobs/*.yaml"))):
        (container,) = submitter["containers"]
        for kind, amounts in container["resources"].items():
            for name, amount in amounts.items():
                assert asked[f"{kind}.{name}"] + jobs * parse_quantity(amount) <= allowed[f"{kind}.{name}"]


def test_by_default_no_node_waits_for_a_gpu() -> None:
    kustomization = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    assert kustomization["resources"] == ["base"]
    assert "components" not in kustomization
    manifests = with_components()
    assert settings_in(manifests)["IMAGEMINT_AUTOSCALED"] == "CPU"
    assert quota_in(manifests)["requests.nvidia.com/gpu"] == 0
    assert "nvidia.com/gpu" not in yaml.safe_dump(cluster_in(manifests))


@pytest.mark.parametrize("components", [("gpu",), COMPONENTS], ids="+".join)
def test_these_tests_put_components_together_as_kustomize_does(tmp_path: Path, components: tuple[str, ...]) -> None:
    ours, kustomizes = with_components(*components), rendered(tmp_path, *components)
    assert cluster_in(ours)["spec"] == cluster_in(kustomizes)["spec"]
    assert quota_in(ours) == quota_in(kustomizes)
    assert settings_in(ours) == settings_in(kustomizes)
