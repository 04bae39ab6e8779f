"""What is hard about a source is said, and of a plain one nothing."""

import numpy as np
import pytest
from PIL import Image

from pipeline.config.schema import Data
from pipeline.config.sources import Source
from pipeline.data.sources.source import Listing, RawImage
from pipeline.presets.concerns import concerns
from pipeline.presets.source_scan import SourceStats, scan_source
from tests.unit.canonical_data import RawImages

Pixels = np.ndarray
RANDOM = np.random.default_rng(0)
DATA = Data(source=Source(path="photos"), size=8)


def picture(height: int = 24, width: int = 24) -> Pixels:
    """Blocks of random colours."""
    small = RANDOM.integers(0, 256, (8, 8, 3), np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.NEAREST))


def surveyed(pictures: list[Pixels], labels: list[str] | None = None) -> SourceStats:
    names = labels or ["a"] * len(pictures)
    raw = [RawImage(str(i), pixels, name) for i, (pixels, name) in enumerate(zip(pictures, names, strict=True))]
    return scan_source("folder", Listing([RawImages(*raw)]), DATA)


def told(pictures: list[Pixels], labels: list[str] | None = None, size: int = 8) -> str:
    return "\n".join(concerns(surveyed(pictures, labels), size))


PLAIN = [picture() for _ in range(1_000)]


def test_of_a_thousand_different_squares_nothing_is_said() -> None:
    assert told(PLAIN) == ""


def test_few_images() -> None:
    assert "100 images are few" in told(PLAIN[:100])
    assert "30 images are too few" in told(PLAIN[:30])


def test_uneven_and_rare_classes() -> None:
    message = told(PLAIN, ["many"] * 997 + ["rare"] * 3)
    assert "many has 997 images, rare 3" in message
    assert "fewer than 6 images: rare (3), and ingest refuses" in message
    assert "fewer than 10 images: rare (7). Leave" in told(PLAIN, ["many"] * 993 + ["rare"] * 7)


@pytest.mark.parametrize(("shared", "said"), [(0, ""), (3, "3 of 500"), (500, "If none is left")])
def test_train_images_that_are_in_the_holdout_too(shared: int, said: str) -> None:
    train = [RawImage(f"train/{i}", pixels, "a") for i, pixels in enumerate(PLAIN[:500])]
    holdout = [RawImage(f"test/{i}", pixels, "a", split="holdout") for i, pixels in enumerate(PLAIN[500 - shared :])]
    message = "\n".join(concerns(scan_source("folder", Listing([RawImages(*train, *holdout)]), DATA), 8))
    assert said in message
    assert ("holdout" in message) == (shared > 0)


def test_the_same_picture_again_and_again() -> None:
    assert "10% of the images are equal or nearly equal" in told(PLAIN[:900] + PLAIN[:100])


def test_hardly_any_variety() -> None:
    base = picture().astype(np.int16)
    pictures = [np.clip(base + RANDOM.integers(-3, 4, base.shape), 0, 255).astype(np.uint8) for _ in range(60)]
    assert "hardly any variety" in told(pictures)


def test_small_images_are_enlarged() -> None:
    assert "smaller than 32 px" in told(PLAIN[:200], size=32)
    assert "smaller than" not in told(PLAIN[:200], size=16)


def test_long_images_lose_their_ends() -> None:
    assert "more than twice as long as wide" in told([picture(20, 60) for _ in range(100)])


@pytest.mark.parametrize("upright", [False, True])
def test_bars_along_two_sides(upright: bool) -> None:
    boxed = [np.pad(picture(24, 40), ((8, 8), (0, 0), (0, 0))) for _ in range(50)]
    pictures = [pixels.swapaxes(0, 1) for pixels in boxed] if upright else boxed
    assert "have bars along two sides" in told(pictures)


def test_an_object_before_a_plain_background_has_no_bars() -> None:
    pictures = [np.pad(picture(12, 12), ((6, 6), (6, 6), (0, 0))) for _ in range(50)]
    assert "bars" not in told(pictures)


def test_of_many_images_a_part_is_looked_at_and_all_are_counted() -> None:
    found = surveyed([PLAIN[i % 1_000] for i in range(5_000)])
    assert found.images == found.classes["a"] == 5_000
    assert 1_000 <= found.inspected <= 3_000


def test_what_cannot_be_used_is_counted_with_its_first_name() -> None:
    part = RawImages(RawImage("a", b"", "x"), RawImage("b", b"", "x"), RawImage("c", PLAIN[0], "x"))
    found = scan_source("folder", Listing([part]), DATA)
    assert (found.images, found.usable) == (3, 1)
    assert found.first_unusable == {"empty file": "a"}
