"""A dossier: all that is on record about items of evidence, as values that a report is written from.

What CloudTrail signed, what somebody merely claims and what this archive observed are different fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Any, Final, Generic, TypeVar

from archiver.domain.custody import Actor
from archiver.domain.evidence import Evidence, EvidenceState, FileRole, Origin
from archiver.domain.facts import Absent, Fact, Label, signed_label
from archiver.domain.keys import HeldKey
from archiver.domain.log_records import LogState
from archiver.domain.records import Selection
from archiver.domain.verdict import Check, CheckResult, Finding, Reason, Verdict

HASHES_SHOWN: Final = 1000
"""Most files of one custody event that a report lists with their hashes."""


class Standing(StrEnum):
    """What can be said of one file by what it was acquired as and what it was last read as."""

    SIGNED = "signed"
    """Its bytes have the hash that CloudTrail signed."""
    LISTED = "listed"
    """Its bytes have the hash that the sign file lists; that the list is signed is not proved."""
    MISMATCH = "mismatch"
    """Its bytes have another hash than the sign file lists."""
    MISSING = "missing"
    """The sign file lists it; it was not delivered."""
    ALTERED = "altered"
    """When it was last read, it was not what was acquired, or not there."""
    UNREAD = "unread"
    """It could not be read when it was last judged."""
    UNLISTED = "unlisted"
    """No sign file that could be read lists it: nothing vouches for it."""
    SIGN_FILE = "sign_file"
    """The sign file itself: it carries the signature and is not covered by it."""

    @property
    def is_bad(self) -> bool:
        """True where it speaks against the file."""
        return self in (Standing.MISMATCH, Standing.MISSING, Standing.ALTERED)


@dataclass(frozen=True, slots=True)
class FileAccount:
    """One file of an item, or one that its sign file lists and that never came (``path`` is None).

    ``size``, ``sha256``: as acquired. ``listed_sha256``: the sign file's claim; ``signed_sha256``: the same, only
    where the signature over it held at the last judgement. ``facts``: what the source said of it (``etag``,
    ``version_id``, ``last_modified``, ``encryption``, ``retention``, ``request_id``, ``request_id_2``,
    ``clock_offset_ms``) and what a whole reading showed (``sha512``, ``packing``, ``unpacked``, ``rows``,
    ``first_event``, ``last_event``), in this order, each with a value or the reason that there is none.
    """

    name: str
    role: FileRole
    path: str | None
    size: int | None
    sha256: str | None
    listed_sha256: str | None
    signed_sha256: str | None
    standing: Standing
    origin: Origin | None
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class SignFileAccount:
    """The sign file, read from the archive for the report.

    ``text``: verbatim, what is not UTF-8 escaped with backslashes; None where *absent* says why. ``signing_string``:
    what the signature is over; ``signature``: as hex; both None where the file has not the form.
    """

    text: str | None
    sha256: str | None
    signing_string: str | None
    signature: str | None
    absent: Absent | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """One judgement on record. ``occasion``: ``acquisition``, ``audit``, ``key`` or ``repair``."""

    seq: int
    at: datetime
    occasion: str
    verdict: Verdict
    reasons: tuple[Reason, ...]
    findings: tuple[Finding, ...]
    checks: tuple[Check, ...]
    key_sha256: str | None


@dataclass(frozen=True, slots=True)
class HashChange:
    """A file (its archive path or its name) before and after an event: SHA-256, None where there was no such file or
    it could not be read."""

    file: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Happening:
    """One custody event. ``terms``: what a sentence about it is made of, by name; ``trouble``: why its body cannot be
    read, "" where it can; ``facts``: the rest of its body, judgements left out.

    ``body_sha256``: of the body as it is kept. ``actor`` is None where the body cannot be read. ``hashes``: what the
    event says of files, each with the hash that it had before; at most :data:`HASHES_SHOWN`, ``more_hashes`` counts
    the others.
    """

    seq: int
    at: datetime
    kind: str
    actor: Actor | None
    terms: Mapping[str, str | int]
    facts: Mapping[str, Any]
    body_sha256: str
    trouble: str = ""
    hashes: tuple[HashChange, ...] = ()
    more_hashes: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One step of repeating the check by hand: shell *commands*, and what they must print.

    ``title``, ``expected``: in English. ``code``, ``terms``: what another language has its own words for.
    """

    title: str
    commands: tuple[str, ...]
    expected: str
    code: str = ""
    terms: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fixity:
    """The judgements on record, summed up. ``judged_at``: when, and what came of it, oldest first.

    ``last_good``: the last one that was verified; ``first_bad``: the first one after it that was not, and where none
    was ever verified the first of all; ``failures``: all that failed. ``due_at``: of the next audit.
    """

    first: Judged | None
    last: Judged | None
    last_good: Judged | None
    first_bad: Judged | None
    failures: tuple[Judged, ...]
    count: int
    due_at: datetime
    overdue: bool


