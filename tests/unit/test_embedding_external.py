"""Feature spaces from files: what they compute, and which files are refused."""

import pickle
from pathlib import Path

import pytest
import torch
from onnx import TensorProto

from pipeline.base.errors import UserError
from pipeline.embedding.external import inception
from pipeline.embedding.external import onnx as onnx_space
from tests.onnx_module import module, weights

SHAPE = (1, 8, 8)


def test_a_module_s_features_are_those_of_pixels_between_minus_one_and_one(tmp_path: Path) -> None:
    images = torch.randint(0, 256, (230, *SHAPE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    features = onnx_space(module(tmp_path / "linear.onnx"), SHAPE).features(images)
    expected = (images.flatten(1).double() / 127.5 - 1) @ torch.from_numpy(weights()).double()
    torch.testing.assert_close(features.double(), expected, atol=1e-4, rtol=1e-4)


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    one, other = module(tmp_path / "one.onnx"), module(tmp_path / "other.onnx", TensorProto.DOUBLE)
    assert onnx_space(one, SHAPE).digest == onnx_space(one, SHAPE).digest != onnx_space(other, SHAPE).digest


def test_a_module_for_other_images_is_refused_with_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"takes float32 \[N, 1, 8, 8\]"):
        onnx_space(module(tmp_path / "colour.onnx", channels=3), SHAPE)


def test_a_module_that_makes_no_features_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not one row of features"):
        onnx_space(module(tmp_path / "labels.onnx", TensorProto.INT64), SHAPE)


@pytest.mark.parametrize("content", [b"", b"rubbish", b"\x08\x08"])
def test_what_is_no_module_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "module.onnx").write_bytes(content)
    with pytest.raises(UserError, match="no module that takes"):
        onnx_space(tmp_path / "module.onnx", SHAPE)
    with pytest.raises(UserError, match="there is no such file"):
        onnx_space(tmp_path / "missing.onnx", SHAPE)


class Hostile:
    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("executed"),)


def test_weights_that_would_execute_code_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())  # torch-fidelity has an environment of its own
    (tmp_path / "plain.pth").write_bytes(pickle.dumps({"weight": Hostile()}))
    torch.save({"weight": Hostile()}, tmp_path / "zipped.pth")
    for name in ("plain.pth", "zipped.pth"):
        with pytest.raises(UserError, match="not a file of weights alone"):
            inception(tmp_path / name)
    assert not (tmp_path / "executed").exists()


def test_missing_weights_and_a_missing_package_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        inception(tmp_path / "missing.pth")
    (tmp_path / "weights.pth").write_bytes(b"")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"pip install -e '\.\[inception\]'"):
        inception(tmp_path / "weights.pth")
