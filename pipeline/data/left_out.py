"""Write what does not become part of the dataset, and why.

All of it is listed by name, and what people should inspect is stored with its content.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.data.description import LeftOut, Listed
from pipeline.data.prepare import IGNORED
from pipeline.store.files import atomic_path, file_sha256, write_atomically

LEFT_OUT, QUARANTINE, LEAKS = "left_out.csv", "quarantine.parquet", "leaks.parquet"
EXAMPLES = 20  # names of each reason in dataset.json
NAMED = 5  # images of each warning
# The first so many rows of a file come with pictures or bytes: a few per cent of a large source would fill a disk.
PICTURED = 1_000

_MARK = b"imagemint"  # by which our own files are known
_QUARANTINE = pa.schema(
    [
        pa.field("source", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("bytes", pa.int64()),  # of its file; this and the size where they are known
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("head", pa.binary()),  # how its file begins
        pa.field("thumbnail", pa.binary()),  # a PNG, where it could be decoded
    ],
    metadata={_MARK: b"quarantine"},
)
_LEAKS = pa.schema(
    [
        pa.field("source", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("split", pa.string()),  # of the source
        pa.field("other_source", pa.string()),  # the image that stays
        pa.field("other_split", pa.string()),
        pa.field("image", pa.binary()),  # PNG files
        pa.field("other_image", pa.binary()),
    ],
    metadata={_MARK: b"leaks"},
)


def quarantined(reasons: Mapping[int, str]) -> dict[int, str]:
    """Return `reasons` without those of files that nothing marks as images."""
    return {row: reason for row, reason in reasons.items() if reason != IGNORED}


def write_left_out(left_out: Sequence[tuple[str, str]], folder: Path) -> dict[str, LeftOut]:
    """Write names and reasons to `left_out.csv`, if there are any.

    Return the count and the first names of each reason.
    """
    by_reason = defaultdict(list)
    for name, reason in left_out:
        by_reason[reason].append(name)
    if left_out:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["source", "reason"])
        writer.writerows(left_out)
        write_atomically(folder / LEFT_OUT, text.getvalue().encode(errors="backslashreplace"))
    return {reason: LeftOut(count=len(names), first=names[:EXAMPLES]) for reason, names in sorted(by_reason.items())}


def write_quarantine(known: pa.Table, reasons: Mapping[int, str], prepared: Sequence[Path], folder: Path) -> Listed:
    """Write the images that cannot be used, sorted by name; return what `dataset.json` says of the file.

    Args:
        known: the columns `name`, `width` and `height` of all images.
        reasons: why an image cannot be used, by row of `known`.
        prepared: the files of `Preparation` that `known` was read from, in the same order.
        folder: the folder that the file is written to.
    """
    rows = _by_name(reasons, known)
    contents = _stored(prepared, rows[:PICTURED], ["head", "sample"])
    sizes = _stored(prepared, rows, ["bytes"])
    named = known.select(["name", "width", "height"]).take(np.array(rows, np.int64)).to_pylist()
    return _write(
        [
            {
                "source": each["name"], "reason": reasons[row], "width": each["width"], "height": each["height"], **sizes[row],
                "head": contents.get(row, {}).get("head"), "thumbnail": contents.get(row, {}).get("sample"),
            }
            for row, each in zip(rows, named, strict=True)
        ],
        _QUARANTINE,
        folder / QUARANTINE,
    )  # fmt: skip


def write_leaks(
    known: pa.Table, leaks: Mapping[int, int], reasons: Mapping[int, str], prepared: Sequence[Path], folder: Path
) -> Listed:
    """Write the pairs of images that two official splits share, sorted by name.

    Return what `dataset.json` says of the file.

    Args:
        known: the columns `name` and `split` of all images.
        leaks: the row of the image that stays, by the row of the one that is left out.
        reasons: why an image is left out, by row.
        prepared: the files of `Preparation`, as for `write_quarantine`.
        folder: the folder that the file is written to.
    """
    rows = _by_name(leaks, known)
    pictured = {row for pair in ((row, leaks[row]) for row in rows[:PICTURED]) for row in pair}
    images = {row: stored["png"] for row, stored in _stored(prepared, pictured, ["png"]).items()}
    named = known.select(["name", "split"])
    ours = named.take(np.array(rows, np.int64)).to_pylist()
    others = named.take(np.array([leaks[row] for row in rows], np.int64)).to_pylist()
    found = []
    for position, (row, one, other) in enumerate(zip(rows, ours, others, strict=True)):
        pair = (images[row], images[leaks[row]]) if position < PICTURED else (None, None)
        found.append(
            {
                "source": one["name"], "reason": reasons[row], "split": one["split"],
                "other_source": other["name"], "other_split": other["split"], "image": pair[0], "other_image": pair[1],
            }
        )  # fmt: skip
    return _write(found, _LEAKS, folder / LEAKS)


def warnings_of(known: pa.Table) -> list[str]:
    """Return one sentence for each kind of warning that images carry, with their number and first names.

    `known` has the columns `name` and `warning`.
    """
    names = defaultdict(list)
    rows = np.flatnonzero(known["warning"].is_valid())
    for row in known.select(["name", "warning"]).take(rows).to_pylist():
        for warning in row["warning"].split("\n"):
            names[warning].append(row["name"])
    return [
        f"{warning}: {len(found):,} images ({', '.join(found[:NAMED])}{', ...' if len(found) > NAMED else ''})"
        for warning, found in sorted(names.items())
    ]


def _by_name(rows: Iterable[int], known: pa.Table) -> list[int]:
    """Return the rows sorted by name, so that the order of a source's parts changes nothing."""
    listed = list(rows)
    names = known["name"].take(np.array(listed, np.int64)).to_pylist()
    return [row for _, row in sorted(zip(names, listed, strict=True))]


def _stored(prepared: Sequence[Path], rows: Collection[int], columns: list[str]) -> dict[int, dict[str, Any]]:
    """Return `columns` of the given rows of the prepared files, by row; row groups without such a row are not read."""
    wanted, row = np.array(sorted(rows), np.int64), 0
    found: dict[int, dict[str, Any]] = {}
    for path in prepared if len(wanted) else ():
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                end = row + file.metadata.row_group(group).num_rows
                here = wanted[(wanted >= row) & (wanted < end)]
                if len(here):
                    table = file.read_row_group(group, columns=columns, use_threads=False).take(here - row)
                    found |= dict(zip(here.tolist(), table.to_pylist(), strict=True))
                row = end
    return found


def _write(rows: list[dict[str, object]], schema: pa.Schema, path: Path) -> Listed:
    if not rows:
        path.unlink(missing_ok=True)
        return Listed()
    with atomic_path(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema), temporary, compression="none", use_dictionary=False)
    return Listed(count=len(rows), file=path.name, sha256=file_sha256(path))
