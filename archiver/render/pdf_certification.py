"""The draft of a certification as blocks of a PDF report: pages of their own, to be taken out and filled in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from archiver.domain.dossier import Heading
from archiver.domain.summary import Summary
from archiver.domain.verdict import Verdict
from archiver.render.certification import WITHIN, WITHOUT, certification
from archiver.render.pdf_blocks import Block, group, heading, para, points
from archiver.render.words.vocabulary import Words

_KNOW: Final = ("qualified", "check", "exceptions", "limits", "notice", "penalty")
_BLANKS: Final = ("name", "position", "address", "date", "place", "signature")


def certification_blocks(heading_: Heading, summary: Summary, words: Words) -> Iterator[Block]:
    """What the signer must know, a statement under each rule, the statute's words, and room for the signature."""
    yield {"kind": "page"}
    yield heading(2, words.text("certification"))
    yield para(words.text("certification.draft"), Verdict.INDETERMINATE.value)
    yield heading(3, words.text("certification.know"))
    yield para(words.text("certification.902"))
    yield points([("", words.text(f"certification.know.{name}")) for name in _KNOW])
    for rule in certification(heading_, summary):
        yield heading(3, rule.name)
        yield heading(4, words.text("certification.rule"))
        yield {"kind": "quote", "text": rule.text}
        yield heading(4, words.text("certification.statement"))
        yield {"kind": "statement", "paragraphs": list(rule.statement)}
    yield heading(3, words.text("certification.1746"))
    yield para(words.text("certification.choose"), "intro")
    for name, text in (("without", WITHOUT), ("within", WITHIN)):
        yield group(heading(4, words.text(f"certification.{name}")), {"kind": "quote", "text": text})
    yield {"kind": "blanks", "names": [words.text(f"certification.{name}") for name in _BLANKS]}
