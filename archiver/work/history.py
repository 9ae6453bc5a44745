"""Custody events of one item read back: the judgements among them, and what each says of whom and of which bytes.

An event whose body cannot be read is shown as such and hides no other: a damaged ledger must stay readable.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from archiver.domain.custody import (
    Actor,
    Entry,
    EvidenceAcquired,
    EvidenceRepaired,
    EvidenceVerified,
    Reported,
    SourceObserved,
    SourceRestored,
)
from archiver.domain.custody_facts import EvidenceSurveyed, Exported, QueryDescribed
from archiver.domain.custody_reading import entry_of
from archiver.domain.dossier import HASHES_SHOWN, Happening, HashChange, Judged
from archiver.domain.records import CustodyEvent
from archiver.domain.survey import FileSurvey
from archiver.domain.verdict import Check, CheckResult, FileResult, Finding, Reason, Verdict

_SHOWN_ELSEWHERE: Final = frozenset({"kind", "at", "actor", "id", "evidence", "judgement", "files", "ids"})
"""Members of a body that stand in a happening's own fields, in the item, or in its hashes."""

_DEEPEST: Final = 40
"""Deepest nesting that is shown; bodies of this program reach 6."""

_DECIDING: Final = frozenset(
    {EvidenceAcquired.kind, EvidenceVerified.kind, SourceObserved.kind, SourceRestored.kind, EvidenceRepaired.kind}
)
"""Kinds of events that decide what is said of an item: one that does not read exactly leaves that open."""

_SHA256: Final = re.compile("[0-9a-f]{64}")


@dataclass
class History:
    """``files``: as they were read at the last judgement that can be read, in the listed order. ``entries``: every
    event that can be read whole, oldest first; ``surveys``: of files by name, the latest. ``unread``: numbers of
    events that do not read as they were recorded, and that may have said something else of the item.
    """

    judged: list[Judged] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)
    files: tuple[FileResult, ...] = ()
    entries: list[tuple[Entry, Actor]] = field(default_factory=list)
    surveys: dict[str, FileSurvey] = field(default_factory=dict)
    unread: list[int] = field(default_factory=list)

    @property
    def acquired(self) -> tuple[EvidenceAcquired, Actor] | None:
        """The acquisition, if it can be read."""
        return next(((e, actor) for e, actor in self.entries if isinstance(e, EvidenceAcquired)), None)

    @property
    def described(self) -> QueryDescribed | None:
        """CloudTrail's account of the query: the last answer, else the last refusal."""
        told = [entry for entry, _ in self.entries if isinstance(entry, QueryDescribed)]
        return next((entry for entry in reversed(told) if entry.figures), told[-1] if told else None)


def history_of(events: Iterable[CustodyEvent]) -> History:
    """What *events* of one item say, oldest first."""
    history = History()
    hashes = _Hashes()
    for event in events:
        try:
            body = body_of(event.body)
            happening = _happening(event, body, hashes)
            judged, files = (_judged(event, body), _files(body["judgement"])) if "judgement" in body else (None, ())
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            history.happenings.append(_unreadable(event, error))
            history.unread.append(event.seq)
            continue
        if judged is not None:
            history.judged.append(judged)
            history.files = files
        history.happenings.append(happening)
        _take_entry(history, event, body)
    return history


def body_of(text: str) -> dict[str, Any]:
    """An event's body, read. Raises ValueError, RecursionError for what no report could show either."""
    body = json.loads(text, parse_constant=_no_constant)
    if not isinstance(body, dict):
        raise ValueError("the body is no JSON object")  # noqa: TRY004 - all that cannot be read is a ValueError here
    if _depth(body) > _DEEPEST:
        raise ValueError(f"it is nested more than {_DEEPEST} deep")
    return body


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _depth(value: object) -> int:
    """How deep *value* is nested, as far as it matters here."""
    level: list[object] = [value]
    for depth in range(_DEEPEST + 2):
        if not level:
            return depth
        parts = [one.values() if isinstance(one, dict) else one if isinstance(one, list) else () for one in level]
        level = [inner for part in parts for inner in part]
    return _DEEPEST + 1


def _take_entry(history: History, event: CustodyEvent, body: dict[str, Any]) -> None:
    """Only what reads exactly is a fact; the rest is shown as a happening alone, and ``ledger verify`` tells why."""
    try:
        entry, actor = entry_of(body)
    except (ValueError, RecursionError):
        if event.kind in _DECIDING:
            history.unread.append(event.seq)
        return
    history.entries.append((entry, actor))
    if isinstance(entry, EvidenceSurveyed):
        history.surveys.update((file.name, file) for file in entry.files)


def _unreadable(event: CustodyEvent, error: Exception) -> Happening:
    trouble = f"{type(error).__name__}: {error}"
    return Happening(event.seq, event.at, event.kind, None, {}, {}, _digest(event), trouble)


