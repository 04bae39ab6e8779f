"""Save and load the embedder: `embedder.safetensors`, and `embedder.json`, which describes it and its quality."""

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
    """Hold a frozen network and the digest of its weights, which goes into every metric made with it.

    The network is the domain classifier or, for data of one class, a network that learned without labels and has
    features alone.
    """

    network: FeatureNetwork
    digest: str

    @property
    def shape(self) -> ImageShape:
        """Return the shape of the images that the network was built for."""
        return self.network.shape

    @property
    def classes(self) -> int:
        """Return the number of classes of the data that the network was built for."""
        return self.network.classes

    def features(self, images: Tensor) -> Tensor:
        """Return the features of images: `uint8 [N, C, H, W]` -> `float [N, features]`."""
        return in_batches(self.network.features, images)

    def probabilities(self, features: Tensor) -> Tensor:
        """Return the probability of each class for each feature vector: `float [N, features]` -> `float [N, classes]`.

        The network has to be a classifier.
        """
        assert isinstance(self.network, DomainClassifier)
        with torch.no_grad():
            probabilities: Tensor = self.network.logits(features).softmax(dim=1)
            return probabilities

    def labels(self, features: Tensor) -> Tensor:
        """Return the most probable class of each feature vector: `float [N, features]` -> `int64 [N]`.

        The network has to be a classifier.
        """
        return self.probabilities(features).argmax(dim=1)


def save_embedder(folder: Path, network: FeatureNetwork, description: dict[str, object]) -> None:
    """Write the weights, then `description` with the network's kind and the weights' digest."""
    kind = CLASSIFIER if isinstance(network, DomainClassifier) else SELF_SUPERVISED
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    write_atomically(folder / WEIGHTS, save(state))
    write_json(folder / DESCRIPTION, {"kind": kind, **description, "sha256": file_sha256(folder / WEIGHTS)})


def load_embedder(folder: Path) -> Embedder:
    """Load an embedder after checking its digest.

    Raises:
        UserError: there is no embedder in the folder, or it is damaged.
    """
    if not is_there(folder / DESCRIPTION):
        raise UserError(f"No embedder in {folder}: run `imagemint run embed` first.")
    description = read_json(folder / DESCRIPTION, "embedder description")
    try:
        expected, network = description["sha256"], _build(description["kind"], description["network"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{folder / DESCRIPTION} is no embedder description ({error}). Run the stage embed again."
        ) from None
    with readable(folder):
        whole = (folder / WEIGHTS).is_file() and file_sha256(folder / WEIGHTS) == expected
    if not whole:
        raise UserError(f"{folder / WEIGHTS} does not match {DESCRIPTION} beside it. Run the stage embed again.")
    try:
        network.load_state_dict(load_file(folder / WEIGHTS))
    except (SafetensorError, RuntimeError) as error:
        raise UserError(f"{folder}: the weights do not fit {DESCRIPTION}: {error}") from None
    return Embedder(channels_last(network).eval(), expected)


def _build(kind: str, stored: dict[str, int]) -> FeatureNetwork:
    """Build the network that a description's `kind` and `network` describe."""
    shape, features = ImageShape.square(stored["channels"], stored["size"]), stored["features"]
    if kind == CLASSIFIER:
        return DomainClassifier(shape, stored["classes"], features)
    if kind == SELF_SUPERVISED:
        return FeatureNetwork(shape, features)
    raise ValueError(f"kind {kind!r}")
