"""Makes the fonts of PDF reports (archiver/render/fonts): subsets of Noto Sans CJK JP. Same source, same bytes.

Run by hand, with fonttools 4.68 at hand and the fonts of Debian's package fonts-noto-cjk 1:20220127+repack1-1::

    python tests/support/make_fonts.py /usr/share/fonts/opentype/noto archiver/render/fonts

Regular holds Windows code page 932, for names and texts from outside may have any of it: JIS X 0208 with kana, Greek,
Cyrillic and the 6,355 kanji of levels 1 and 2, and 360 kanji of names beyond them. Bold holds level 1, for only our
own words are bold.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

FAMILY = "Archiver Report Sans"
COLLECTION_INDEX = 0  # Noto Sans CJK JP
LATIN = {*range(0x20, 0x7F), *range(0xA0, 0x180), *map(ord, "–—―‘’‚“”„†‡•…‰‹›€™←↑→↓−≈≠≤≥")}
LEVEL_2 = 0x50
"""First row of JIS X 0208 that holds kanji of level 2."""


def jis_level_1() -> set[int]:
    """Code points of JIS X 0208 (ISO-2022-JP) before the kanji of level 2."""
    cells = ((row, cell) for row in range(0x21, LEVEL_2) for cell in range(0x21, 0x7F))
    return _decoded((bytes([0x1B, 0x24, 0x42, row, cell, 0x1B, 0x28, 0x42]) for row, cell in cells), "iso2022_jp")


def windows_932() -> set[int]:
    """Code points of Windows code page 932."""
    single = (bytes([one]) for one in range(0xA1, 0xE0))
    double = (bytes([lead, trail]) for lead in range(0x81, 0xFD) for trail in range(0x40, 0xFD))
    return _decoded((*single, *double), "cp932")


def _decoded(codes: Iterable[bytes], encoding: str) -> set[int]:
    found = set()
    for code in codes:
        with suppress(UnicodeDecodeError):
            found.update(map(ord, code.decode(encoding)))
    return {point for point in found if not 0xE000 <= point < 0xF900}  # private use


def make(source: Path, target: Path, weight: str, points: set[int]) -> None:
    """Writes the subset of *source* that holds *points*."""
    options = subset.Options(
        layout_features=["kern"],
        hinting=False,
        desubroutinize=False,
        notdef_outline=True,
        name_IDs=[0, 1, 2, 3, 4, 5, 6, 13, 14],
        name_languages=[0x409],
        drop_tables=[*subset.Options._drop_tables_default, "vhea", "vmtx", "VORG", "BASE", "DSIG"],
        recalc_timestamp=False,
        font_number=COLLECTION_INDEX,
    )
    font = subset.load_font(str(source), options)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=points)
    cutter.subset(font)
    rename(font, weight)
    subset.save_font(font, str(target), options)


def rename(font: TTFont, weight: str) -> None:
    """A derived font goes by a name of its own."""
    plain = FAMILY.replace(" ", "")
    names = {1: FAMILY, 2: weight, 3: f"{plain}-{weight};subset of Noto Sans CJK JP 2.004", 4: f"{FAMILY} {weight}"}
    for number, text in {**names, 6: f"{plain}-{weight}"}.items():
        font["name"].setName(text, number, 3, 1, 0x409)
    top = font["CFF "].cff
    top.fontNames = [f"{plain}-{weight}"]
    top.topDictIndex[0].FamilyName = FAMILY
    top.topDictIndex[0].FullName = f"{FAMILY} {weight}"


if __name__ == "__main__":
    fonts, folder = Path(sys.argv[1]), Path(sys.argv[2])
    for style, points in (("Regular", windows_932() | jis_level_1()), ("Bold", jis_level_1())):
        make(fonts / f"NotoSansCJK-{style}.ttc", folder / f"ArchiverReportSans-{style}.otf", style, LATIN | points)
