"""The embedder on disk: `embedder.safetensors` beside `embedder.json`, which says what it is and how good."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from pipeline.base.errors import UserError
from pipeline.embedding.classifier import DomainClassifier, FeatureNetwork, in_batches
from pipeline.images.shape import ImageShape
from pipeline.models.layout import channels_last
from pipeline.store.files import file_sha256, is_there, read_json, readable, write_atomically, write_json

WEIGHTS = "embedder.safetensors"
DESCRIPTION = "embedder.json"
CLASSIFIER, SELF_SUPERVISED = "classifier", "self_supervised"


@dataclass(frozen=True)
class Embedder:
    """A frozen network and the digest of its weights, which goes into every metric made with it.

    It is the domain classifier, or, of data of one class, a network that learnt without labels: that one has features alone.
    """

    network: FeatureNetwork
    digest: str

    @property
    def shape(self) -> ImageShape:
        """Return the shape of the images that it is for."""
        return self.network.shape

    @property
    def classes(self) -> int:
        """Return how many classes the data has that it is for."""
        return self.network.classes

    def features(self, images: Tensor) -> Tensor:
        """`uint8 [N, C, H, W]` -> `float [N, features]`."""
        return in_batches(self.network.features, images)

    def probabilities(self, features: Tensor) -> Tensor:
        """Of each class for each feature vector: `float [N, features]` -> `float [N, classes]`. Of a classifier only."""
        assert isinstance(self.network, DomainClassifier)
        with torch.no_grad():
            probabilities: Tensor = self.network.logits(features).softmax(dim=1)
            return probabilities

    def labels(self, features: Tensor) -> Tensor:
        """The class each feature vector stands for: `float [N, features]` -> `int64 [N]`. Of a classifier only."""
        return self.probabilities(features).argmax(dim=1)


def save_embedder(folder: Path, network: FeatureNetwork, description: dict[str, object]) -> None:
    """Writes the weights, then `description` with the network's kind and shape and the weights' digest."""
    kind = CLASSIFIER if isinstance(network, DomainClassifier) else SELF_SUPERVISED
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    write_atomically(folder / WEIGHTS, save(state))
    write_json(folder / DESCRIPTION, {"kind": kind, **description, "sha256": file_sha256(folder / WEIGHTS)})


def load_embedder(folder: Path) -> Embedder:
    """Loads an embedder after checking its digest."""
    if not is_there(folder / DESCRIPTION):
        raise UserError(f"No embedder in {folder}: run `python -m stages.embed` first.")
    description = read_json(folder / DESCRIPTION, "embedder description")
    try:
        expected, network = description["sha256"], _build(description["kind"], description["network"])
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
    return Embedder(channels_last(network).eval(), expected)


def _build(kind: str, stored: dict[str, int]) -> FeatureNetwork:
    """The network that a description's `kind` and `network` are about."""
    shape, features = ImageShape.square(stored["channels"], stored["size"]), stored["features"]
    if kind == CLASSIFIER:
        return DomainClassifier(shape, stored["classes"], features)
    if kind == SELF_SUPERVISED:
        return FeatureNetwork(shape, features)
    raise ValueError(f"kind {kind!r}")
