"""Custody events read back: the judgements among them, and each one in a sentence.

An event whose body cannot be read is shown as such and hides no other: a damaged ledger must stay readable.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from archiver.domain.custody import Actor, EvidenceAcquired, EvidenceRepaired, EvidenceVerified, SourceObserved
from archiver.domain.dossier import Happening, Judged
from archiver.domain.records import CustodyEvent
from archiver.domain.verdict import Check, CheckResult, FileResult, Finding, Reason, Verdict

_SHOWN_ELSEWHERE: Final = frozenset({"kind", "at", "actor", "id", "evidence", "judgement"})
"""Fields of a body that stand in a happening's own fields, or in the item."""


@dataclass(frozen=True, slots=True)
class History:
    """``files``: as they were read at the last judgement that can be read, in the listed order."""

    judged: tuple[Judged, ...]
    happenings: tuple[Happening, ...]
    files: tuple[FileResult, ...]


def history_of(events: Iterable[CustodyEvent]) -> History:
    """What *events* of one item say, oldest first."""
    judged: list[Judged] = []
    happenings: list[Happening] = []
    files: tuple[FileResult, ...] = ()
    for event in events:
        try:
            body = json.loads(event.body)
            happening = _happening(event, body)
            if "judgement" in body:
                judged.append(_judged(event, body))
                files = _files(body["judgement"])
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            happening = _unreadable(event, error)
        happenings.append(happening)
    return History(tuple(judged), tuple(happenings), files)


def _unreadable(event: CustodyEvent, error: Exception) -> Happening:
    says = f"THE BODY OF THIS EVENT CANNOT BE READ ({type(error).__name__}: {error})"
    return Happening(event.seq, event.at, event.kind, None, says, {}, _digest(event))


def _digest(event: CustodyEvent) -> str:
    return hashlib.sha256(event.body.encode("utf-8", "surrogatepass")).hexdigest()


def _happening(event: CustodyEvent, body: Mapping[str, Any]) -> Happening:
    actor = body["actor"]
    facts = {name: value for name, value in body.items() if name not in _SHOWN_ELSEWHERE}
    who = Actor(str(actor["user"]), str(actor["host"]), str(actor["version"]))
    return Happening(event.seq, event.at, event.kind, who, _sentence(event.kind, body), facts, _digest(event))


def _sentence(kind: str, body: Mapping[str, Any]) -> str:
    match kind:
        case EvidenceAcquired.kind:
            evidence = body["evidence"]
            how = "imported" if body.get("by_import") else "fetched"
            count = len(evidence["files"])
            return f"{how} {count} {_files_word(count)} from {evidence['source_url']}; {_outcome(body)}"
        case EvidenceVerified.kind:
            occasions = {
                "audit": "read again",
                "key": "judged again, for a key had come",
                "repair": "read again after the repair",
            }
            occasion = str(body["occasion"])
            return f"{occasions.get(occasion, occasion)}; {_outcome(body)}"
        case SourceObserved.kind:
            return f"{body['finding']}: {body['detail']}"
        case EvidenceRepaired.kind:
            paths = [str(file["path"]) for file in body["files"]]
            what = f"{len(paths)} {_files_word(len(paths))} from {body['repaired_from']}"
            return f"repaired {what}: {', '.join(paths[:5])}"
    return kind.replace("_", " ")


def _files_word(count: int) -> str:
    return "file" if count == 1 else "files"


def _outcome(body: Mapping[str, Any]) -> str:
    judgement = body["judgement"]
    codes = [*judgement["reasons"], *judgement["findings"]]
    return f"{judgement['verdict']}" + (f" ({', '.join(codes)})" if codes else "")


def _judged(event: CustodyEvent, body: Mapping[str, Any]) -> Judged:
    judgement = body["judgement"]
    acquired = event.kind == EvidenceAcquired.kind
    return Judged(
        seq=event.seq,
        at=event.at,
        occasion="acquisition" if acquired else str(body["occasion"]),
        verdict=Verdict(judgement["verdict"]),
        reasons=tuple(Reason(code) for code in judgement["reasons"]),
        findings=tuple(Finding(code) for code in judgement["findings"]),
        checks=tuple(Check(str(c["id"]), CheckResult(c["result"]), str(c["detail"])) for c in judgement["checks"]),
        key_sha256=body["evidence"]["key_sha256"] if acquired else body["key_sha256"],
    )


def _files(judgement: Mapping[str, Any]) -> tuple[FileResult, ...]:
    """Sizes beyond what RFC 8785 takes stand as text."""
    return tuple(
        FileResult(
            name=str(file["name"]),
            size=None if file["size"] is None else int(file["size"]),
            sha256=file["sha256"],
            listed_sha256=file["listed_sha256"],
            signed_sha256=file["signed_sha256"],
        )
        for file in judgement["files"]
    )
