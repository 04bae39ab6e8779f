"""The Kubernetes manifests: of the shape that Kubernetes and KubeRay take, and as safe as docs/security.md says.

Nothing here runs them; there is no Kubernetes to try them on.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator

from pipeline.config.load import presets
from pipeline.jobs.work import ALL, STAGES
from tests.project import ROOT

KUBERNETES = ROOT / "infra" / "kubernetes"
CRDS = ROOT.parent / "shared" / "kuberay-crds"
FILES = sorted([*KUBERNETES.glob("base/*.yaml"), *KUBERNETES.glob("jobs/*.yaml")])
COMPONENTS = ("gpu", "spot", "fault-tolerant", "monitoring")
RAY_API = "ray.io/v1"
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


def strict(schema: Any) -> Any:
    """A CRD's schema as JSON schema that refuses what it does not name, which Kubernetes would drop without a word."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items() if not key.startswith("x-kubernetes")}
    if schema.get("x-kubernetes-int-or-string"):
        made = {"type": ["integer", "string"]}
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    return made


def require_fit(document: Manifest) -> None:
    if document["apiVersion"] != RAY_API:
        kubernetes_validate.validate(document, "1.33", strict=True)
        return
    if not CRDS.is_dir():
        pytest.skip("KubeRay's own definitions are not beside this checkout: its kinds are not checked")
    definition = yaml.safe_load((CRDS / f"ray.io_{document['kind'].lower()}s.yaml").read_text())
    (schema,) = [
        version["schema"]["openAPIV3Schema"] for version in definition["spec"]["versions"] if version["name"] == "v1"
    ]
    wanted = strict(schema)
    wanted["properties"]["metadata"] = {"type": "object"}
    errors = [f"{'/'.join(map(str, error.path))}: {error.message}" for error in Draft202012Validator(wanted).iter_errors(document)]  # fmt: skip
    assert not errors


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


def quota_in(manifests: list[Manifest]) -> dict[str, Decimal]:
    (quota,) = [document["spec"]["hard"] for document in manifests if document["kind"] == "ResourceQuota"]
    return {name: parse_quantity(amount) for name, amount in quota.items()}


def parse_quantity(written: str | int) -> Decimal:
    """Return the number that a Kubernetes quantity such as 500m, 16Gi or "4" stands for."""
    number, unit = re.fullmatch(r"(\d+)(m|Mi|Gi|)", str(written)).groups()
    return Decimal(number) * {"": Decimal(1), "m": Decimal("0.001"), "Mi": Decimal(2**20), "Gi": Decimal(2**30)}[unit]


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


def settings_in(manifests: list[Manifest]) -> Manifest:
    (settings,) = [document["data"] for document in manifests if document["kind"] == "ConfigMap"]
    return dict(settings)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_manifest_is_of_its_kinds_shape(file: Path) -> None:
    for document in documents(file):
        require_fit(document)


@pytest.mark.parametrize("components", [(), *((each,) for each in COMPONENTS), COMPONENTS], ids="+".join)
def test_put_together_they_are_too(tmp_path: Path, components: tuple[str, ...]) -> None:
    manifests = rendered(tmp_path, *components)
    for document in manifests:
        require_fit(document)
        assert document["kind"] == "Namespace" or document["metadata"]["namespace"] == "imagemint"


def test_a_wrong_key_would_be_found() -> None:
    cluster = cluster_in(documents(*FILES))
    cluster["spec"]["headGroupSpec"]["rayStartParameters"] = {}
    with pytest.raises(AssertionError, match="rayStartParameters"):
        require_fit(cluster)


def test_no_container_has_more_rights_than_it_needs(tmp_path: Path) -> None:
    pods = [pod for document in [*rendered(tmp_path, *COMPONENTS), *documents(*KUBERNETES.glob("jobs/*.yaml"))] for pod in pod_specs(document)]  # fmt: skip
    assert len(pods) == 5  # head, two groups, two submitters
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        # What is asked for is what there is: a node is not killed because its neighbours grew.
        assert container["resources"]["requests"]["memory"] == container["resources"]["limits"]["memory"]
        # Only the head, which asks for nodes, has an account that may.
        assert pod["serviceAccountName"] == "imagemint-head" or pod["automountServiceAccountToken"] is False


