"""The cluster launcher's files: what Ray's own check accepts, EC2 knows, and nobody gets into."""

import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.session import Session
from botocore.validate import ParamValidator
from jsonschema import ValidationError
from ray.autoscaler._private.util import prepare_config, validate_config

from tests.project import ROOT

FOLDER = ROOT / "infra/launcher"
CLOUDS = ("aws", "gcp")


def read(cloud: str) -> dict[str, Any]:
    return yaml.safe_load((FOLDER / f"{cloud}.yaml").read_text())


def node_type(cloud: str, name: str) -> dict[str, Any]:
    return read(cloud)["available_node_types"][name]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_ray_accepts_it(cloud: str) -> None:
    """As `ray up` does before it speaks to a cloud."""
    validate_config(prepare_config(read(cloud)))


def test_what_ray_does_not_know_is_seen() -> None:
    with pytest.raises(ValidationError, match="misspelt"):
        validate_config(prepare_config({**read("aws"), "misspelt": 1}))


@pytest.mark.parametrize("name", ["head", "worker"])
def test_ec2_knows_every_field(name: str) -> None:
    """By the description of its requests that botocore brings; nothing is asked of it."""
    model = Session().get_service_model("ec2").operation_model("RunInstances").input_shape
    request = {**node_type("aws", name)["node_config"], "MinCount": 1, "MaxCount": 1}
    report = ParamValidator().validate(request, model)
    assert not report.has_errors(), report.generate_report()


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_head_works_for_nobody(cloud: str) -> None:
    config = read(cloud)
    assert node_type(cloud, config["head_node_type"])["resources"] == {"CPU": 0}
    assert "--num-cpus=0" in config["head_start_ray_commands"][-1]
    assert node_type(cloud, "worker")["resources"]["cpu-node"] == 1


def test_workers_are_spot_machines_and_the_head_is_not() -> None:
    assert node_type("aws", "worker")["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}
    assert "InstanceMarketOptions" not in node_type("aws", "head")["node_config"]
    assert node_type("gcp", "worker")["node_config"]["scheduling"]["provisioningModel"] == "SPOT"
    assert "scheduling" not in node_type("gcp", "head")["node_config"]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_ray_wants_the_token(cloud: str) -> None:
    config = read(cloud)
    for commands in (config["head_start_ray_commands"], config["worker_start_ray_commands"]):
        environment, start = commands[-1].split("ray start")
        assert "RAY_AUTH_MODE=token" in environment
        assert "RAY_AUTH_TOKEN_PATH=$HOME/.ray/auth_token" in environment
        assert "0.0.0.0" not in start
    assert "--dashboard-host=127.0.0.1" in config["head_start_ray_commands"][-1]
    assert config["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"


@pytest.mark.parametrize("cloud", CLOUDS)
def test_credentials_are_the_machines_roles(cloud: str) -> None:
    """And the workers' is not the head's, which may start machines. On GCP Ray itself gives the head its account."""
    key = {"aws": "IamInstanceProfile", "gcp": "serviceAccounts"}[cloud]
    head, worker = (node_type(cloud, name)["node_config"].get(key) for name in ("head", "worker"))
    assert worker
    assert head != worker
    assert bool(head) is (cloud == "aws")
    text = (FOLDER / f"{cloud}.yaml").read_text()
    assert not re.search("AWS_[A-Z]*KEY|AKIA|SECRET|PASSWORD|private_key", text)


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("kind", ["head", "worker"])
def test_the_start_command_gives_ray_what_it_says(cloud: str, kind: str, tmp_path: Path) -> None:
    """Run by a shell, with a program called ray that tells what it was given."""
    ray = tmp_path / ".venv/bin/ray"
    ray.parent.mkdir(parents=True)
    ray.write_text('#!/bin/sh\necho "$@"; pwd; env\n')
    ray.chmod(ray.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "imagemint").mkdir()
    command = read(cloud)[f"{kind}_start_ray_commands"][-1].replace("ulimit -n 65536", "true")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "RAY_HEAD_IP": "192.0.2.1"}
    done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, check=True)
    arguments, folder, *variables = done.stdout.splitlines()
    given = dict(line.split("=", 1) for line in variables if "=" in line)
    assert arguments.startswith("start --head" if kind == "head" else "start --address=192.0.2.1:6379")
    assert folder == str(tmp_path / "imagemint")  # where a job starts
    assert given["IMAGEMINT_ROOT"].startswith({"aws": "s3://", "gcp": "gs://"}[cloud])
    assert given["RAY_AUTH_TOKEN_PATH"] == str(tmp_path / ".ray/auth_token")
    assert given["RAY_AUTH_MODE"] == "token"


@pytest.mark.parametrize("cloud", CLOUDS)
def test_packages_are_pinned(cloud: str) -> None:
    config = read(cloud)
    commands = [*config["setup_commands"], *config["head_setup_commands"]]
    installs = [command for command in commands if "pip install" in command]
    assert installs
    assert all("-c constraints.txt" in command for command in installs)
