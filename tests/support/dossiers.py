"""Dossiers for tests of whatever is made of them: put together by ``work.dossier`` from ``dossier_events``.

``DOSSIERS`` names one dossier of each kind; each takes the item's number. Texts in ``hostile`` are ``HOSTILE``.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from enum import Enum
from typing import Any, TypeVar

from archiver.cli.report_file import Renderer
from archiver.domain.custody import EvidenceRepaired, RepairedFile, Reported, SourceObserved, SourceRestored
from archiver.domain.custody_facts import Exported
from archiver.domain.dossier import Heading, ItemDossier
from archiver.domain.evidence import EvidenceFile, FileRole, Origin
from archiver.domain.keys import KeyProvenance
from archiver.domain.log_records import ClaimedKey, KeyStanding, LastVerified, LogState, LogTrust, StoredCheckpoint
from archiver.domain.records import CustodyEvent
from archiver.domain.summary import Summary
from archiver.domain.verdict import Check, CheckResult, FileResult, Finding, Judgement, Reason, judgement
from tests.support.dossier_events import (
    ACQUIRED,
    ACTOR,
    DELIVERED,
    HOSTILE,
    KEY,
    NAMES,
    NOW,
    SIGNED,
    Made,
    MadeLedger,
    MadeStore,
    a_description,
    a_survey,
    an_acquisition,
    an_audit,
    an_event,
    an_origin,
    passed,
    results,
    sha256,
)


def full_made(number: int = 0) -> Made:
    """Everything is on record, and all is well."""
    made = Made(number)
    made.lies()
    described, answer = a_description(made.evidence)
    made.files.update(answer)
    made.tells(an_acquisition(made.evidence, passed()))
    made.tells(described)
    made.tells(an_audit(made.evidence, passed(), 90))
    made.tells(an_audit(made.evidence, passed(), 180))
    made.tells(an_audit(made.evidence, passed(), 1150))
    made.tells(a_survey(made.evidence))
    last = made.events[-1].seq
    reported = Reported(
        at=NOW, ids=(made.evidence.id,), count=1, selection="one item, by its ID", format="html", sha256="1" * 64
    )
    exported = Exported(
        at=NOW,
        ids=(made.evidence.id,),
        count=1,
        selection="one item, by its ID",
        form="folder",
        manifest_sha256="2" * 64,
        files=3,
        size=1774,
    )
    made.shared = [an_event(last + 1, reported), an_event(last + 2, exported)]
    return made


def full_item(number: int = 0) -> ItemDossier:
    """Verified, with every field that there is, its proof included."""
    made = full_made(number)
    return made.dossier(made.proof)


def imported_made(number: int = 0) -> Made:
    """As the full one, but its key came from an operator alone."""
    made = full_made(number)
    by_hand = KeyProvenance("import", "keys.json", "operator", ACQUIRED)
    made.copies = (replace(KEY, provenance=(by_hand,)),)
    return made


def imported_item(number: int = 0) -> ItemDossier:
    """Verified with a key that nothing shows to be CloudTrail's."""
    made = imported_made(number)
    return made.dossier(made.proof)


