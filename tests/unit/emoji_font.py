"""A small font with colour bitmaps, and the list of names that goes with it, as the true ones are written."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from fontTools.feaLib.builder import addOpenTypeFeaturesFromString
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import newTable
from fontTools.ttLib.tables.BitmapGlyphMetrics import SmallGlyphMetrics
from fontTools.ttLib.tables.C_B_D_T_ import cbdt_bitmap_format_17
from fontTools.ttLib.tables.E_B_L_C_ import BitmapSizeTable, SbitLineMetrics, Strike, eblc_index_sub_table_1
from PIL import Image

Codes = tuple[int, ...]


def emoji_font(path: Path, pictures: Mapping[Codes, Image.Image], ppem: int = 109) -> None:
    """Writes a font; a sequence of several characters becomes a ligature."""
    glyph_of = {codes: "_".join(f"u{code:X}" for code in codes if code != 0xFE0F) for codes in pictures}
    singles = {code: f"u{code:X}" for codes in pictures for code in codes if code != 0xFE0F}
    names = [".notdef", *sorted({*singles.values(), *glyph_of.values()})]
    builder = FontBuilder(1024, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap(singles)
    builder.setupGlyf(dict.fromkeys(names, TTGlyphPen(None).glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1024, 0)))
    builder.setupHorizontalHeader(ascent=900, descent=-200)
    builder.setupNameTable({"familyName": "Small"})
    builder.setupOS2()
    builder.setupPost()
    ligatures = [glyph.replace("_", " ") + f" by {glyph}" for glyph in glyph_of.values() if "_" in glyph]
    if ligatures:
        rules = "".join(f"sub {ligature};" for ligature in ligatures)
        addOpenTypeFeaturesFromString(builder.font, f"feature ccmp {{ {rules} }} ccmp;")
    _add_bitmaps(builder.font, {glyph_of[codes]: picture for codes, picture in pictures.items()}, ppem)
    path.parent.mkdir(parents=True, exist_ok=True)
    builder.font.save(path)


def _add_bitmaps(font, pictures: Mapping[str, Image.Image], ppem: int) -> None:
    bitmaps = {}
    for glyph in sorted(pictures, key=font.getGlyphID):
        content = io.BytesIO()
        pictures[glyph].save(content, "PNG")
        bitmap = cbdt_bitmap_format_17(b"", font)
        bitmap.metrics = SmallGlyphMetrics()
        bitmap.metrics.height, bitmap.metrics.width = pictures[glyph].height, pictures[glyph].width
        bitmap.metrics.BearingX, bitmap.metrics.BearingY, bitmap.metrics.Advance = 0, pictures[glyph].height, 127
        bitmap.imageData = content.getvalue()
        bitmaps[glyph] = bitmap
    index = eblc_index_sub_table_1(b"", font)
    index.indexFormat, index.imageFormat, index.imageSize, index.names = 1, 17, None, list(bitmaps)
    strike = Strike()
    strike.bitmapSizeTable = BitmapSizeTable()
    size = strike.bitmapSizeTable
    size.hori, size.vert = SbitLineMetrics(), SbitLineMetrics()
    for line in (size.hori, size.vert):
        for name in (
            "ascender", "descender", "widthMax", "caretSlopeNumerator", "caretSlopeDenominator", "caretOffset",
            "minOriginSB", "minAdvanceSB", "maxBeforeBL", "minAfterBL", "pad1", "pad2",
        ):  # fmt: skip
            setattr(line, name, 0)
    size.colorRef, size.flags, size.bitDepth, size.ppemX, size.ppemY = 0, 1, 32, ppem, ppem
    strike.indexSubTables = [index]
    font["CBDT"], font["CBLC"] = newTable("CBDT"), newTable("CBLC")
    font["CBDT"].version = font["CBLC"].version = 3.0
    font["CBDT"].strikeData, font["CBLC"].strikes = [bitmaps], [strike]


def emoji_names(entries: Sequence[tuple[str, Codes, str, str]]) -> str:
    """The lines of `emoji-test.txt` of entries (group, codes, status, name), which stand group by group."""
    lines, last = ["# emoji-test.txt", "# Version: 15.0", ""], None
    for group, codes, status, name in entries:
        if group != last:
            lines += ["", f"# group: {group}", "", f"# subgroup: all-of-{len(group)}"]
            last = group
        spelt = " ".join(f"{code:04X}" for code in codes)
        lines.append(f"{spelt:<54} ; {status:<19} # {''.join(map(chr, codes))} E1.0 {name}")
    return "\n".join([*lines, "", "#EOF"])
