"""Emoji come with group, name and the pixels of the font, and the skin tones of one are never on two sides."""

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageDraw, ImageFont

from pipeline.base.errors import UserError
from pipeline.config.sources import Source
from pipeline.data.sources import KNOWN_DATASETS, debian
from pipeline.data.sources.known.emoji import FONT, FONT_PACKAGE, NAMES, NAMES_PACKAGE, NO_PICTURE
from pipeline.data.sources.location import Location
from pipeline.data.sources.source import Listing, RawImage, Request
from pipeline.store.local import LocalFolder
from tests.unit.canonical_data import data_of, write_listing
from tests.unit.emoji_font import emoji_font, emoji_names

TONES = range(0x1F3FB, 0x1F400)
WAVE, GRIN, HEART, FIRE = 0x1F44B, 0x1F600, 0x2764, 0x1F525
FULL = "fully-qualified"
ENTRIES = [
    ("Smileys & Emotion", (GRIN,), FULL, "grinning face"),
    ("Smileys & Emotion", (HEART, 0xFE0F, 0x200D, FIRE), FULL, "heart on fire"),
    ("Smileys & Emotion", (HEART, 0x200D, FIRE), "unqualified", "heart on fire"),
    ("People & Body", (WAVE,), FULL, "waving hand"),
    ("People & Body", (WAVE, TONES[0]), FULL, "waving hand: light skin tone"),
    ("People & Body", (FIRE, TONES[4], 0x200D, HEART), FULL, "woman: dark skin tone, red hair"),
    ("Component", (TONES[0],), "component", "light skin tone"),
    ("Flags", (0x1F3C1,), FULL, "chequered flag"),
]
WITH_PICTURES = [codes for _, codes, status, name in ENTRIES if status == FULL and name != "chequered flag"]


def picture(seed: int, size: tuple[int, int] = (34, 32)) -> Image.Image:
    """With transparency; where nothing shows, the colour is black, as a renderer leaves it."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (size[1], size[0], 4), np.uint8)
    pixels[..., 3] = rng.choice([0, 255], pixels.shape[:2])
    pixels[pixels[..., 3] == 0] = 0
    return Image.fromarray(pixels)


PICTURES = {codes: picture(seed) for seed, codes in enumerate(WITH_PICTURES)}


@pytest.fixture
def downloads(tmp_path, monkeypatch) -> Path:
    """Holds the small font and list in place of what is fetched; nothing is installed."""
    monkeypatch.setattr(debian, "SYSTEM", tmp_path / "system")
    emoji_font(tmp_path / FONT_PACKAGE.name / FONT, PICTURES)
    put_names(tmp_path, emoji_names(ENTRIES))
    return tmp_path


def put_names(downloads: Path, text: str) -> None:
    path = downloads / NAMES_PACKAGE.name / NAMES
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def listed(downloads: Path, text: str = "auto") -> Listing:
    location = Location(LocalFolder(downloads), None, "emoji")
    request = Request(location, Source(kind="known", path="emoji"), text, downloads, lambda _: None)
    return KNOWN_DATASETS["emoji"](request)


def images_of(listing: Listing) -> list[RawImage]:
    return [image for part in listing.parts for image in part.images()]


def test_each_emoji_comes_once_with_its_group_and_name(downloads):
    assert [(image.name, image.label, image.text, image.group) for image in images_of(listed(downloads))] == [
        ("1F600 grinning face", "Smileys & Emotion", "grinning face", "grinning face"),
        ("2764-FE0F-200D-1F525 heart on fire", "Smileys & Emotion", "heart on fire", "heart on fire"),
        ("1F44B waving hand", "People & Body", "waving hand", "waving hand"),
        ("1F44B-1F3FB waving hand: light skin tone", "People & Body", "waving hand: light skin tone", "waving hand"),
        ("1F525-1F3FF-200D-2764 woman: dark skin tone, red hair", "People & Body", "woman: dark skin tone, red hair", "woman: red hair"),
    ]  # fmt: skip


def test_pixels_are_those_that_were_put_into_the_font(downloads):
    for image, codes in zip(images_of(listed(downloads)), WITH_PICTURES, strict=True):
        with Image.open(io.BytesIO(image.content)) as found:
            assert np.array_equal(np.asarray(found.convert("RGBA")), np.asarray(PICTURES[codes]))


def test_pixels_are_those_that_freetype_draws(downloads):
    font = ImageFont.truetype(downloads / FONT_PACKAGE.name / FONT, 109, layout_engine=ImageFont.Layout.BASIC)
    drawn = Image.new("RGBA", (34, 32))
    ImageDraw.Draw(drawn).text((0, 0), chr(GRIN), font=font, embedded_color=True, anchor="lt")
    with Image.open(io.BytesIO(images_of(listed(downloads))[0].content)) as found:
        assert np.array_equal(np.asarray(drawn), np.asarray(found.convert("RGBA")))


def test_components_and_emoji_that_the_font_lacks_are_named(downloads):
    assert sorted(listed(downloads).left_out) == [
        ("1F3C1 chequered flag", NO_PICTURE), ("1F3FB light skin tone", "a component of emoji"),
    ]  # fmt: skip


def test_names_are_left_out_where_no_text_is_wanted(downloads):
    with_text, without = listed(downloads), listed(downloads, "none")
    assert {image.text for image in images_of(without)} == {None}
    assert with_text.parts[0].identity != without.parts[0].identity
    with pytest.raises(UserError, match="'caption', but emoji have only a name"):
        listed(downloads, "caption")


def test_skin_tones_of_one_emoji_are_never_on_two_sides(downloads):
    sequences = [(0x1F900 + number, *tone) for number in range(40) for tone in ((), *((tone,) for tone in TONES))]
    emoji_font(downloads / FONT_PACKAGE.name / FONT, {codes: picture(seed, (8, 8)) for seed, codes in enumerate(sequences)})  # fmt: skip
    entries = [
        ("Two" if codes[0] % 2 else "One", codes, FULL, f"hand {codes[0]}" + (f": {codes[1]} skin tone" if codes[1:] else ""))
        for codes in sequences
    ]  # fmt: skip
    put_names(downloads, emoji_names(sorted(entries)))
    folder = downloads / "canonical"
    description = write_listing(listed(downloads), data_of("auto"), folder)
    sides: dict[str, set[str]] = {}
    for split, part in description.splits.items():
        assert part.rows > 0
        for text in pq.read_table(folder / part.files[0].file)["text"].to_pylist():
            sides.setdefault(text.partition(":")[0], set()).add(split)
    assert len(sides) == 40
    assert {len(each) for each in sides.values()} == {1}


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (Path(FONT_PACKAGE.name) / FONT, b"<html>", "is no font"),
        (Path(NAMES_PACKAGE.name) / NAMES, b"<html>", "no line of it names an emoji"),
    ],
)
def test_damaged_file_is_refused_by_name(downloads, file, content, message):
    (downloads / file).write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        listed(downloads)
    assert str(downloads / file) in str(caught.value)
