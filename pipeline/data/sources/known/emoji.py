"""List the pictures of Noto Color Emoji, with the groups and names that Unicode gives them."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.base.errors import UserError
from pipeline.data.sources.debian import DebianPackage, find_or_fetch
from pipeline.data.sources.source import Listing, Part, RawImage, Request
from pipeline.store.files import file_sha256, readable

if TYPE_CHECKING:
    from fontTools.ttLib import TTFont

FONT = "usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
NAMES = "usr/share/unicode/emoji/emoji-test.txt"
FONT_PACKAGE = DebianPackage("fonts-noto-color-emoji", (FONT,))
NAMES_PACKAGE = DebianPackage("unicode-data", (NAMES,))
TITLE = "Emoji (Debian packages fonts-noto-color-emoji and unicode-data)"
LICENCE = "OFL-1.1 AND Unicode-DFS-2016"  # the pictures; the names

VARIATION_SELECTOR = 0xFE0F  # asks for the colour picture, which this font has alone
SKIN_TONE = "skin tone"
COMPONENT = "a component of emoji"
NO_PICTURE = "no picture in the font"
PART_IMAGES = 1_000
_LIGATURE = 4  # the type of a GSUB lookup that puts one glyph in place of several
# "1F600 ; fully-qualified # 😀 E1.0 grinning face"
_LINE = re.compile(r"(?P<codes>[0-9A-F ]+?)\s*;\s*(?P<status>[a-z-]+)\s*#\s*\S+\s+E[\d.]+\s+(?P<name>.+)")


@dataclass(frozen=True)
class Emoji:
    """Hold one entry of `emoji-test.txt`."""

    codes: tuple[int, ...]
    status: str
    label: str  # its group
    text: str  # its English name

    @property
    def name(self) -> str:
        """Return the name by which people find the emoji: "1F44B-1F3FB waving hand: light skin tone"."""
        return f"{'-'.join(f'{code:04X}' for code in self.codes)} {self.text}"

    @property
    def family(self) -> str:
        """Return the name without skin tones: "waving hand"."""
        base, _, details = self.text.partition(": ")
        others = [detail for detail in details.split(", ") if detail and not detail.endswith(SKIN_TONE)]
        return f"{base}: {', '.join(others)}" if others else base


@dataclass(frozen=True)
class FontPart:
    """Hold emoji with the names of their glyphs, as a `Part`."""

    font: Path
    emoji: tuple[tuple[Emoji, str], ...]
    with_text: bool
    identity: str

    def images(self) -> Iterator[RawImage]:
        """Yield the images of the emoji; see `Part`."""
        with _open(self.font) as font:
            bitmaps = _bitmaps(font)
            for emoji, glyph in self.emoji:
                text = emoji.text if self.with_text else None
                yield RawImage(emoji.name, bitmaps[glyph].imageData, emoji.label, text, group=emoji.family)


def list_images(request: Request) -> Listing:
    """List 3,655 colour images of 136x128 px with transparency, in nine classes, each with its name."""
    if request.text not in ("auto", "name", "none"):
        raise UserError(f"data.text: {request.text!r}, but emoji have only a name; use auto, name or none.")
    font = find_or_fetch(FONT_PACKAGE, request.downloads, request.say)[FONT]
    names = find_or_fetch(NAMES_PACKAGE, request.downloads, request.say)[NAMES]
    with readable(names):
        listed = list(read_names(names.read_text(encoding="utf-8")))
    if not listed:
        raise UserError(f"{names}: no line of it names an emoji. Get it again.")
    emoji, left_out = _with_glyphs(listed, font)
    seen = f"{file_sha256(font)}/{file_sha256(names)}/{request.text != 'none'}"
    parts: list[Part] = [
        FontPart(
            font,
            tuple(emoji[start : start + PART_IMAGES]),
            request.text != "none",
            hashlib.sha256(f"{seen}/{start}".encode()).hexdigest(),
        )
        for start in range(0, len(emoji), PART_IMAGES)
    ]
    return Listing(parts, left_out=left_out, name=TITLE, licence=LICENCE)


def read_names(text: str) -> Iterator[Emoji]:
    """Yield the entries of `emoji-test.txt`, except for other spellings of the same emoji."""
    group = ""
    for line in text.splitlines():
        if line.startswith("# group:"):
            group = line.partition(":")[2].strip()
        elif (found := _LINE.fullmatch(line.strip())) and found["status"] in ("fully-qualified", "component"):
            codes = tuple(int(code, 16) for code in found["codes"].split())
            yield Emoji(codes, found["status"], group, found["name"].strip())


def _with_glyphs(listed: list[Emoji], path: Path) -> tuple[list[tuple[Emoji, str]], list[tuple[str, str]]]:
    """Return the emoji with the names of their glyphs, and name and reason of those that are left out.

    Emoji without a picture are left out, and so are components.
    """
    emoji, left_out = [], []
    with _open(path) as font:
        glyphs, ligatures, bitmaps = font.getBestCmap(), _ligatures(font), _bitmaps(font)
        for each in listed:
            spelt = tuple(glyphs.get(code) for code in each.codes if code != VARIATION_SELECTOR)
            glyph = spelt[0] if len(spelt) == 1 else ligatures.get(spelt)
            if each.status == "component":
                left_out.append((each.name, COMPONENT))
            elif glyph is None or not hasattr(bitmaps.get(glyph), "imageData"):
                left_out.append((each.name, NO_PICTURE))
            else:
                emoji.append((each, glyph))
    return emoji, left_out


def _open(path: Path) -> "TTFont":
    from fontTools.ttLib import TTFont, TTLibError  # a tenth of a second to import, and no other source needs it

    try:
        font = TTFont(path, lazy=True)
    except TTLibError as error:
        raise UserError(f"{path}: is no font: {error}. Get it again.") from None
    if "CBDT" not in font:
        raise UserError(f"{path}: has no table of bitmaps (CBDT), from which the pictures come. Get another version.")
    return font


def _bitmaps(font: "TTFont") -> dict[str, Any]:
    """Return the bitmaps of the largest size that the font has, by the names of glyphs."""
    sizes = [strike.bitmapSizeTable.ppemY for strike in font["CBLC"].strikes]
    bitmaps: dict[str, Any] = font["CBDT"].strikeData[sizes.index(max(sizes))]
    return bitmaps


def _ligatures(font: "TTFont") -> dict[tuple[str | None, ...], str]:
    """Return the glyph of each whole sequence, by the glyphs of the sequence's characters."""
    if "GSUB" not in font:
        return {}
    found: dict[tuple[str | None, ...], str] = {}
    for lookup in font["GSUB"].table.LookupList.Lookup:
        for table in lookup.SubTable:
            table = getattr(table, "ExtSubTable", table)
            if table.LookupType == _LIGATURE:
                for first, ligatures in table.ligatures.items():
                    found |= {(first, *ligature.Component): ligature.LigGlyph for ligature in ligatures}
    return found
