"""Read shards back, in either format: the counterpart of `formats`."""

import io
import json
import re
import tarfile
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.images.encodings import encoding_named
from pipeline.images.image_parquet import image_schema, read_parquet
from pipeline.sampling.filters.filter import ATTEMPTS
from pipeline.sampling.manifest import Manifest
from pipeline.sampling.shards.formats import extra_columns, record_header
from pipeline.store.folder import Folder

INDEX = re.compile(r"[0-9]{9,18}")
Labels = NDArray[np.int64] | None  # `[N]`; None in a dataset without classes
Attempts = NDArray[np.int64] | None  # `[N]`; None in a dataset without filters


class DamagedShardError(Exception):
    """Report that a file is no shard of its dataset, and why."""


@dataclass(frozen=True)
class StoredRecords:
    """Hold the records of a shard's file: its encoded images and what is stored with each.

    Labels, indices and attempts are `int64 [N]`, logits `float32 [N]`.
    """

    contents: list[bytes]
    labels: Labels
    indices: NDArray[np.int64]
    logits: NDArray[np.float32]
    attempts: Attempts

    def label(self, row: int) -> int | None:
        """Return the label in a row, or None in a dataset without labels."""
        return None if self.labels is None else int(self.labels[row])


class ShardReader:
    """Read the shards of the dataset in a folder that a manifest describes.

    A damaged file raises a `DamagedShardError`, which says what is wrong with it.
    """

    def __init__(self, dataset: Folder, manifest: Manifest) -> None:
        self._dataset = dataset
        self._classes = manifest.classes
        self._image = manifest.image
        self._encoding = encoding_named(self._image.encoding)
        self._filters = manifest.filters

    def read(self, file: str) -> StoredRecords:
        """Read the records of `file`, a name from the manifest.

        Raises:
            DamagedShardError: the file is missing, cannot be read, or is not what the manifest describes.
        """
        try:
            content = self._dataset.read(file)
        except FileNotFoundError:
            raise DamagedShardError("missing") from None
        except OSError as error:
            raise DamagedShardError(error.strerror or str(error)) from None
        try:
            stored = self._read_parquet(content) if file.endswith(".parquet") else self._read_tar(content)
            if stored.attempts is not None and not ((stored.attempts >= 0) & (stored.attempts < ATTEMPTS)).all():
                raise ValueError(f"an attempt is outside 0 to {ATTEMPTS - 1}")
            return stored
        except KeyError as error:
            raise DamagedShardError(f"a sample lacks {error}") from None
        except (ValueError, TypeError, OverflowError, OSError, pa.ArrowException, tarfile.TarError) as error:
            raise DamagedShardError(str(error)) from None
        except RecursionError:
            raise DamagedShardError("its members refer to one another without end") from None

    def decode(self, contents: list[bytes]) -> NDArray[np.uint8]:
        """Decode images to `uint8 [N, H, W, C]`, of the shape that the manifest gives.

        Raises:
            DamagedShardError: an image cannot be decoded, or has another shape.
        """
        image, decode = self._image, self._encoding.decode
        expected = (image.height, image.width, image.channels)
        try:
            decoded = [decode(content, image.channels) for content in contents]
        except ValueError as error:
            raise DamagedShardError(str(error)) from None
        wrong = [number for number, pixels in enumerate(decoded) if pixels.shape != expected]
        if wrong:
            raise DamagedShardError(
                f"{len(wrong)} images are not {expected[0]}x{expected[1]}x{expected[2]}, the first at row {wrong[0]}"
            )
        return np.stack(decoded) if decoded else np.empty((0, *expected), np.uint8)

    def _read_parquet(self, content: bytes) -> StoredRecords:
        _require_plain(pq.read_metadata(pa.BufferReader(content)), len(content))
        table = read_parquet(pa.BufferReader(content))
        if not table.schema.equals(image_schema(self._classes, extra_columns(self._filters)), check_metadata=True):
            raise ValueError("its schema is not that of the dataset format")
        images = table["image"].combine_chunks().field("bytes")
        if images.null_count or any(column.null_count for column in table.columns):
            raise ValueError("it holds records of which a part is null")
        labels = table["label"].to_numpy() if self._classes else None
        attempts = table["attempt"].to_numpy() if self._filters else None
        return StoredRecords(images.to_pylist(), labels, table["index"].to_numpy(), table["logit"].to_numpy(), attempts)

    def _read_tar(self, content: bytes) -> StoredRecords:
        samples: dict[int, dict[str, bytes]] = {}
        suffixes = {".json", self._encoding.suffix, *([".cls"] if self._classes else [])}
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:  # never compressed
            for member in tar:
                key, dot, suffix = member.name.partition(".")
                # A sparse file would unpack to more than it is.
                plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()
                file = tar.extractfile(member) if plain else None
                if file is None or not INDEX.fullmatch(key) or dot + suffix not in suffixes:
                    raise ValueError(f"unexpected member {member.name!r}")
                sample = samples.setdefault(int(key), {})
                if dot + suffix in sample:
                    raise ValueError(f"member {member.name!r} is there twice")
                sample[dot + suffix] = file.read()
        headers = [self._header_of(index, sample) for index, sample in samples.items()]
        return StoredRecords(
            contents=[sample[self._encoding.suffix] for sample in samples.values()],
            labels=np.array([each["label"] for each in headers], dtype=np.int64) if self._classes else None,
            indices=np.array([*samples], dtype=np.int64),
            logits=np.array([each["logit"] for each in headers], dtype=np.float32),
            attempts=np.array([each["attempt"] for each in headers], dtype=np.int64) if self._filters else None,
        )

    def _header_of(self, index: int, sample: dict[str, bytes]) -> dict[str, object]:
        """Return what the JSON of a sample in a tar says; it must agree with the sample's other members."""
        headers = json.loads(sample[".json"])
        label = int(sample[".cls"]) if self._classes else None
        if label is not None and not 0 <= label < len(self._classes):
            raise ValueError(f"the label {label} of record {index} is outside the classes")
        found = headers if isinstance(headers, dict) else {}
        logit, attempt = found.get("logit"), found.get("attempt")
        if (
            not isinstance(logit, float)
            or isinstance(attempt, int) != bool(self._filters)
            or found != record_header(index, label, self._classes, logit, attempt)
        ):
            raise ValueError(f"the JSON of record {index} is not about it")
        return found


def _require_plain(metadata: pq.FileMetaData, size: int) -> None:
    """Refuse a file that would unpack to much more than its `size` in bytes: shards are as large in memory as on disk."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    columns = [group.column(number) for group in groups for number in range(group.num_columns)]
    compressed = any(column.compression != "UNCOMPRESSED" or column.has_dictionary_page for column in columns)
    if compressed or metadata.num_rows > size:
        raise ValueError("it is compressed, which no shard is")
