"""Text from outside is harmless to show."""

from __future__ import annotations

import pytest

from archiver.domain.limits import DETAIL_CHARS
from archiver.domain.text import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("result_1.csv.gz", "result_1.csv.gz"),
        ("Ünïcödé 調査", "Ünïcödé 調査"),
        ("a\tb\nc\rd\0", "a\\tb\\nc\\rd\\x00"),
        ("\x1b[31m", "\\x1b[31m"),
        ("gpj.\u202eexe", "gpj.\\u202eexe"),
        ("a\u2028b\u2066", "a\\u2028b\\u2066"),
        ("\ud800\udcff", "\\ud800\\udcff"),
        ("\U000e0041", "\\U000e0041"),
        ("\u00a0\ufeff", "\\xa0\\ufeff"),
        ("", ""),
    ],
)
def test_what_does_not_print_is_escaped(text, shown):
    assert printable(text) == shown


def test_long_text_is_cut_and_marked():
    assert printable("x" * DETAIL_CHARS) == "x" * DETAIL_CHARS
    assert printable("x" * (DETAIL_CHARS + 1)) == "x" * DETAIL_CHARS + f"… ({DETAIL_CHARS + 1} characters)"
    assert printable("\n" * 9, 2) == "\\n\\n… (9 characters)"
