"""Makes the fonts of PDF reports (archiver/render/fonts): subsets of Noto Sans CJK JP. Same source, same bytes.

Run by hand, with fonttools 4.68 at hand and the fonts of Debian's package fonts-noto-cjk 1:20220127+repack1-1::

    python tests/support/make_fonts.py /usr/share/fonts/opentype/noto archiver/render/fonts

Regular holds JIS X 0208 whole (kana, Greek, Cyrillic and the 6,355 kanji of levels 1 and 2), for names and texts from
outside may have any of them; Bold holds level 1, for only our own words are bold.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

FAMILY = "Archiver Report Sans"
COLLECTION_INDEX = 0  # Noto Sans CJK JP
LATIN = {*range(0x20, 0x7F), *range(0xA0, 0x180), *map(ord, "–—―‘’‚“”„†‡•…‰‹›€™←↑→↓−≈≠≤≥")}
LEVEL_2 = 0x50
"""First row of JIS X 0208 that holds kanji of level 2."""


def jis(until: int) -> set[int]:
    """Code points of JIS X 0208 (ISO-2022-JP) in the rows below *until*."""
    found = set()
    for row in range(0x21, until):
        for cell in range(0x21, 0x7F):
            try:
                found.update(map(ord, bytes([0x1B, 0x24, 0x42, row, cell, 0x1B, 0x28, 0x42]).decode("iso2022_jp")))
            except UnicodeDecodeError:
                continue
    return found


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
    for style, until in (("Regular", 0x7F), ("Bold", LEVEL_2)):
        make(
            fonts / f"NotoSansCJK-{style}.ttc", folder / f"ArchiverReportSans-{style}.otf", style, LATIN | jis(until)
        )