def failed_made(number: int = 0) -> Made:
    """Altered after it was good, repaired, altered again; gone from the source; one body is unreadable."""
    made = Made(number)
    made.lies((NAMES[0], DELIVERED[NAMES[0]]), (NAMES[1], DELIVERED[NAMES[1]] + b"x"))
    item = made.evidence
    stray = EvidenceFile(
        "notes.txt",
        FileRole.UNLISTED,
        f"{item.path}/unlisted/notes.txt",
        5,
        sha256(b"notes"),
        None,
        an_origin(number, "notes.txt"),
    )
    made.evidence = item = replace(item, files=(*item.files, stray))
    first, second = item.files[1], item.files[2]
    altered = Check("archive", CheckResult.FAIL, f"{first.path} was acquired with SHA-256 {first.sha256}")
    lost = Check(
        "archive", CheckResult.FAIL, f"{first.path} was acquired with other bytes; {second.path} is not there"
    )
    unlisted = (Finding.UNLISTED_FILE,)
    wrong = sha256(b"wrong")

    def bad(check: Check, changed: Mapping[str, str | None]) -> Judgement:
        reasons = [Reason.HASH_MISMATCH, Reason.ARCHIVE_ALTERED]
        if None in changed.values():
            reasons.append(Reason.FILE_MISSING)
        files = Check("files", CheckResult.FAIL, "not all files have the listed bytes")
        return judgement(reasons, unlisted, [passed().checks[2], files, check], results(changed))

    gone = SourceObserved(
        at=ACQUIRED + timedelta(days=100), id=item.id, finding=Finding.SOURCE_DELETED, detail="not listed any more"
    )
    mended = RepairedFile(first.path, wrong, first.sha256, f"set-aside/{item.id}/1")
    made.tells(an_acquisition(item, passed(*unlisted)))
    made.tells(a_description(item, "AccessDeniedException: not authorized to perform cloudtrail:DescribeQuery")[0])
    made.tells(an_audit(item, bad(altered, {first.name: wrong}), 90))
    made.tells(gone)
    made.tells(
        EvidenceRepaired(
            at=ACQUIRED + timedelta(days=101), id=item.id, repaired_from=item.source_url, files=(mended,)
        )
    )
    made.tells(an_audit(item, passed(*unlisted), 101, "repair"))
    made.tells(SourceRestored(at=ACQUIRED + timedelta(days=110), id=item.id))
    made.tells(an_audit(item, bad(lost, {first.name: wrong, second.name: None}), 200))
    made.tells(replace(gone, at=ACQUIRED + timedelta(days=210)))
    made.events.append(
        CustodyEvent(
            made.events[-1].seq + 1, ACQUIRED + timedelta(days=211), "evidence_verified", item.id, '{"kind":'
        )
    )
    made.disagreements = ("evidence_state.verdict: the row says 'verified', its events say 'failed'",)
    return made


def failed_item(number: int = 0) -> ItemDossier:
    """Failed, in about every way at once."""
    return failed_made(number).dossier()


def bare_made(number: int = 0) -> Made:
    """From a folder, without a sign file, never audited, never surveyed: next to nothing is known of it."""
    made = Made(number, copies=())
    item = made.evidence
    path = f"desk/loose/{item.id[:8]}"
    file = EvidenceFile(
        NAMES[1],
        FileRole.RESULT,
        f"{path}/{NAMES[1]}",
        len(DELIVERED[NAMES[1]]),
        SIGNED[NAMES[1]],
        None,
        Origin("k", ""),
    )
    made.evidence = replace(
        item,
        source="desk",
        source_url="file:///mnt/desk",
        prefix="loose/",
        path=path,
        account=None,
        query_id=None,
        region=None,
        query_complete_time=None,
        fingerprint=None,
        key_sha256=None,
        hash_list_sha256=None,
        files=(file,),
        caller=None,
    )
    check = Check("sign_file", CheckResult.FAIL, "there is none")
    read = FileResult(file.name, file.size, file.sha256, None, None)
    made.tells(
        an_acquisition(made.evidence, judgement([Reason.UNSIGNED], [Finding.PATH_NONSTANDARD], [check], [read]))
    )
    return made


def bare_item(number: int = 0) -> ItemDossier:
    """With a reason in the place of nearly every value."""
    return bare_made(number).dossier()


def waiting_item(number: int = 0) -> ItemDossier:
    """Indeterminate: its key was never to be had."""
    made = Made(number, copies=())
    made.evidence = replace(made.evidence, key_sha256=None)
    made.lies()
    checks = [
        passed().checks[0],
        Check("key", CheckResult.UNKNOWN, "no key with this fingerprint was to be had"),
        Check("signature", CheckResult.SKIP, "no key"),
    ]
    said = judgement([Reason.KEY_UNAVAILABLE], [], checks, results(signed=False))
    made.tells(an_acquisition(made.evidence, said, by_import=True))
    return made.dossier()


def unreadable_item(number: int = 0) -> ItemDossier:
    """Not one of its events can be read."""
    made = Made(number)
    made.events = [CustodyEvent(3, ACQUIRED, "evidence_acquired", made.evidence.id, '{"kind":"evidence_acquired"}')]
    return made.dossier()


def hostile_item(number: int = 0, text: str = HOSTILE) -> ItemDossier:
    """The failed item, with *text* wherever a text can come from outside."""
    return with_text(failed_item(number), text)


