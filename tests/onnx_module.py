"""A small ONNX module that makes features of 8 px images."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FEATURES = 5


def weights() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(64, FEATURES)).astype(np.float32)


def module(path: Path, element: int = TensorProto.FLOAT, channels: int = 1) -> Path:
    """A module that multiplies the flattened pixels by `weights`."""
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["images"], ["pixels"]),
            helper.make_node("MatMul", ["pixels", "weights"], ["made"]),
            helper.make_node("Cast", ["made"], ["features"], to=element),
        ],
        "linear",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", channels, 8, 8])],
        [helper.make_tensor_value_info("features", element, ["N", FEATURES])],
        [numpy_helper.from_array(weights(), "weights")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(made, path)
    return path
