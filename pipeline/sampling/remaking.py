"""Making single records of a dataset again from its model."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.schema import Sample
from pipeline.errors import UserError
from pipeline.models.hardware import device_name
from pipeline.models.weights import TrainedPair
from pipeline.sampling.minting import MintSettings, mint_aligned_batch, reproducible_numerics
from pipeline.sampling.readers import DamagedShardError, ShardReader

# What the last bits of a record depend on; other versions of it may round otherwise.
SOFTWARE = ("torch", "numpy", "scipy", "opencv-python-headless")


def why_not_comparable(manifest: dict[str, Any], pair: TrainedPair) -> str:
    """Why records made here by `pair` say nothing about the dataset's; empty where they do."""
    if pair.digest != manifest["model"]["digest"]:
        return "not compared: another model than the dataset was made with"
    made_with = manifest["software"]
    here = {"device": device_name(use_gpu=False), **{name: version(name) for name in SOFTWARE}}
    differing = [name for name in here if made_with.get(name, here[name]) != here[name]]
    if not differing:
        return ""
    there = ", ".join(f"{name} {made_with[name]}" for name in differing)
    return f"not comparable here: made with {there}; this is {', '.join(here[name] for name in differing)}"


@dataclass(frozen=True)
class Stored:
    """A record as it lies in the dataset."""

    index: int
    file: str
    row: int
    image: NDArray[np.uint8]  # [H, W, C]
    content: bytes  # encoded
    label: int | None
    logit: float


@dataclass(frozen=True)
class Remade:
    """A record as it is made here and now."""

    image: NDArray[np.uint8]  # [H, W, C], as a reader sees it
    content: bytes  # encoded
    label: int | None
    logit: float

    def equals(self, image: NDArray[np.uint8], label: int | None, logit: float) -> bool:
        """Whether a stored record is this one; of the logit, JSON keeps six decimals."""
        return np.array_equal(self.image, image) and self.label == label and round(self.logit, 6) == round(logit, 6)


def require_model_of(manifest: dict[str, Any], pair: TrainedPair) -> None:
    """Refuses a model that the dataset was not made with."""
    if pair.digest != manifest["model"]["digest"]:
        raise UserError(
            f"The dataset {manifest['name']} was made with another model, {manifest['model']['digest'][:16]}; this is "
            f"{pair.digest[:16]}. Give the right one with --model."
        )


class Remaker:
    """Makes records of the dataset that a manifest describes."""

    def __init__(self, pair: TrainedPair, manifest: dict[str, Any]) -> None:
        sample = Sample.model_validate(manifest["config"]["sample"])
        self._pair = pair
        self._shard_size = sample.shard_size
        self._settings = MintSettings.of(sample, manifest["classes"], manifest["precision"])

    def record(self, index: int) -> Remade:
        """The record `index`, from the whole batch that it is made in."""
        with reproducible_numerics():
            batch = mint_aligned_batch(self._pair, self._settings, self._shard_size, index)
        row, encoding = index - int(batch.indices[0]), self._settings.encoding
        label = None if batch.labels is None else int(batch.labels[row])
        image = encoding.stored(batch.images[row : row + 1])[0]
        return Remade(image, encoding.encode(batch.images[row]), label, float(batch.logits[row]))


def stored_record(dataset: Path, manifest: dict[str, Any], index: int) -> Stored:
    """The record `index` of the dataset in a folder."""
    if not 0 <= index < manifest["count"]:
        raise UserError(f"record {index}: {dataset} has the records 0 to {manifest['count'] - 1}.")
    shards = [s for s in manifest["shards"] if s["first_index"] <= index < s["first_index"] + s["rows"]]
    if not shards:
        raise UserError(f"record {index}: no shard of {dataset} has it. `imagemint verify {dataset}` says more.")
    shard = shards[0]
    file, row, reader = shard["file"], index - shard["first_index"], ShardReader(dataset, manifest)
    try:
        records = reader.read(file)
        if len(records.indices) <= row or records.indices[row] != index:
            raise DamagedShardError(f"its row {row} is not record {index}")
        image = reader.decode([records.contents[row]])[0]
    except DamagedShardError as error:
        raise UserError(f"{dataset / file}: {error}. `imagemint verify {dataset}` says more.") from None
    return Stored(index, file, row, image, records.contents[row], records.label(row), float(records.logits[row]))


def compare(stored: Stored, manifest: dict[str, Any], pair: TrainedPair) -> str:
    """Makes a stored record again and says what came of it.

    Raises:
        UserError: the record is not what the model makes, or the model is another one.
    """
    require_model_of(manifest, pair)
    obstacle = why_not_comparable(manifest, pair)
    if obstacle:
        return obstacle
    made = Remaker(pair, manifest).record(stored.index)
    if not made.equals(stored.image, stored.label, stored.logit):
        different = int((made.image != stored.image).sum())
        raise UserError(
            f"record {stored.index} in {stored.file} is not what the model makes: {different} of {made.image.size} values "
            f"differ; label {stored.label}, made again {made.label}; logit {stored.logit:.6f}, made again {made.logit:.6f}."
        )
    if made.content != stored.content:
        return "made again: the same pixels, encoded otherwise"
    return "made again: the same bytes"