@dataclass(frozen=True, slots=True)
class Proof:
    """The item's proof file (docs/proof-format.md) under the report's head, or why there is none.

    ``is_altered``: there is none because the ledger is not what was signed.
    """

    data: bytes | None
    size: int | None
    trouble: str = ""
    is_altered: bool = False


@dataclass(frozen=True, slots=True)
class ItemDossier:
    """One item. ``keys``: every copy on record of the key it was judged with; ``key_folder``: where it lies.

    ``evidence``: as acquired, by the custody event where the rows contradict it. ``signed_hashes``: what the
    signature covers, in its order, empty where it does not hold. ``disagreements``: within the ledger about this
    item, for which ``state`` is failed with ``ledger_altered``. ``archive_troubles``: what of the archive is not what
    is on record, or cannot be read, as far as it was read for the dossier and no audit has told: ``archive_altered``,
    ``read_error``. ``is_read``: every file was read for it, and is what was acquired. ``recorded``: the
    verdict by the events alone, whatever was found since. ``judged``, ``history``: oldest
    first.
    Facts, each list in a fixed order and complete:
    ``source``: ``partition``, ``account``, ``region``, ``source_name``, ``source_url``, ``bucket``, ``prefix``,
    ``query_id``, ``key_region``; ``query``: ``sql_text`` (of the signed header line), ``execution_time``,
    ``query_complete_time``, ``described_at``, ``query_status``, ``delivery_status``, ``delivery_uri``, ``owner``,
    ``event_data_store``, ``events_matched``, ``events_scanned``, ``bytes_scanned``, ``milliseconds``, ``created_at``,
    ``query_string``; ``acquisition``: ``how``, ``who``, ``host``, ``version``, ``caller``, ``first_seen_at``,
    ``acquired_at``, ``clock_offset_ms``, ``archived_at``, ``revision``.
    """

    evidence: Evidence
    state: EvidenceState
    files: tuple[FileAccount, ...]
    keys: tuple[HeldKey, ...]
    key_folder: str | None
    signed_hashes: tuple[str, ...]
    judged: tuple[Judged, ...]
    history: tuple[Happening, ...]
    disagreements: tuple[str, ...]
    archive_troubles: tuple[str, ...]
    is_read: bool
    recorded: Verdict
    steps: tuple[Step, ...]
    source: tuple[Fact, ...]
    query: tuple[Fact, ...]
    acquisition: tuple[Fact, ...]
    sign_file: SignFileAccount
    fixity: Fixity
    proof: Proof

    @property
    def signature(self) -> CheckResult | None:
        """How the signature check ended last, None where no judgement can be read."""
        checks = self.judged[-1].checks if self.judged else ()
        return next((check.result for check in checks if check.id == "signature"), None)

    @property
    def signed_label(self) -> Label:
        """Whose word a value is that the signature covers and that holds: AWS's only if CloudTrail listed the key."""
        return signed_label(self.keys)


_Told = TypeVar("_Told", Judged, Happening)


@dataclass(frozen=True, slots=True)
class Run(Generic[_Told]):
    """Neighbours that say the same; ``last`` is ``first`` where it is one."""

    first: _Told
    last: _Told
    count: int


def judged_runs(judged: Sequence[Judged]) -> list[Run[Judged]]:
    """*judged* with equal neighbours put together: ten years of audits in as many lines as there were changes."""
    return _runs(judged, lambda one: (one.verdict, one.reasons, one.findings))


def event_runs(history: Sequence[Happening]) -> list[Run[Happening]]:
    """*history* with events put together that say the same of the same actor; one without an actor stands alone."""
    return _runs(history, lambda event: (event.kind, event.terms, event.actor) if event.actor else event.seq)


def _runs(told: Sequence[_Told], says: Callable[[_Told], object]) -> list[Run[_Told]]:
    neighbours = [list(group) for _, group in groupby(told, says)]
    return [Run(group[0], group[-1], len(group)) for group in neighbours]


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above a report. ``case``, ``exhibit``, ``purpose``, ``requester``: the requester's words, "" where
    not given.

    ``selection``: how the items were chosen, in English words; ``chosen``: the same as a value, None where only words
    are known. ``log``: as it stood before the report, None where not asked.
    ``id``: 32 hex, the same for the same head, selection and options. ``before``: events of the ledger that the
    report is made of, those with a smaller number; None for all. ``language``: ``en`` or ``ja``.
    """

    generated_at: datetime
    actor: Actor
    ledger_url: str
    archive_url: str
    selection: str
    case: str = ""
    exhibit: str = ""
    purpose: str = ""
    requester: str = ""
    log: LogState | None = None
    id: str = ""
    before: int | None = None
    language: str = "en"
    chosen: Selection | None = None
