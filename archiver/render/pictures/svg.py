"""SVG as text: a few shapes, inline attributes only, so that browsers and typst draw the same.

Every verdict has a shape of its own beside its colour, for readers and printers that see none.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Final

from archiver.domain.text import printable
from archiver.domain.verdict import Verdict

WIDTH: Final = 480.0
"""Units across, of every picture: on a page as wide as a telephone, text of 12 units is still to be read."""

FONTS: Final = (
    "system-ui, 'Segoe UI', Roboto, 'Noto Sans', 'Noto Sans CJK JP', 'Hiragino Sans', Meiryo, Arial, sans-serif"
)
"""Families, the first that there is. Whoever places a picture where these are not names others."""

INK: Final = "#1a1d21"
SOFT: Final = "#565d66"
LINE: Final = "#aab1b9"
FAINT: Final = "#d5d9de"
TINT: Final = "#e9ecef"
PAPER: Final = "#ffffff"
COLOURS: Final = {
    Verdict.VERIFIED: "#0b6b3a",
    Verdict.FAILED: "#b3131b",
    Verdict.INDETERMINATE: "#8a5a00",
    Verdict.PENDING: SOFT,
}

WORST_FIRST: Final = (Verdict.FAILED, Verdict.INDETERMINATE, Verdict.VERIFIED)
"""Verdicts that are recorded."""


@dataclass(frozen=True, slots=True)
class Picture:
    """``svg``: the picture, with ``title`` and ``desc`` in it too: what it is, and what it shows in words."""

    svg: str
    title: str
    desc: str


def num(value: float) -> str:
    """*value* with one decimal at most."""
    return f"{value:.1f}".removesuffix(".0")


class Drawing:
    """One picture, grown shape by shape. Lengths in units, x to the right, y down."""

    def __init__(self, title: str, desc: str, language: str, font: str = FONTS) -> None:
        self._title, self._desc = title, desc
        self._language, self._font = language, font
        self._parts: list[str] = []

    def rect(self, x: float, y: float, width: float, height: float, **style: object) -> None:
        """A rectangle from its upper left corner."""
        self._add("rect", x=x, y=y, width=width, height=height, **style)

    def line(self, x1: float, y1: float, x2: float, y2: float, **style: object) -> None:
        """A line; ink of one unit unless *style* says otherwise."""
        self._add("line", x1=x1, y1=y1, x2=x2, y2=y2, **{"stroke": INK, **style})

    def circle(self, x: float, y: float, radius: float, **style: object) -> None:
        """A circle about its centre."""
        self._add("circle", cx=x, cy=y, r=radius, **style)

    def path(self, data: str, **style: object) -> None:
        """A path of SVG's path language; nothing where *data* is empty."""
        if data:
            self._add("path", d=data, **style)

    def text(
        self, x: float, y: float, text: str, *, anchor: str = "start", size: float = 12, **style: object
    ) -> None:
        """One line of *text* on the base line *y*."""
        attributes = _attributes({"x": x, "y": y, "font_size": size, "text_anchor": anchor, "fill": INK, **style})
        self._parts.append(f"<text{attributes}>{_text(text)}</text>")

    def verdict(self, verdict: Verdict, x: float, y: float, radius: float) -> None:
        """The mark of *verdict* about its centre: a disc with a tick, a square with a cross, a hollow rhomb."""
        colour, r, thin = COLOURS[verdict], radius, {"fill": "none", "stroke": PAPER, "stroke_width": radius / 3.5}
        if verdict is Verdict.VERIFIED:
            self.circle(x, y, r, fill=colour)
            self.path(
                f"M{num(x - r * 0.5)} {num(y)}l{num(r * 0.35)} {num(r * 0.4)}l{num(r * 0.65)} {num(-r * 0.8)}", **thin
            )
        elif verdict is Verdict.FAILED:
            self.rect(x - r, y - r, 2 * r, 2 * r, fill=colour)
            self.path(cross(x, y, r * 0.55), **thin)
        else:
            self.path(rhomb(x, y, r), fill=PAPER, stroke=colour, stroke_width=radius / 3)

    def picture(self, height: float) -> Picture:
        """The whole picture, *height* units high."""
        box = f"0 0 {num(WIDTH)} {num(height)}"
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" width="100%" role="img"'
            f' xml:lang="{_text(self._language)}" font-family="{_text(self._font)}" font-size="12">'
            f"<title>{_text(self._title)}</title><desc>{_text(self._desc)}</desc>{''.join(self._parts)}</svg>"
        )
        return Picture(svg, self._title, self._desc)

    def _add(self, name: str, **attributes: object) -> None:
        self._parts.append(f"<{name}{_attributes(attributes)}/>")


def cross(x: float, y: float, reach: float) -> str:
    """Path data of a cross about (x, y)."""
    left, top, size = num(x - reach), num(y - reach), num(2 * reach)
    return f"M{left} {top}l{size} {size}M{left} {num(y + reach)}l{size} -{size}"


def rhomb(x: float, y: float, reach: float) -> str:
    """Path data of a square on its corner about (x, y)."""
    r = num(reach)
    return f"M{num(x)} {num(y - reach)}l{r} {r}l-{r} {r}l-{r} -{r}z"


def square(x: float, y: float, size: float) -> str:
    """Path data of a square from its upper left corner: many make one short path."""
    return f"M{num(x)} {num(y)}h{num(size)}v{num(size)}h-{num(size)}z"


def width_of(text: str, size: float = 12) -> float:
    """About how wide *text* is drawn, rather too wide: the whole size for a letter that is wide, else 0.6 of it."""
    return sum(size if ord(c) > 0x2E7F else size * 0.6 for c in text)


def _attributes(given: dict[str, object]) -> str:
    shown = ((name.replace("_", "-"), num(v) if isinstance(v, int | float) else str(v)) for name, v in given.items())
    return "".join(f' {name}="{escape(value)}"' for name, value in shown)


def _text(text: str) -> str:
    return escape(printable(text))
