"""The languages that reports are written in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from archiver.render.words import en, ja
from archiver.render.words.vocabulary import Words

WORDS: Final[Mapping[str, Words]] = {"en": en.WORDS, "ja": ja.WORDS}
"""By the code that a report's heading names."""
