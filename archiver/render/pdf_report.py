"""Dossiers as PDF/A-3b: typst sets the pages (extra ``report``), and the file carries the whole report as JSON.

The same dossiers, heading and fonts make the same bytes: nothing in a page comes from this machine or this moment.
"""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from archiver.domain.dossier import Heading, ItemDossier
from archiver.domain.summary import Summary
from archiver.domain.verdict import Verdict
from archiver.errors import StoppedError, UsageError
from archiver.ports import ShouldStop
from archiver.render.json_report import JsonReport
from archiver.render.pdf_blocks import drawn, length, para, shortened, uncut
from archiver.render.pdf_certification import certification_blocks
from archiver.render.pdf_front import Signer, end_blocks, front_blocks, items_intro
from archiver.render.pdf_item import item_blocks, proof_name
from archiver.render.pdf_text import FAMILY, FONTS, shown
from archiver.render.pictures.calendar import calendar
from archiver.render.pictures.coverage import coverage
from archiver.render.pictures.timeline import timeline
from archiver.render.words.pages import PAGES
from archiver.render.words.vocabulary import Words

IN_FULL: Final = 50
"""Most items that stand in full; the attached JSON has all."""

TEXT: Final = 280_000
"""Most characters that items have on the pages: typst takes some 400 bytes of memory for each."""

REPORT: Final = "report.json.gz"
CHECKPOINT: Final = "checkpoint"

_TEMPLATE: Final = Path(__file__).parent / "typst" / "report.typ"
_DATA: Final = "data.json"
_MADE: Final = "report.pdf"
_POLL_SECONDS: Final = 0.1
_NOWHERE: Final = "/nonexistent"
"""Where typst may look for packages of others."""


