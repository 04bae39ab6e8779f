"""Read for the report what ingest found wrong or odd in the source of the real images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.base.errors import UserError
from pipeline.data.description import DESCRIPTION, Listed, describe
from pipeline.report.templates import data_url
from pipeline.store.files import file_sha256

SHOWN = 24  # files, and pairs


@dataclass(frozen=True)
class Quarantined:
    """Hold a file that cannot be used; `thumbnail` is a data URL, empty where it could not be decoded."""

    name: str
    reason: str
    thumbnail: str


@dataclass(frozen=True)
class Leak:
    """Hold an image that was left out, and the one of another official split that it equals or nearly equals.

    The images are data URLs.
    """

    name: str
    reason: str
    other: str
    pictures: tuple[str, str]


@dataclass(frozen=True)
class SourceFindings:
    """Hold what the report says of the source; names are fit to be shown.

    `left_out` counts images by reason, `enlarged` the images in the splits with a side shorter than the stored one.
    `quarantine` and `leaks` have the first files and pairs, and a number of all.
    """

    left_out: dict[str, int]
    enlarged: int
    warnings: list[str]
    quarantine: list[Quarantined]
    quarantine_count: int
    leaks: list[Leak]
    leaks_count: int

    def __bool__(self) -> bool:
        """Return whether there is anything to say."""
        return bool(self.left_out or self.enlarged or self.warnings)


def source_findings(data: Path) -> SourceFindings:
    """Read what the canonical dataset in `data` says of its source.

    Raises:
        UserError: a file of thumbnails is not the one that was described.
    """
    description = describe(data)
    quarantine = _first(data, description.quarantine, ["source", "reason", "thumbnail"])
    leaks = _first(data, description.leaks, ["source", "reason", "other_source", "image", "other_image"])
    return SourceFindings(
        left_out={reason: left_out.count for reason, left_out in description.left_out.items()},
        enlarged=description.enlarged,
        warnings=[_printable(warning) for warning in description.warnings],
        quarantine=[
            Quarantined(
                _printable(row["source"]), row["reason"], data_url(row["thumbnail"]) if row["thumbnail"] else ""
            )
            for row in quarantine
        ],
        quarantine_count=description.quarantine.count,
        leaks=[
            Leak(
                _printable(row["source"]),
                row["reason"],
                _printable(row["other_source"]),
                (data_url(row["image"]), data_url(row["other_image"])),
            )
            for row in leaks
        ],
        leaks_count=description.leaks.count,
    )


def _first(data: Path, listed: Listed, columns: list[str]) -> list[dict[str, Any]]:
    if listed.file is None:
        return []
    path = data / listed.file
    try:
        if file_sha256(path) == listed.sha256:
            with pq.ParquetFile(path) as file:
                rows: list[dict[str, Any]] = next(
                    file.iter_batches(SHOWN, columns=columns, use_threads=False)
                ).to_pylist()
                return rows
    except (OSError, pa.ArrowException):
        pass
    raise UserError(f"{path} does not match {data / DESCRIPTION}. Run the stage ingest again.")


def _printable(name: str) -> str:
    """Return the name, with characters replaced that would not show, or would turn the text around it.

    Names of files may hold anything.
    """
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)
