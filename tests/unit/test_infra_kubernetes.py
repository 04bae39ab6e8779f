"""The Kubernetes manifests: of the shape that Kubernetes and KubeRay take, and as safe as docs/reference/security.md says.

Nothing here runs them; there is no Kubernetes to try them on.
"""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator

from pipeline.config.load import presets
from pipeline.jobs.work import ALL, STAGES
from tests.project import ROOT
from tests.unit.kubernetes_manifests import (
    COMPONENTS,
    FILES,
    KUBERNETES,
    Manifest,
    cluster_in,
    documents,
    pod_specs,
    rendered,
    settings_in,
)

CRDS = ROOT.parent / "shared" / "kuberay-crds"
RAY_API = "ray.io/v1"


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


@pytest.mark.parametrize("components", [(), COMPONENTS], ids="+".join)
def test_all_nodes_have_one_image(tmp_path: Path, components: tuple[str, ...]) -> None:
    """Nodes with another build of torch are refused by `pipeline.cluster.preflight`."""
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
