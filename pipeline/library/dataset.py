"""Open a dataset, read its records, and verify it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import index as whole_number
from pathlib import Path
from typing import Any

from pipeline.base.errors import UserError
from pipeline.library.images import Record
from pipeline.library.model import Model
from pipeline.library.names import local_folder
from pipeline.sampling.manifest import Manifest
from pipeline.sampling.manifest import open_dataset as open_folder
from pipeline.sampling.regenerate import Record as FoundRecord
from pipeline.sampling.regenerate import Regenerator, require_model_of, shard_of, stored_records
from pipeline.sampling.shards.commits import ShardRecord
from pipeline.sampling.shards.readers import Attempts, DamagedShardError, ShardReader, StoredRecords
from pipeline.sampling.verify import verify_dataset
from pipeline.store.folder import Folder
from pipeline.store.places import is_remote

DECODED_AT_ONCE = 256


@dataclass(frozen=True)
class Findings:
    """Hold what `Dataset.verify` found.

    Attributes:
        problems: what is wrong, one line each, which names the file; empty where nothing is.
        files: how many files were compared with their digests.
        records: how many records were read, each once in every format.
        regenerated: how many random records equal what the model makes, or why none was made again; a sentence.
        ignored: files that a desktop has put beside the shards.
    """

    problems: tuple[str, ...]
    files: int
    records: int
    regenerated: str
    ignored: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Return whether nothing is wrong."""
        return not self.problems


@dataclass(frozen=True, eq=False)
class Dataset:
    """Hold a finished dataset, whose records are read when they are asked for; `open_dataset` makes one.

    `len(dataset)` is the number of records, `dataset[index]` one of them, and `for record in dataset` gives all in order.
    Each shard is read whole, and the last one is kept: read records in order where there are many.

    Attributes:
        place: the folder or the URL that it was opened by.
        manifest: all that `manifest.json` says, as attributes of the same names.
    """

    place: str
    manifest: Manifest = field(repr=False)
    folder: Folder = field(repr=False)
    reader: ShardReader = field(repr=False)

    @property
    def name(self) -> str:
        """Return the name of the preset that it was made by."""
        return self.manifest.name

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the names of its classes, by their numbers; none where records have no labels."""
        return tuple(self.manifest.classes)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return height, width and channels of its images, `(H, W, C)`."""
        image = self.manifest.image
        return image.height, image.width, image.channels

    @property
    def settings(self) -> dict[str, Any]:
        """Return the config's section `sample` that it was made with, without `filters`, as `load_model` takes it.

        A model generates without filters; `regenerate` generates the records of a filtered dataset again.
        """
        return self.manifest.config.sample.model_dump(mode="json", exclude={"filters"})

    def __len__(self) -> int:
        """Return the number of records."""
        return self.manifest.count

    def __getitem__(self, index: int) -> Record:
        """Return a record, read from its shard.

        Raises:
            UserError: `index` is outside of 0 to `len(dataset) - 1`, or the shard is missing or damaged.
        """
        number = whole_number(index)
        (record,), _ = self._stored(shard_of(self.folder, self.manifest, number), [number])
        return record

    def __iter__(self) -> Iterator[Record]:
        """Give all records in the order of their indices.

        Raises:
            UserError: a shard is missing or damaged.
        """
        for shard in self.manifest.shards:
            end = shard.first_index + shard.rows
            for first in range(shard.first_index, end, DECODED_AT_ONCE):
                yield from self._stored(shard, range(first, min(first + DECODED_AT_ONCE, end)))[0]

    def regenerate(self, index: int, model: Model) -> Record:
        """Return a record as the model makes it here and now, also where filters chose it.

        On the hardware and the library versions that made the dataset it equals the stored record, byte for byte.

        Raises:
            UserError: the dataset was made with another model, there is no such record, or its shard is damaged.
        """
        require_model_of(self.manifest, model.generator.pair)
        number = whole_number(index)
        _, attempts = self._stored(shard_of(self.folder, self.manifest, number), [number])
        return self._record(number, Regenerator(model.generator.pair, self.manifest).record(number, attempts))

    def verify(self, model: Model | None = None, *, records: int = 20) -> Findings:
        """Compare every file and every record with the manifest; this reads all of the dataset.

        Args:
            model: the one that made it, to make random records again; None: no record is made again.
            records: how many, at least 0.

        Raises:
            UserError: the dataset was made with another model, or `records` is below 0.
        """
        if records < 0:
            raise UserError(f"records: found {records}; allowed: 0 or more.")
        if model is not None:
            require_model_of(self.manifest, model.generator.pair)
        pair = None if model is None else model.generator.pair
        found = verify_dataset(self.folder, self.manifest, pair, records)
        return Findings(tuple(found.problems), found.files, found.records, found.regenerated, tuple(found.ignored))

    def _stored(self, shard: ShardRecord, indices: Sequence[int]) -> tuple[list[Record], Attempts]:
        try:
            found, attempts = stored_records(self.reader, shard, indices)
            return [self._record(*each) for each in zip(indices, found, strict=True)], attempts
        except DamagedShardError as error:
            raise UserError(f"{self.place}/{shard.file}: {error}. `Dataset.verify` says more.") from None

    def _record(self, index: int, found: FoundRecord) -> Record:
        label = found.label
        if label is not None and not 0 <= label < len(self.manifest.classes):
            raise DamagedShardError(f"the label {label} of record {index} is outside the classes")
        name = None if label is None else self.manifest.classes[label]
        return Record(index, found.image, label, name, found.logit, found.content)


class _KeepingReader(ShardReader):
    """Keep the file that was read last, since neighbours are often asked for one after the other."""

    _kept: tuple[str, StoredRecords] | None = None

    def read(self, file: str) -> StoredRecords:
        """Return the records of `file`."""
        kept = self._kept
        if kept is None or kept[0] != file:
            kept = self._kept = file, super().read(file)
        return kept[1]


def open_dataset(place: str | Path) -> Dataset:
    """Open a finished dataset.

    Args:
        place: its folder, for example `datasets/digits`, or `s3://BUCKET/PREFIX` or `gs://BUCKET/PREFIX`.

    Raises:
        UserError: there is no such folder, no manifest in it, or the manifest is damaged.
    """
    where = str(place) if is_remote(place) else local_folder(place, "datasets/digits")
    folder, manifest = open_folder(where)
    return Dataset(str(place), manifest, folder, _KeepingReader(folder, manifest))