def _digest(event: CustodyEvent) -> str:
    return hashlib.sha256(event.body.encode("utf-8", "surrogatepass")).hexdigest()


def _happening(event: CustodyEvent, body: Mapping[str, Any], hashes: _Hashes) -> Happening:
    actor = body["actor"]
    facts = {name: value for name, value in body.items() if name not in _SHOWN_ELSEWHERE}
    changes = list(hashes.told(event.kind, body))
    return Happening(
        seq=event.seq,
        at=event.at,
        kind=event.kind,
        actor=Actor(str(actor["user"]), str(actor["host"]), str(actor["version"])),
        terms=_terms(event.kind, body),
        facts=facts,
        body_sha256=_digest(event),
        hashes=tuple(changes[:HASHES_SHOWN]),
        more_hashes=max(0, len(changes) - HASHES_SHOWN),
    )


def happening_of(event: CustodyEvent, body: Mapping[str, Any]) -> Happening:
    """An event that is about no file. Raises KeyError, TypeError, AttributeError for a body of another form."""
    return _happening(event, body, _Hashes())


class _Hashes:
    """The SHA-256 of each file as events tell of it, by its archive path; judgements name files, not paths."""

    def __init__(self) -> None:
        self._known: dict[str, str | None] = {}
        self._paths: dict[str, str] = {}

    def told(self, kind: str, body: Mapping[str, Any]) -> Iterator[HashChange]:
        """What *body* says, each with the hash before."""
        if kind == EvidenceAcquired.kind:
            for file in body["evidence"]["files"]:
                self._paths[str(file["name"])] = str(file["path"])
                yield self._now(str(file["path"]), file["sha256"])
        elif kind == EvidenceRepaired.kind:
            for file in body["files"]:
                self._known[str(file["path"])] = _digest_or_none(file["before"])
                yield self._now(str(file["path"]), file["after"])
        elif kind == EvidenceVerified.kind:
            for file in body["judgement"]["files"]:
                name = str(file["name"])
                yield self._now(self._paths.get(name, name), file["sha256"])
        elif kind == EvidenceSurveyed.kind:
            for file in body["files"]:
                name = str(file["name"])
                yield self._now(self._paths.get(name, name), file["sha256"])

    def _now(self, path: str, sha256: object) -> HashChange:
        before, after = self._known.get(path), _digest_or_none(sha256)
        self._known[path] = after
        return HashChange(path, before, after)


def _digest_or_none(value: object) -> str | None:
    """A SHA-256 out of a body that anyone may have written. Raises ValueError for anything else."""
    if value is None or (isinstance(value, str) and _SHA256.fullmatch(value)):
        return value
    raise ValueError("no SHA-256 where one should be")


def _terms(kind: str, body: Mapping[str, Any]) -> dict[str, str | int]:
    """What a sentence about an event of *kind* is made of; what is no word of a code stands as it is."""
    match kind:
        case EvidenceAcquired.kind:
            evidence = body["evidence"]
            how = "imported" if body.get("by_import") else "fetched"
            count = len(evidence["files"])
            return {"how": how, "count": count, "url": str(evidence["source_url"]), **_outcome(body)}
        case EvidenceVerified.kind:
            return {"occasion": str(body["occasion"]), **_outcome(body)}
        case SourceObserved.kind:
            return {"finding": str(body["finding"]), "detail": str(body["detail"])}
        case EvidenceRepaired.kind:
            paths = [str(file["path"]) for file in body["files"]]
            return {"count": len(paths), "url": str(body["repaired_from"]), "paths": ", ".join(paths[:5])}
        case QueryDescribed.kind:
            return {"query": str(body["query_id"]), "refusal": str(body["refusal"])}
        case EvidenceSurveyed.kind:
            return {"count": len(body["files"])}
        case Reported.kind:
            return {"form": str(body["format"]), "count": int(body["count"]), "sha256": str(body["sha256"])}
        case Exported.kind:
            return {"form": str(body["form"]), "count": int(body["count"]), "sha256": str(body["manifest_sha256"])}
    return {}


def _outcome(body: Mapping[str, Any]) -> dict[str, str]:
    judgement = body["judgement"]
    codes = [*map(str, judgement["reasons"]), *map(str, judgement["findings"])]
    return {"verdict": str(judgement["verdict"]), "codes": ", ".join(codes)}


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
        key_sha256=_digest_or_none(body["evidence"]["key_sha256"] if acquired else body["key_sha256"]),
    )


def _files(judgement: Mapping[str, Any]) -> tuple[FileResult, ...]:
    """Sizes beyond what RFC 8785 takes stand as text."""
    return tuple(
        FileResult(
            name=str(file["name"]),
            size=None if file["size"] is None else int(file["size"]),
            sha256=_digest_or_none(file["sha256"]),
            listed_sha256=_digest_or_none(file["listed_sha256"]),
            signed_sha256=_digest_or_none(file["signed_sha256"]),
        )
        for file in judgement["files"]
    )
