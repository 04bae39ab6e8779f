"""Distances in feature spaces from elsewhere: an ONNX module, and Inception in an environment of its own."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.onnx_module import module
from tests.project import ROOT, Places, succeed

# The pair is what the extra `inception` gets on a machine where torchvision fits torch; the network's weights are random.
PACKAGES = ("torch==2.14.1", "torchvision==0.29.1", "torch-fidelity==0.4.0")
RANDOM_INCEPTION = """
import sys
import torch
from torch_fidelity import feature_extractor_inceptionv3 as library

torch.manual_seed(0)
library.load_state_dict_from_url = lambda *_, **__: {}
library.FeatureExtractorInceptionV3.load_state_dict = lambda self, _: None
network = library.FeatureExtractorInceptionV3("random", ["2048"])
for weight in network.parameters():
    if weight.dim() > 1:
        torch.nn.init.kaiming_normal_(weight)  # else what tells images apart fades from layer to layer
torch.save(network.state_dict(), sys.argv[1])
"""


def evaluated(places: Places, out: Path, *settings: str, python: str = sys.executable) -> dict[str, float]:
    sets = [word for setting in settings for word in ("--set", setting)]
    command = places.command("evaluate", "--out", str(out), *sets)
    succeed(python, *command[1:], timeout_s=500)
    return json.loads((out / "evaluate.json").read_text())


def test_an_onnx_module_gives_distances_of_its_own(trained: Places, tmp_path: Path) -> None:
    path = module(tmp_path / "linear.onnx")
    figures = evaluated(trained, tmp_path / "out", f"evaluate.features={{kind: onnx, path: {path}}}")
    assert figures["fd_onnx"] > figures["fd_onnx_real"] > 0
    assert figures["kid_onnx"] > figures["kid_onnx_real"]
    assert "fid" not in figures


def test_a_missing_module_is_refused_before_work(
    trained: Places, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = "evaluate.features={kind: onnx, path: /nowhere.onnx}"
    message = trained.refuse("evaluate", "--out", str(tmp_path / "out"), "--set", settings)
    assert "/nowhere.onnx: there is no such file" in message
    assert "generating" not in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_inception_gives_fid_and_kid(trained: Places, tmp_path: Path) -> None:
    """With random weights: the real ones cannot be had everywhere, so the figures are no FID that one could compare."""
    succeed(sys.executable, "-m", "venv", str(tmp_path / "env"))
    python = str(tmp_path / "env" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True, timeout=1000)
    # All else comes from this environment, after the packages of that one.
    ours = sysconfig.get_paths()["purelib"]
    (site,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    (site / "ours.pth").write_text(f"{ours}{os.linesep}{ROOT}{os.linesep}")
    weights = tmp_path / "random.pth"
    subprocess.run([python, "-c", RANDOM_INCEPTION, str(weights)], check=True, timeout=300)
    settings = (f"evaluate.features={{kind: inception, path: {weights}}}", "evaluate.images=200")
    figures = evaluated(trained, tmp_path / "out", *settings, python=python)
    assert figures["fid"] > figures["fid_real"] > 0
    assert figures.keys() >= {"kid", "kid_error", "fid_extrapolated", "kid_real"}
