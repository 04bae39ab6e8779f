"""The embedder on disk: `embedder.safetensors` beside `embedder.json`, which says what it is and how good."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from pipeline.embedding.classifier import DomainClassifier, in_batches
from pipeline.errors import UserError
from pipeline.models.layout import channels_last
from pipeline.storage import file_sha256, is_there, read_json, readable, write_atomically, write_json

WEIGHTS = "embedder.safetensors"
DESCRIPTION = "embedder.json"


@dataclass(frozen=True)
class Embedder:
    """A frozen domain classifier and the digest of its weights, which goes into every metric made with it."""

    network: DomainClassifier
    digest: str
    shape: dict[str, int]  # size (px), channels, classes

    def features(self, images: Tensor) -> Tensor:
        """`uint8 [N, C, S, S]` -> `float [N, features]`."""
        return in_batches(self.network.features, images)

    def probabilities(self, features: Tensor) -> Tensor:
        """Of each class for each feature vector: `float [N, features]` -> `float [N, classes]`."""
        with torch.no_grad():
            probabilities: Tensor = self.network.logits(features).softmax(dim=1)
            return probabilities

    def labels(self, features: Tensor) -> Tensor:
        """The class each feature vector stands for: `float [N, features]` -> `int64 [N]`."""
        return self.probabilities(features).argmax(dim=1)


def save_embedder(folder: Path, network: DomainClassifier, description: dict[str, Any]) -> None:
    """Writes the weights, then `description` with the network's shape and the weights' digest."""
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    write_atomically(folder / WEIGHTS, save(state))
    write_json(folder / DESCRIPTION, {**description, "sha256": file_sha256(folder / WEIGHTS)})


def load_embedder(folder: Path) -> Embedder:
    """Loads an embedder after checking its digest."""
    if not is_there(folder / DESCRIPTION):
        raise UserError(f"No embedder in {folder}: run `python -m stages.embed` first.")
    description = read_json(folder / DESCRIPTION, "embedder description")
    try:
        expected, network_shape = description["sha256"], description["network"]
        network = DomainClassifier(**network_shape)
        shape = {key: network_shape[key] for key in ("size", "channels", "classes")}
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{folder / DESCRIPTION} is no embedder description ({error}): run embed again.") from None
    with readable(folder):
        whole = (folder / WEIGHTS).is_file() and file_sha256(folder / WEIGHTS) == expected
    if not whole:
        raise UserError(f"{folder / WEIGHTS} is not what {DESCRIPTION} beside it describes: run embed again.")
    try:
        network.load_state_dict(load_file(folder / WEIGHTS))
    except (SafetensorError, RuntimeError) as error:
        raise UserError(f"{folder}: the weights do not fit {DESCRIPTION}: {error}") from None
    return Embedder(channels_last(network).eval(), expected, shape)
