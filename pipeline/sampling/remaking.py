"""Making single records of a dataset again from its model."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.models.hardware import device_name
from pipeline.models.weights import TrainedPair
from pipeline.sampling.minting import MintSettings, mint_aligned_batch, reproducible_numerics


def why_not_comparable(manifest: dict[str, Any], pair: TrainedPair) -> str:
    """Why records made here by `pair` say nothing about the dataset's; empty where they do."""
    if pair.digest != manifest["model"]["digest"]:
        return "not compared: another model than the dataset was made with"
    here = device_name(use_gpu=False)
    made_on = manifest["software"]["device"]
    return "" if here == made_on else f"not comparable here: made on {made_on!r}, this is {here!r}"


class Remaker:
    """Makes records of the dataset that a manifest describes."""

    def __init__(self, pair: TrainedPair, manifest: dict[str, Any]) -> None:
        sample = manifest["config"]["sample"]
        self._pair = pair
        self._shard_size: int = sample["shard_size"]
        self._settings = MintSettings.of(sample, manifest["classes"], manifest["precision"])

    def record(self, index: int) -> tuple[NDArray[np.uint8], int | None]:
        """The image of record `index` as a reader sees it, `uint8 [H, W, C]`, and its label."""
        with reproducible_numerics():
            batch = mint_aligned_batch(self._pair, self._settings, self._shard_size, index)
        row = index - int(batch.indices[0])
        image = self._settings.encoding.stored(batch.images[row : row + 1])[0]
        return image, None if batch.labels is None else int(batch.labels[row])