DOSSIERS: Mapping[str, Callable[[int], ItemDossier]] = {
    "full": full_item,
    "imported": imported_item,
    "failed": failed_item,
    "bare": bare_item,
    "waiting": waiting_item,
    "unreadable": unreadable_item,
    "hostile": hostile_item,
}
"""One of each kind, by name."""


def many_items(count: int) -> Iterator[ItemDossier]:
    """*count* items, every seventh of them failed, none held here; quick, for only numbers tell them apart."""
    good, bad = full_item(), failed_item()
    for number in range(count):
        told = bad if number % 7 == 6 else good
        evidence = replace(
            told.evidence,
            id=sha256(f"item {number}".encode())[:32],
            query_id=f"{number:08x}-7b30-5eb0-8bc2-75df8e885d17",
        )
        yield replace(told, evidence=evidence)


_CODE = re.compile(r"[0-9a-f]{32,}|[a-z][a-z0-9_]{0,39}")
"""Hashes and codes, which this program wrote and checked; all else counts as from outside."""

_OURS = {
    "Fact": ("name",),
    "Check": ("id",),
    "Happening": ("kind", "body_sha256"),
    "SignFileAccount": ("sha256", "signature"),
}

_T = TypeVar("_T")


def with_text(value: _T, text: str) -> _T:
    """*value* with *text* in the place of every text in it that is no hash and no code."""
    return _replaced(value, text)  # type: ignore[no-any-return]


def _replaced(value: Any, text: str) -> Any:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return value if not value or _CODE.fullmatch(value) else text
    if isinstance(value, tuple):
        return tuple(_replaced(part, text) for part in value)
    if isinstance(value, Mapping):
        return {name: _replaced(part, text) for name, part in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        ours = _OURS.get(type(value).__name__, ())
        parts = {one.name: getattr(value, one.name) for one in dataclasses.fields(value) if one.init}
        return replace(value, **{n: v if n in ours else _replaced(v, text) for n, v in parts.items()})
    return value


VKEY = "archive.example/log+c867fd8e+Ac2Xe7akWuUKbDefId+7J/KVvXm35t1buxhlGirgBNuI"
NOTE = "archive.example/log\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— archive.example/log yGf9jgAAAA==\n"
LOG = LogState(
    trust=LogTrust((VKEY,)),
    claimed=(ClaimedKey(VKEY, KeyStanding.CONFIGURED),),
    size=9,
    root="e" * 64,
    head=StoredCheckpoint(7, NOTE),
    head_at=NOW - timedelta(minutes=1),
    head_root="d" * 64,
    verified=LastVerified(6, NOW - timedelta(days=2), 6, 0, False, 1),
)
CONTRADICTED_LOG = replace(
    LOG,
    claimed=(ClaimedKey(HOSTILE, KeyStanding.NOT_CONFIGURED), *LOG.claimed),
    head_trouble="no configured key signed it",
)
UNASKED_LOG = replace(
    LOG, trust=LogTrust((), "the signer gave no answer"), head_compared=False, head=None, head_at=None
)


def a_heading(**changes: Any) -> Heading:
    """Everything is stated."""
    made = Heading(
        generated_at=NOW,
        actor=ACTOR,
        ledger_url=MadeLedger.url,
        archive_url=MadeStore.url,
        selection="2 items, by their IDs",
        case="2026-117",
        exhibit="A",
        purpose="for the hearing in March",
        requester="Internal Audit",
        log=LOG,
        id="5" * 32,
        before=9,
    )
    return replace(made, **changes)


def bare_heading() -> Heading:
    """Nothing is stated, and the log was not asked for."""
    return a_heading(case="", exhibit="", purpose="", requester="", log=None, before=None)


def hostile_heading(text: str = HOSTILE) -> Heading:
    """*text* wherever a person or a ledger could have put it."""
    return replace(with_text(a_heading(log=CONTRADICTED_LOG), text), language="en")


def summary_of(items: Iterable[ItemDossier]) -> Summary:
    """The figures of a report on *items*."""
    summary = Summary()
    for item in items:
        summary.add(item)
    return summary


def rendered(renderer: Renderer, items: Iterable[ItemDossier], heading: Heading) -> str:
    """The report on *items* by a renderer of text: items first, as ``report`` does it."""
    summary, body = Summary(), []
    for item in items:
        body += renderer.item(item, first=not summary.items)
        summary.add(item)
    return "".join([*renderer.begin(heading, summary), *body, *renderer.end()])
