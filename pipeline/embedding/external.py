"""Load external feature spaces: Inception's, in which FID is defined, and that of any ONNX module."""

import importlib.util
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline.base.errors import UserError
from pipeline.images.shape import ImageShape
from pipeline.store.files import file_sha256

BATCH = 100


@dataclass(frozen=True)
class FeatureSpace:
    """Hold a feature extractor, and the digest of its module's file.

    `of_batch` takes `uint8 [N, C, H, W]` to `float [N, features]`.
    """

    of_batch: Callable[[Tensor], Tensor]
    digest: str

    def features(self, images: Tensor) -> Tensor:
        """Return the features of images: `uint8 [N, C, H, W]` -> `float [N, features]`."""
        with torch.no_grad():
            return torch.cat([self.of_batch(batch).float() for batch in images.split(BATCH)])


def inception(weights: Path) -> FeatureSpace:
    """Return the space of the 2,048 features before the last layer of the network that FID uses.

    It is the Inception network of Heusel et al. 2017, arXiv:1706.08500.

    Args:
        weights: the file that torch-fidelity publishes, converted from the original ones.

    Raises:
        UserError: torch-fidelity is not there, or does not work here, or the file is not such weights.
    """
    where = f"evaluate.features.path: {weights}"
    if not weights.is_file():
        raise UserError(f"{where}: there is no such file; docs/guide/audit.md says where Inception's weights are.")
    if importlib.util.find_spec("torch_fidelity") is None:
        raise UserError("evaluate.features: inception needs the package torch-fidelity: pip install -e '.[inception]'.")
    try:
        # The library unpickles the file; what loads in this way holds tensors and nothing that runs.
        torch.load(weights, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError):
        raise UserError(f"{where}: not a file of weights alone.") from None
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        network = FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=str(weights))
    except (RuntimeError, TypeError, AttributeError) as error:
        raise UserError(f"{where}: not Inception's weights, or torchvision does not fit torch: {error}") from None
    except ImportError as error:
        raise UserError(
            f"evaluate.features: torch-fidelity does not work here ({error}). Install the torchvision that fits your "
            "torch."
        ) from None

    def of_batch(images: Tensor) -> Tensor:
        features: Tensor = network(images.expand(-1, 3, -1, -1).contiguous())[0]
        return features

    return FeatureSpace(of_batch, file_sha256(weights))


def onnx(module: Path, shape: ImageShape) -> FeatureSpace:
    """Return the feature space of an ONNX module with one input.

    The features are its first output for `float32 [N, C, H, W]` in [-1, 1], flattened.

    Args:
        module: the file.
        shape: shape of the images.

    Raises:
        UserError: onnxruntime is not there, or the file is no module that takes such images.
    """
    where = f"evaluate.features.path: {module}"
    if not module.is_file():
        raise UserError(f"{where}: there is no such file.")
    if importlib.util.find_spec("onnxruntime") is None:
        raise UserError("evaluate.features: onnx needs the package onnxruntime: pip install -e '.[onnx]'.")
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(str(module), providers=["CPUExecutionProvider"])
        input_name = session.get_inputs()[0].name

        def of_batch(images: Tensor) -> Tensor:
            (output, *_) = session.run(None, {input_name: (images.float() / 127.5 - 1).numpy()})
            return torch.from_numpy(np.asarray(output)).flatten(1)

        trial = of_batch(torch.zeros(2, *shape, dtype=torch.uint8))
    except Exception as error:  # the library has no base class of its own for errors
        reason = str(error).splitlines()[0]
        raise UserError(f"{where}: no module that takes float32 [N, {', '.join(map(str, shape))}]: {reason}") from None
    if len(trial) != 2 or not trial.is_floating_point():
        raise UserError(
            f"{where}: for two images it returns {trial.dtype} of the shape {tuple(trial.shape)}, which is not one row "
            "of features for each."
        )
    return FeatureSpace(of_batch, file_sha256(module))
