"""From an open ledger to dossiers, for reports and packages: as of which head, for whom, with which proofs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from archiver.domain.dossier import Heading, ItemDossier, Proof
from archiver.domain.log_records import LedgerHeld, LogState
from archiver.domain.records import Selection
from archiver.domain.text import printable
from archiver.errors import ArchiverError, LedgerAlteredError, StoppedError, UsageError
from archiver.render.json_report import json_text
from archiver.render.words.en import WORDS as ENGLISH
from archiver.wiring import App, utc_now
from archiver.wiring_ledger import log_verifier
from archiver.work.dossier import Dossiers
from archiver.work.doubted import Doubted
from archiver.work.log_verify_report import UNREADABLE
from archiver.work.prove import Prover
from archiver.work.survey import Survey, SurveyResult

SURVEY_BYTES: Final = 8 * 1024**3
"""Bytes that are read for one report unless more is asked for: a minute or two."""

PROVEN_ITEMS: Final = 200
"""Items of one report that get a proof each; a proof has some 4 KB an event."""

PROBLEMS_TOLD: Final = 20
"""Disagreements between ledger and log that a report names; archiver ledger verify tells all."""

_EPOCH: Final = "SOURCE_DATE_EPOCH"
"""A point in time in seconds, by which builds are made reproducible (reproducible-builds.org)."""

_BEYOND: Final = "the report has more items than get a proof each; archiver ledger prove ID makes it"


@dataclass(frozen=True, slots=True)
class Request:
    """What a report is asked to be: as in ``Heading``."""

    case: str = ""
    exhibit: str = ""
    purpose: str = ""
    requester: str = ""
    language: str = "en"


@dataclass
class Reporting:
    """One report or package on its way. ``log``: the log as of the report's head. ``before``: events that count.

    ``doubted``: what :func:`hold` found of them; ``seen``: what :func:`survey` found in the archive.
    """

    app: App
    log: LogState
    request: Request
    now: datetime
    before: int
    doubted: Doubted | None = None
    seen: SurveyResult | None = None
    proofs: int = PROVEN_ITEMS
    _proven: int = 0

    def heading(self, chosen: Selection) -> Heading:
        """What stands above the report on *chosen*."""
        app, asked = self.app, self.request
        return Heading(
            generated_at=self.now,
            actor=app.actor,
            ledger_url=app.ledger.url,
            archive_url=app.store.url,
            selection=ENGLISH.selection(chosen),
            chosen=chosen,
            case=asked.case,
            exhibit=asked.exhibit,
            purpose=asked.purpose,
            requester=asked.requester,
            log=self.log,
            id=self._id(chosen),
            before=self.before,
            language=asked.language,
        )

    def _id(self, chosen: Selection) -> str:
        """The same for the same head, selection and request, whenever and however often it is made."""
        asked, actor = self.request, self.app.actor
        told = [
            *(self.before, self.log.head_root, ENGLISH.selection(chosen), sorted(chosen.ids or ())),
            *(asked.case, asked.exhibit),
            *(asked.purpose, asked.requester, asked.language, actor.user, actor.host, actor.version),
        ]
        return hashlib.sha256(json_text(told).encode("ascii", "backslashreplace")).hexdigest()[:32]

    def items(self, chosen: Selection) -> Iterator[ItemDossier]:
        """The dossiers, watched by the progress."""
        app = self.app
        made = Dossiers(
            ledger=app.ledger,
            store=app.store,
            archive=str(app.settings.archive.path),
            now=self.log.head_at or self.now,
            before=self.before,
            prove=self._prove,
            doubted=self.doubted,
            look=self.seen.look if self.seen else lambda _item: None,
        )
        app.progress.begin("report")
        for item in made.items(chosen):
            if app.stop.is_set():
                raise StoppedError("stopped before the report was whole; nothing was written")
            yield item
            app.progress.item(item.evidence.prefix)

    def _prove(self, evidence_id: str) -> Proof:
        if self.log.head is None:
            return Proof(None, None, "no checkpoint was signed yet")
        size = self.log.head.size
        if self._proven >= self.proofs:
            return Proof(None, size, _BEYOND)
        self._proven += 1
        try:
            prover = Prover(self.app.ledger, self.app.published, self.log.trust.keys)
            return Proof(prover.item(evidence_id, size, self.before), size)
        except LedgerAlteredError as error:
            return Proof(None, size, printable(str(error), 500), is_altered=True)
        except ArchiverError as error:
            return Proof(None, size, printable(str(error), 500))


def hold(app: App, log: LogState, before: int) -> tuple[LedgerHeld, Doubted]:
    """Holds all of the ledger against its log, and what was signed of it: rows alone hide and invent what they like.

    *before*: the report's events. Raises LedgerError, StoppedError.
    """
    found = log_verifier(app, log.trust.keys, online=False).run(online=False)
    unread = [problem for problem in found.problems if problem.kind == UNREADABLE]
    wrong = [problem for problem in found.problems if problem.kind != UNREADABLE]
    leading = sorted(wrong, key=lambda problem: (problem.because is not None, problem.rank))
    notes = [*(found.notes if found.unreached else ()), *(problem.detail for problem in unread)]
    count = found.problem_count - len(unread) if found.failed else 0
    held = LedgerHeld(tuple(leading[:PROBLEMS_TOLD]), count, tuple(notes[:PROBLEMS_TOLD]))
    return held, Doubted(found, app.ledger.log, app.published, before)


def survey(
    app: App, chosen: Selection, most: int | None, *, again: bool = True, recording: bool = True
) -> SurveyResult:
    """Reads the files of *chosen*, at most so many bytes; see ``Survey``. Raises StoppedError, LedgerError."""
    app.progress.begin("survey")
    use_case = Survey(app.ledger, app.store, utc_now, app.progress, app.stop.is_set, most, again, recording)
    return use_case.run(record.evidence for record in app.ledger.evidence.select(chosen, unreadable=_passed_over))


def _passed_over(_evidence_id: str, _why: str) -> None:
    """The report itself tells of what cannot be read."""


def moment_of(environ: Mapping[str, str]) -> datetime:
    """When the report is made, in whole seconds: now, or as ``SOURCE_DATE_EPOCH`` says. Raises UsageError."""
    given = environ.get(_EPOCH)
    if not given:
        return utc_now().replace(microsecond=0)
    try:
        return datetime.fromtimestamp(int(given), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(f"{_EPOCH}={printable(given, 40)!r} is no time in seconds since 1970") from error