class PdfReport:
    """Takes items one by one, and writes the file when all are there. Close it, or use it in ``with``.

    What is kept in memory does not grow with the number of items: of those that are not verified and of the others
    as many each as pages may show; the JSON report grows in a nameless file.
    """

    name: Final = "pdf"

    def __init__(
        self,
        words: Words,
        folder: Path | None = None,
        as_of: datetime | None = None,
        signer: Signer | None = None,
        should_stop: ShouldStop = lambda: False,
    ) -> None:
        """*folder*: where what comes in is put by, by default where temporary files go. *as_of*: when the head was
        signed that the report is made of; pictures end there. *signer*: who is to sign the file, if anybody.

        Raises UsageError where typst is not installed.
        """
        if find_spec("typst") is None:
            raise UsageError(
                "reports as PDF need typst, which is not installed",
                "Install the extra: pip install 'cloudtrail-evidence-archiver[report]', or choose --format html.",
            )
        self._words, self._folder, self._as_of, self._signer = words, folder, as_of, signer
        self._should_stop = should_stop
        self._json = JsonReport()
        self._body: IO[bytes] = tempfile.TemporaryFile("w+b", dir=folder)  # noqa: SIM115 - closed by close()
        self._first = True
        self._odd: list[_Kept] = []
        self._verified: list[_Kept] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Forgets what was taken."""
        self._body.close()

    def add(self, item: ItemDossier) -> None:
        """Takes *item*."""
        for text in self._json.item(item, self._first):
            self._body.write(text.encode("utf-8"))
        self._first = False
        kept = self._verified if item.state.verdict is Verdict.VERIFIED else self._odd
        if len(kept) < IN_FULL and sum(one.least for one in kept) < TEXT:
            kept.append(_Kept(item, self._words, self._as_of))

    def write(self, heading: Heading, summary: Summary, out: IO[bytes]) -> None:
        """Writes the report on all items that were taken to *out*. *heading* is in the same language as the words.

        Raises StoppedError.
        """
        items = list(self._fitting())
        # one that was stopped may be written to until this process ends
        with tempfile.TemporaryDirectory("", "archiver-report-", self._folder, ignore_cleanup_errors=True) as folder:
            root = Path(folder)
            attached = self._attach(root, heading, summary, items)
            data = self._data(heading, summary, items, attached)
            (root / _DATA).write_text(json.dumps(data, ensure_ascii=False), "utf-8")
            del data
            _unless(self._should_stop, lambda: _compile(root, root / _MADE, heading.generated_at))
            with (root / _MADE).open("rb") as stream:
                shutil.copyfileobj(stream, out)

    def _fitting(self) -> Iterator[_Kept]:
        """The items that the pages have room for, what is wrong first, with their lists ended."""
        candidates = [*self._odd, *self._verified][:IN_FULL]
        left = TEXT
        for place, kept in enumerate(candidates):
            kept.blocks = list(uncut(kept.blocks, len(candidates), self._words))
            size = length(kept.blocks)
            if size > left:
                if place:
                    return
                told = para(PAGES[self._words.language]["cut_short"], Verdict.INDETERMINATE.value)
                kept.blocks = [*shortened(kept.blocks, left), told]
            left -= size
            yield kept

    def _attach(self, root: Path, heading: Heading, summary: Summary, items: Iterable[_Kept]) -> list[dict[str, str]]:
        """Puts what is attached into *root*, and tells of each: the report first, then proofs as the items stand."""
        pages, log = PAGES[self._words.language], heading.log
        self._body.seek(0)
        with (root / REPORT).open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
            packed.write("".join(self._json.begin(heading, summary)).encode("utf-8"))
            shutil.copyfileobj(self._body, packed)
            packed.write("".join(self._json.end()).encode("utf-8"))
        made = [_attachment(REPORT, "data", "application/gzip", pages["attachment.report"])]
        for kept in items:
            if kept.proof is not None:
                name = proof_name(kept.id)
                (root / name).write_bytes(kept.proof)
                told = pages["attachment.proof"].format(id=kept.id)
                made.append(_attachment(name, "supplement", "application/json", told))
        if log is not None and log.head is not None:
            (root / CHECKPOINT).write_text(log.head.note, "utf-8", errors="backslashreplace")
            made.append(_attachment(CHECKPOINT, "supplement", "text/plain", pages["attachment.checkpoint"]))
        return made

    def _data(
        self, heading: Heading, summary: Summary, items: list[_Kept], attached: list[dict[str, str]]
    ) -> dict[str, Any]:
        """What the template sets."""
        words = self._words
        over = coverage(summary.days, words, FAMILY)
        pictures = drawn(over) if over else []
        blocks = [
            *front_blocks(heading, summary, words, pictures, self._signer),
            *items_intro(len(items), summary, words),
            *(block for kept in items for block in kept.blocks),
        ]
        blocks += certification_blocks(heading, summary, words)
        blocks += end_blocks([(one["name"], one["description"]) for one in attached], words)
        return {
            "language": words.language,
            "title": words.text("title"),
            "id": heading.id,
            "attachments": attached,
            "blocks": shown(blocks),
        }


class _Kept:
    """What is kept of an item for the pages. ``least``: characters that it has there at least."""

    def __init__(self, item: ItemDossier, words: Words, as_of: datetime | None) -> None:
        pictures = [
            *drawn(timeline(item, words, as_of, FAMILY)),
            *drawn(calendar(item.judged, item.evidence.acquired_at, words, as_of, FAMILY)),
        ]
        self.id = item.evidence.id
        self.proof = item.proof.data
        self.blocks = item_blocks(item, words, pictures)
        self.least = length(list(uncut(self.blocks, IN_FULL, words)))


def _attachment(name: str, relationship: str, mime: str, description: str) -> dict[str, str]:
    return {"name": name, "relationship": relationship, "mime": mime, "description": description}


def _unless(should_stop: ShouldStop, work: Callable[[], None]) -> None:
    """Does *work* in a thread, for signals are heard only between steps of Python. Raises StoppedError, and as it."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # raised again below
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_POLL_SECONDS)
        if should_stop():
            raise StoppedError("stopped before the report was written")
    if failed:
        raise failed[0]


def _compile(root: Path, made: Path, at: datetime) -> None:
    """Sets the pages. Only files below *root* and the fonts of this program are read, and nothing is fetched."""
    import typst  # noqa: PLC0415 - an extra, and slow to import

    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True, font_paths=[str(FONTS)])
    compiler = typst.Compiler(
        _TEMPLATE.read_bytes(),
        root=str(root),
        font_paths=fonts,
        ignore_system_fonts=True,
        package_path=_NOWHERE,
        package_cache_path=_NOWHERE,
    )
    compiler.compile(output=str(made), format="pdf", pdf_standards=["a-3b"], timestamp=at)
