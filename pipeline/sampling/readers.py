"""Reading shards back, in either format: the counterpart of `formats`."""

import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.data.images import image_schema
from pipeline.sampling.encodings import Encoding, encoding_named
from pipeline.sampling.formats import EXTRA_COLUMNS

Labels = NDArray[np.int64] | None  # `[N]`; None in a dataset without classes


class DamagedShardError(Exception):
    """A file that is no shard of its dataset; says why."""


@dataclass(frozen=True)
class StoredRecords:
    """A shard's file as it is: encoded images, labels, indices `int64 [N]`."""

    contents: list[bytes]
    labels: Labels
    indices: NDArray[np.int64]

    def label(self, row: int) -> int | None:
        """The label in a row, where there are labels."""
        return None if self.labels is None else int(self.labels[row])


class ShardReader:
    """Reads the shards of the dataset in a folder that a manifest describes; a `DamagedShardError` says what is wrong."""

    def __init__(self, dataset: Path, manifest: dict[str, Any]) -> None:
        self._dataset = dataset
        self._classes: list[str] = manifest["classes"]
        self._image = manifest["image"]

    @property
    def encoding(self) -> Encoding:
        """How the images are encoded."""
        return encoding_named(self._image["encoding"])

    def read(self, file: str) -> StoredRecords:
        """The records of `file`, as the manifest names it."""
        path = self._dataset / file
        if not path.is_file():
            raise DamagedShardError("missing")
        try:
            return self._read_parquet(path) if path.suffix == ".parquet" else self._read_tar(path)
        except KeyError as error:
            raise DamagedShardError(f"a sample lacks {error}") from None
        except (ValueError, OSError, pa.ArrowException, tarfile.TarError) as error:
            raise DamagedShardError(str(error)) from None

    def decode(self, contents: list[bytes]) -> NDArray[np.uint8]:
        """The images, `uint8 [N, H, W, C]`, of the size that the manifest gives."""
        image, decode = self._image, self.encoding.decode
        expected = (image["height"], image["width"], image["channels"])
        try:
            decoded = [decode(content, image["channels"]) for content in contents]
        except ValueError as error:
            raise DamagedShardError(str(error)) from None
        wrong = [number for number, pixels in enumerate(decoded) if pixels.shape != expected]
        if wrong:
            raise DamagedShardError(
                f"{len(wrong)} images are not {expected[0]}x{expected[1]}x{expected[2]}, the first at row {wrong[0]}"
            )
        return np.stack(decoded) if decoded else np.empty((0, *expected), np.uint8)

    def _read_parquet(self, path: Path) -> StoredRecords:
        table = pq.read_table(path)
        if not table.schema.equals(image_schema(self._classes, EXTRA_COLUMNS), check_metadata=True):
            raise ValueError("its schema is not that of the dataset format")
        contents = table["image"].combine_chunks().field("bytes").to_pylist()
        return StoredRecords(contents, table["label"].to_numpy() if self._classes else None, table["index"].to_numpy())

    def _read_tar(self, path: Path) -> StoredRecords:
        members: dict[str, dict[str, bytes]] = {}
        with tarfile.open(path, "r:") as tar:  # never compressed: nothing that unpacks to more than it is
            for member in tar:
                key, _, ending = member.name.partition(".")
                file = tar.extractfile(member)
                if file is None or not key.isdigit():
                    raise ValueError(f"unexpected member {member.name!r}")
                members.setdefault(key, {})[f".{ending}"] = file.read()
        samples = list(members.values())
        indices = np.array([int(key) for key in members], dtype=np.int64)
        return StoredRecords([parts[self.encoding.ending] for parts in samples], self._tar_labels(samples), indices)

    def _tar_labels(self, samples: list[dict[str, bytes]]) -> Labels:
        if self._classes:
            return np.array([int(parts[".cls"]) for parts in samples], dtype=np.int64)
        if any(".cls" in parts for parts in samples):
            raise ValueError("it holds labels, but the manifest names no classes")
        return None
