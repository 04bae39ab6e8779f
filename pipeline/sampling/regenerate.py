"""Generate single records of a dataset again from its model."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.base.errors import UserError
from pipeline.models.hardware import device_name
from pipeline.models.weights import DESCRIPTION, TrainedPair, load_pair
from pipeline.sampling.generate import RecordGenerator, reproducible_numerics
from pipeline.sampling.manifest import Manifest
from pipeline.sampling.settings import GenerationSettings
from pipeline.sampling.shards.commits import ShardRecord
from pipeline.sampling.shards.ranges import batch_start
from pipeline.sampling.shards.readers import Attempts, DamagedShardError, ShardReader
from pipeline.store.files import is_there
from pipeline.store.folder import Folder

# What the last bits of a record depend on; other versions of it may round otherwise.
SOFTWARE = ("torch", "numpy", "scipy", "opencv-python-headless", "deflate")


def why_not_comparable(manifest: Manifest, pair: TrainedPair) -> str:
    """Return why records that `pair` generates here say nothing of the dataset's records; an empty text where they do."""
    if pair.digest != manifest.model.digest:
        return "not compared: another model than the dataset was made with"
    made_with = manifest.software
    current = {"device": device_name(use_gpu=False), **{name: version(name) for name in SOFTWARE}}
    differing = [name for name in current if made_with.get(name, current[name]) != current[name]]
    if not differing:
        return ""
    original = ", ".join(f"{name} {made_with[name]}" for name in differing)
    return f"not comparable here: made with {original}; this is {', '.join(current[name] for name in differing)}"


@dataclass(frozen=True)
class Record:
    """Hold one record, either as it is stored or as it was generated again."""

    image: NDArray[np.uint8]  # [H, W, C], as a reader sees it
    content: bytes  # encoded
    label: int | None
    logit: float

    def equals(self, other: "Record") -> bool:
        """Return whether a reader sees the same record in both.

        Logits are compared to six decimals, which is what JSON keeps.
        """
        logits = round(self.logit, 6), round(other.logit, 6)
        return self.label == other.label and logits[0] == logits[1] and np.array_equal(self.image, other.image)


def load_model_of(manifest: Manifest, folder: Path | None) -> TrainedPair:
    """Load the model in `folder`, or, where that is None, the one in the folder that the manifest names.

    Only a model in a given `folder` has to be the dataset's: the folder in the manifest may hold a later one.

    Raises:
        UserError: there is none, it is damaged, or it is not the one that made the dataset.
    """
    place = folder or Path(manifest.model.uri)
    if not is_there(place / DESCRIPTION):
        digest = manifest.model.digest[:16]
        raise UserError(f"the model {digest} is not here, {place} holds none (`--model DIR` names another folder)")
    pair = load_pair(place)
    if folder is not None:
        require_model_of(manifest, pair)
    return pair


def require_model_of(manifest: Manifest, pair: TrainedPair) -> None:
    """Refuse a model that the dataset was not generated with.

    Raises:
        UserError: the digests of the two models differ.
    """
    if pair.digest != manifest.model.digest:
        raise UserError(
            f"The dataset {manifest.name} was made with another model, {manifest.model.digest[:16]}; this is "
            f"{pair.digest[:16]}. Use the one that made the dataset (on the command line: --model DIR)."
        )


class Regenerator:
    """Generate records of the dataset that a manifest describes, one at a time."""

    def __init__(self, pair: TrainedPair, manifest: Manifest) -> None:
        sample = manifest.config.sample
        self._shard_size = sample.shard_size
        # Without its filters: which attempt passed them is stored.
        settings = GenerationSettings.of(sample, pair.spec.condition, manifest.classes, manifest.precision)
        self._generator = RecordGenerator(pair, settings)

    def record(self, index: int, attempts: Attempts) -> Record:
        """Return the record `index`, generated with its whole batch.

        `attempts` are the stored attempts of its shard.
        """
        settings = self._generator.settings
        first = batch_start(index, self._shard_size, settings.batch_size)
        row = index - first
        of_batch = None
        if attempts is not None:
            stored = attempts[first % self._shard_size :][: settings.batch_size]
            # A record's bytes depend on its row of the batch, not on what is in the others.
            of_batch = np.concatenate([stored, np.zeros(settings.batch_size - len(stored), np.int64)])
        with reproducible_numerics():
            batch = self._generator.batch(first, of_batch)
        encoding = settings.encoding
        label = None if batch.labels is None else int(batch.labels[row])
        image = encoding.stored(batch.images[row : row + 1])[0]
        return Record(image, encoding.encode(batch.images[row]), label, float(batch.logits[row]))


def stored_records(reader: ShardReader, shard: ShardRecord, indices: Sequence[int]) -> tuple[list[Record], Attempts]:
    """Read the given records of a shard, as the manifest describes it, and the attempts of all its records.

    Raises:
        DamagedShardError: they cannot be read, or are not where they should be.
    """
    stored = reader.read(shard.file)
    rows = [index - shard.first_index for index in indices]
    for row, index in zip(rows, indices, strict=True):
        if not (0 <= row < len(stored.indices) and stored.indices[row] == index):
            raise DamagedShardError(f"its row {row} is not record {index}")
    images = reader.decode([stored.contents[row] for row in rows])
    records = [
        Record(image, stored.contents[row], stored.label(row), float(stored.logits[row]))
        for image, row in zip(images, rows, strict=True)
    ]
    return records, stored.attempts


def shard_of(dataset: Folder, manifest: Manifest, index: int) -> ShardRecord:
    """Return the shard that holds record `index`.

    Raises:
        UserError: the dataset has no such record, or none of its shards holds it.
    """
    if not 0 <= index < manifest.count:
        raise UserError(f"record {index}: {dataset} has the records 0 to {manifest.count - 1}.")
    for shard in manifest.shards:
        if shard.first_index <= index < shard.first_index + shard.rows:
            return shard
    raise UserError(f"record {index}: no shard of {dataset} has it. `imagemint verify {dataset}` says more.")


def compare(index: int, stored: Record, attempts: Attempts, manifest: Manifest, pair: TrainedPair) -> str:
    """Generate record `index` again and return a text on how it compares with the stored one.

    `attempts` are the stored attempts of its shard.

    Raises:
        UserError: the stored record is not what the model generates, or the model is another one.
    """
    require_model_of(manifest, pair)
    obstacle = why_not_comparable(manifest, pair)
    if obstacle:
        return obstacle
    regenerated = Regenerator(pair, manifest).record(index, attempts)
    if not regenerated.equals(stored):
        different = int((regenerated.image != stored.image).sum())
        raise UserError(
            f"record {index} is not what the model makes: {different} of {regenerated.image.size} values differ; label "
            f"{stored.label}, made again {regenerated.label}; logit {stored.logit:.6f}, made again {regenerated.logit:.6f}."
        )
    if regenerated.content != stored.content:
        return "made again: the same pixels, encoded otherwise"
    return "made again: the same bytes"