def test_the_head_does_no_work_and_nobody_else_is_there_unasked(tmp_path: Path) -> None:
    manifests = rendered(tmp_path, *COMPONENTS)
    spec = cluster_in(manifests)["spec"]
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    assert {group["groupName"]: group["minReplicas"] for group in spec["workerGroupSpecs"]} == {"cpu": 0, "gpu": 0}
    assert settings_in(manifests)["IMAGEMINT_AUTOSCALED"] == "GPU"  # else no stage would ask for one
    assert settings_in(rendered(tmp_path / "without", "spot"))["IMAGEMINT_AUTOSCALED"] == "CPU"
    assert spec["authOptions"] == {"mode": "token"}
    assert "gcsFaultToleranceOptions" in spec


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


@pytest.mark.parametrize("components", [(), COMPONENTS], ids="+".join)
def test_all_nodes_have_one_image(tmp_path: Path, components: tuple[str, ...]) -> None:
    """Nodes with another build of torch are refused by `pipeline.nodes`."""
    images = {
        container["image"]
        for pod in pod_specs(cluster_in(rendered(tmp_path, *components)))
        for container in pod["containers"]
    }
    assert images == {"imagemint:gpu" if components else "imagemint:cpu"}


def test_only_work_that_can_be_done_again_is_on_spot_nodes(tmp_path: Path) -> None:
    spec = cluster_in(rendered(tmp_path, "spot"))["spec"]
    assert "tolerations" not in spec["headGroupSpec"]["template"]["spec"]
    assert spec["workerGroupSpecs"][0]["template"]["spec"]["tolerations"]


def test_credentials_come_from_a_secret_and_stand_nowhere() -> None:
    text = "".join(file.read_text() for file in KUBERNETES.rglob("*.yaml"))
    assert not re.search(r"(?i)(secret_access_key|password|token): +\S*[0-9a-z]{8}", text)
    for group in cluster_in(documents(*FILES))["spec"]["workerGroupSpecs"]:
        (container,) = group["template"]["spec"]["containers"]
        assert {"secretRef": {"name": "imagemint-storage", "optional": True}} in container["envFrom"]
        assert "env" not in container


def test_policies_speak_of_the_pods_that_there_are() -> None:
    manifests = documents(*FILES)
    name = cluster_in(manifests)["metadata"]["name"]
    policies = {document["metadata"]["name"]: document["spec"] for document in manifests if document["kind"] == "NetworkPolicy"}  # fmt: skip
    for policy in ("imagemint-cluster", "imagemint-jobs"):
        assert policies[policy]["podSelector"]["matchLabels"]["ray.io/cluster"] == name
    (submitter,) = policies["imagemint-submitter"]["podSelector"]["matchLabels"].items()
    jobs = [document for document in manifests if document["kind"] == "RayJob"]
    assert len(jobs) == 2
    for job in jobs:
        assert submitter in job["spec"]["submitterPodTemplate"]["metadata"]["labels"].items()
        assert job["spec"]["clusterSelector"] == {"ray.io/cluster": name}
        # The operator refuses the two together (KubeRay 1.6 and later), which the definitions do not tell.
        assert "backoffLimit" not in job["spec"]


def test_jobs_run_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for job in documents(*KUBERNETES.glob("jobs/*.yaml")):
        found = re.fullmatch(r"python -m stages\.job (\w+) --preset ([\w-]+)", job["spec"]["entrypoint"])
        assert found is not None
        assert found[1] in (ALL, *STAGES)
        assert found[2] in presets()
    image = (ROOT / "infra" / "Dockerfile").read_text()
    assert "/opt/imagemint" in image
    assert yaml.safe_load(job["spec"]["runtimeEnvYAML"]) == {"working_dir": "/opt/imagemint"}


def test_the_cluster_is_of_the_ray_that_the_image_has() -> None:
    (pinned,) = re.findall(r"(?m)^ray==(.*)$", (ROOT / "constraints.txt").read_text())
    assert cluster_in(documents(*FILES))["spec"]["rayVersion"] == pinned
