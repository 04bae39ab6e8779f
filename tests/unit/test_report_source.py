"""The report shows what was left out of the source, with pictures; of a source without fault it says nothing."""

import re
from pathlib import Path

import numpy as np
import pytest

from pipeline.base.errors import UserError
from pipeline.config.schema import Prices
from pipeline.data.sources.source import Listing, RawImage
from pipeline.images.png import encode_png
from pipeline.report.page import ReportImages, write_report
from pipeline.report.source import SHOWN, SourceFindings, source_findings
from pipeline.report.templates import data_url
from pipeline.runs.usage import ResourceUsage
from tests.unit.canonical_data import RawImages, data_of, write_listing
from tests.unit.report_data import UNLABELLED_METRICS, make_dataset, pixels

HOSTILE = "<img src=x onerror=alert(1)>\u202e&\n.png"


def picture(seed: int, size: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size, size, 1), np.uint8)


GOOD = [RawImage(f"{row:03d}.png", encode_png(picture(row)), "a") for row in range(100)]
HELD = [RawImage(f"test/{row}.png", encode_png(picture(row)), "a", split="holdout") for row in range(1000, 1030)]
BAD = [
    RawImage(HOSTILE, b"", "a"),
    RawImage("thin.png", encode_png(picture(3, 40)[:4]), "a"),
    *(RawImage(f"x{row:02d}.png", b"", "a") for row in range(SHOWN)),
]
LEAK = RawImage("train/<b>leak.png", encode_png(picture(1007)), "a")


def findings_of(folder: Path, *images: RawImage, warnings: tuple[str, ...] = ()) -> SourceFindings:
    listing = Listing(
        [RawImages(*images)], splits=("train", "holdout"), warnings=list(warnings), name="own", licence="unknown"
    )
    write_listing(listing, data_of("auto", bad_share_max=0.5, holdout_share=None, too_small="refuse"), folder)
    return source_findings(folder)


def page(folder: Path, source: SourceFindings | None) -> str:
    images = {"The first images": pixels()}
    write_report(
        folder / "index.html",
        manifest=make_dataset(folder / "made", "parquet", classes=[]),
        metrics=UNLABELLED_METRICS,
        verdicts=[],
        pictures=ReportImages(images, images, (pixels()[:5], pixels()[5:10]), source=source),
        usage={"sample": ResourceUsage(1000, 1, 2)},
        prices=Prices(),
    )
    return (folder / "index.html").read_text(encoding="utf-8")


def test_what_was_left_out_is_shown_with_counts_names_and_pictures(tmp_path):
    found = findings_of(tmp_path, *GOOD, *HELD, *BAD, LEAK, warnings=("<i>odd</i>",))
    html = page(tmp_path, found)
    assert f'<td>empty file</td><td class="number">{SHOWN + 1}</td>' in html
    assert '<td>also in holdout</td><td class="number">1</td>' in html
    assert "<li><bdi>&lt;i&gt;odd&lt;/i&gt;</bdi></li>" in html
    assert f"The first {SHOWN} of {SHOWN + 2}" in html
    assert "All 1 images that ingest left out because" in html
    gallery = re.findall(r'<td class="picture">(?:<img[^>]*>)?</td><td><bdi>([^<]*)</bdi></td>', html)
    assert len(gallery) == SHOWN
    assert gallery[:2] == ["&lt;img src=x onerror=alert(1)&gt;\ufffd&amp;\ufffd.png", "thin.png"]
    url = data_url(encode_png(picture(1007)))
    assert html.count(url) == 2
    assert "<bdi>train/&lt;b&gt;leak.png</bdi><br><bdi>test/1007.png</bdi>" in html
    assert found.quarantine[1].thumbnail in html
    assert not re.search(r"<img src=x|<b>leak|<i>odd|\u202e", html)


def test_a_source_without_fault_has_no_section(tmp_path):
    found = findings_of(tmp_path, *GOOD, *HELD)
    assert not found
    assert page(tmp_path, found) == page(tmp_path, None)
    assert "<h2>Source</h2>" not in page(tmp_path, found)


def test_only_what_there_is_to_show_has_a_part(tmp_path):
    html = page(tmp_path, findings_of(tmp_path, *GOOD, *HELD, LEAK))
    assert "In two splits of the source" in html
    assert "Files that cannot be used" not in html
    assert "were enlarged" not in html


def test_enlarged_images_are_counted(tmp_path):
    small = [RawImage(f"small{row}", encode_png(picture(2000 + row)[:4, :4]), "a") for row in range(3)]
    data = data_of("auto", holdout_share=0.25)
    write_listing(Listing([RawImages(*GOOD, *small)], name="own", licence="unknown"), data, tmp_path)
    assert "3 real images were smaller than 8x8 px and were enlarged" in page(tmp_path, source_findings(tmp_path))


@pytest.mark.parametrize("content", [None, b"something else"])
def test_a_file_of_pictures_that_is_not_the_one_described_is_refused(tmp_path, content):
    findings_of(tmp_path, *GOOD, *HELD, *BAD)
    path = tmp_path / "quarantine.parquet"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(
        UserError, match=r"quarantine\.parquet does not match .*dataset\.json\. Run the stage ingest again"
    ):
        source_findings(tmp_path)
