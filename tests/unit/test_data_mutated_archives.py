"""Whatever is done to an archive or a table, images come out or one message says what is wrong, and nothing else happens."""

import re
import resource
import shutil
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.base.errors import UserError
from pipeline.config.schema import Data
from pipeline.data.prepare import IGNORED, Preparation
from pipeline.data.resize import TOO_SMALL
from pipeline.data.sources import list_source
from pipeline.data.sources.kinds.parquet import DAMAGED, EXTERNAL, NULL
from pipeline.data.sources.layout import NO_IMAGE_INSIDE
from pipeline.data.sources.shard_samples import (
    CUT_OFF,
    NO_CAPTION_KIND,
    NO_LABEL_KIND,
    NOT_JSON,
    NOT_TEXT,
    SEVERAL,
    TWICE,
    WITHOUT_IMAGE,
)
from pipeline.data.sources.tar_members import BOMB, CUT, DEVICE, LINK, OUTSIDE
from pipeline.data.writing import write_canonical
from tests import soak
from tests.unit.mutated_archives import Damaged, damaged_source
from tests.unit.test_data_mutations import LARGEST_MEMORY
from tests.unit.test_data_mutations import REASONS as IMAGE_REASON

# What is said of images depends on none of them: it is counted.
REASON = re.compile(f"{IMAGE_REASON.pattern}|unreadable|{IGNORED}|{TOO_SMALL}.*")
REASONS = {
    CUT, CUT_OFF, DEVICE, LINK, OUTSIDE, BOMB, TWICE, SEVERAL, WITHOUT_IMAGE, NOT_TEXT, NOT_JSON, NO_LABEL_KIND, NO_CAPTION_KIND,
    NO_IMAGE_INSIDE, DAMAGED, NULL, EXTERNAL,
}  # fmt: skip
LONGEST_MESSAGE = 5_000  # characters: ten names of up to 300 among them


def outcome(source: Damaged, folder: Path, kind: str) -> tuple[str, set[str]]:
    """Ingest a source; return what came of it, "images" or "refused", and the reasons of what cannot be used."""
    target = source.write(folder / "source")
    before = contents(folder)
    data = Data(source={"path": str(target), "kind": kind}, size=8, near_duplicates="keep", bad_share_max=0.9)
    reasons: set[str] = set()
    images, message = 0, ""
    try:
        kind, listing = list_source(data, folder / "downloads", lambda _: None)
        for text in (*listing.warnings, *(part for pair in listing.left_out for part in pair)):
            text.encode()  # it is written into JSON and CSV
        preparation = Preparation(data, folder / "prepared")
        for part in listing.parts:
            preparation(part)
            with pq.ParquetFile(preparation.path(part)) as file:
                found = file.read(columns=["reason"])["reason"].to_pylist()
            images += found.count(None)
            reasons |= {reason for reason in found if reason is not None}
        # With too few images for three splits, this comes as far as placing them.
        write_canonical(kind, listing, [preparation.path(part) for part in listing.parts], data, "x", folder / "out")
    except UserError as error:
        message = str(error)
    finally:
        for made in ("downloads", "prepared"):
            shutil.rmtree(folder / made, ignore_errors=True)
        after = contents(folder)
        shutil.rmtree(folder / "source")
    assert after == before
    assert len(message.encode()) < LONGEST_MESSAGE, message
    return "images" if images else "refused", reasons


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def ingest_all(folder: Path, first: int, count: int) -> tuple[Counter[str], set[str], int]:
    """Ingest sources of so many numbers; return what came of how many, the reasons, and the most memory that was used."""
    outcomes: Counter[str] = Counter()
    reasons: set[str] = set()
    for number in range(first, first + count):
        source = damaged_source(number, folder / "outside")
        try:
            found, why = outcome(source, folder, ("auto", source.kind)[number // 11 % 2])
        except Exception as error:
            raise AssertionError(f"number {number}") from error
        outcomes[f"{source.kind}: {found}"] += 1
        reasons |= why
    return outcomes, reasons, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_mutated_archives_are_read_or_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcomes, reasons, _ = ingest_all(tmp_path, first=0, count=330)
    # Else the sources would be damaged too little, or too much, to find anything.
    assert {outcome for outcome, count in outcomes.items() if count > 1} == {
        f"{kind}: {outcome}"
        for kind in ("zip", "webdataset", "idx", "cifar", "parquet", "listing")
        for outcome in ("images", "refused")
    }
    assert {reason for reason in reasons if not REASON.fullmatch(reason)} <= REASONS


@pytest.mark.soak
def test_thousands_of_mutated_archives_in_bounded_memory(tmp_path):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        outcomes, _, memory = pool.submit(ingest_all, tmp_path, 330, 5_000).result()
    assert memory < LARGEST_MEMORY
    soak.note("mutated archives", {"archives": 5_000, "outcomes": dict(outcomes), "peak_memory_mib": memory >> 20})
