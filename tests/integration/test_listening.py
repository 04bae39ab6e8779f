"""What a stage that starts Ray opens on the machine's network: nobody gets in who lacks the token of that one run."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.project import ROOT, environment

STAGE = """
from pipeline.cluster.connection import connect
with connect("."):
    print("ready", flush=True)
    input()
"""
ENTER = (
    "import ray; ray.init(address='127.0.0.1:{port}', logging_level='ERROR'); print('inside', ray.cluster_resources())"
)
# What Ray starts; that its doors want the token is tried at the one where a stranger would come in.
RAYS_OWN = {"python", "gcs_server", "raylet", "ray"}


def try_to_enter(port: int, home: Path, **token: str) -> subprocess.Popen[str]:
    patience = {"RAY_gcs_rpc_server_connect_timeout_s": "5", "RAY_gcs_server_request_timeout_seconds": "5"}
    return subprocess.Popen(
        [sys.executable, "-c", ENTER.format(port=port)],
        env=environment(HOME=str(home), **patience, **token), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.ci
def test_strangers_are_refused_and_no_token_is_left_for_them(tmp_path: Path) -> None:
    stage = subprocess.Popen(
        [sys.executable, "-c", STAGE], cwd=ROOT, env=environment(HOME=str(tmp_path)),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert stage.stdout is not None
        assert "ready" in stage.stdout.readline()
        family = [psutil.Process(stage.pid), *psutil.Process(stage.pid).children(recursive=True)]
        listening = {
            (process.name().partition("::")[0], connection.laddr.port)
            for process in family
            for connection in process.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        }
        assert {name for name, _ in listening} <= RAYS_OWN
        (door,) = [port for name, port in listening if name == "gcs_server"]
        strangers = [
            try_to_enter(door, tmp_path / "a", RAY_AUTH_MODE="disabled"),
            try_to_enter(door, tmp_path / "b", RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="f" * 64),
        ]
        token = psutil.Process(stage.pid).children()[0].environ()["RAY_AUTH_TOKEN"]
        friend = try_to_enter(door, tmp_path / "c", RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=token)
        assert "inside" in friend.communicate(timeout=200)[0]
        for stranger in strangers:
            said, problems_of = stranger.communicate(timeout=200)
            assert stranger.returncode != 0
            assert "inside" not in said
            assert "token" in problems_of.lower()
        assert not list(tmp_path.glob(".ray/*"))
    finally:
        stage.communicate("\n", timeout=120)
