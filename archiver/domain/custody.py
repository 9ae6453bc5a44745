"""Custody entries: everything that happened to evidence, keys and the ledger itself, as values.

An entry is what the ledger records, whole: it carries the facts (hashes, verdict, checks, actor, time), not
pointers to rows that may change. :func:`body` is the form in which it is kept, before canonicalisation. Each
field is JSON already or turned into it by :func:`_plain`; times are RFC 3339 in UTC.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any, ClassVar, Final

from archiver.domain.evidence import Evidence
from archiver.domain.keys import KeyProvenance, PublicKey
from archiver.domain.later import is_later
from archiver.domain.times import format_time
from archiver.domain.verdict import Finding, Judgement

_LARGEST: Final = 2**53 - 1
"""RFC 8785 takes integers that every JSON reader keeps exact; beyond that they are written as text."""

_ESCAPED: Final = "escaped:"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted: the operating system's user and host, and this program's version."""

    user: str
    host: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What all entries have: when it happened. ``kind`` is the entry's name in the ledger."""

    kind: ClassVar[str]
    at: datetime

    @property
    def evidence_id(self) -> str | None:
        """The evidence that this is about, None where it is about none."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySeen(Entry):
    """A delivery that is still arriving was seen for the first time."""

    kind: ClassVar[str] = "delivery_seen"
    source: str
    prefix: str
    objects: int
    size: int
    waiting_for: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryVanished(Entry):
    """A delivery that was still arriving is not there any more; nothing of it could be archived."""

    kind: ClassVar[str] = "delivery_vanished"
    source: str
    prefix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceAcquired(Entry):
    """A delivery is in the archive: its files are on disk, and this is what was judged of it."""

    kind: ClassVar[str] = "evidence_acquired"
    evidence: Evidence
    judgement: Judgement
    listing_digest: str
    next_audit_at: datetime
    by_import: bool = False

    @property
    def evidence_id(self) -> str | None:
        return self.evidence.id


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceVerified(Entry):
    """An archived item was judged again. ``occasion``: ``audit``, ``key`` (a key has come) or ``repair``.

    ``key_sha256``: the key it was judged with, None where there was none.
    """

    kind: ClassVar[str] = "evidence_verified"
    id: str
    occasion: str
    judgement: Judgement
    key_sha256: str | None
    next_audit_at: datetime

    @property
    def evidence_id(self) -> str | None:
        return self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceObserved(Entry):
    """Seen at the source after acquisition: ``source_changed``, ``source_deleted``, or ``replayed_hash_list``.

    What concerns the source stands until it is taken back; a replay until the item is judged again, which finds
    it by itself.
    """

    kind: ClassVar[str] = "source_observed"
    id: str
    finding: Finding
    detail: str

    @property
    def evidence_id(self) -> str | None:
        return self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRestored(Entry):
    """What was reported as deleted stands in the source again, the very same: ``source_deleted`` ends."""

    kind: ClassVar[str] = "source_restored"
    id: str

    @property
    def evidence_id(self) -> str | None:
        return self.id


@dataclass(frozen=True, slots=True)
class RepairedFile:
    """``before``: SHA-256 of the damaged bytes, None where there were none; they lie at ``set_aside``."""

    path: str
    before: str | None
    after: str
    set_aside: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRepaired(Entry):
    """Damaged files were replaced by bytes that hash to what was acquired. ``repaired_from``: a URL."""

    kind: ClassVar[str] = "evidence_repaired"
    id: str
    repaired_from: str
    files: tuple[RepairedFile, ...]

    @property
    def evidence_id(self) -> str | None:
        return self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHarvested(Entry):
    """A public key was obtained, or obtained again in another way."""

    kind: ClassVar[str] = "key_harvested"
    key: PublicKey
    sha256: str
    provenance: KeyProvenance


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRejected(Entry):
    """A listed key that cannot be what it is called: its fingerprint is another, or it is no RSA key."""

    kind: ClassVar[str] = "key_rejected"
    key: PublicKey
    provenance: KeyProvenance
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFailed(Entry):
    """A source could not be reached. Recorded when it begins, not at each try."""

    kind: ClassVar[str] = "source_failed"
    source: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecovered(Entry):
    """A source that could not be reached answers again."""

    kind: ClassVar[str] = "source_recovered"
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported(Entry):
    """A report was written about *count* items. ``sha256``: of the report's bytes, which name them all.

    ``ids``: all of them, or none where they are too many for one entry. ``selection``: how they were chosen.
    """

    kind: ClassVar[str] = "reported"
    ids: tuple[str, ...]
    count: int
    selection: str
    format: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonStarted(Entry):
    """The daemon began. ``configuration_sha256``: of the settings in force, secrets left out."""

    kind: ClassVar[str] = "daemon_started"
    pid: int
    configuration_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonStopped(Entry):
    """The daemon ended in good order."""

    kind: ClassVar[str] = "daemon_stopped"
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationChanged(Entry):
    """The settings in force are others than before. ``changed``: names of the sections that differ."""

    kind: ClassVar[str] = "configuration_changed"
    before_sha256: str
    after_sha256: str
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerMigrated(Entry):
    """The ledger's schema was made or changed. ``before`` is None for a new ledger."""

    kind: ClassVar[str] = "ledger_migrated"
    before: str | None
    after: str


def body(entry: Entry, actor: Actor) -> dict[str, Any]:
    """*entry* as a JSON object: its kind, its actor, and every field under its own name."""
    return {"kind": entry.kind, "actor": _plain(actor), **_plain(entry)}


def to_json(value: object) -> Any:
    """A domain value as JSON types, by the same rules as :func:`body`."""
    return _plain(value)


class _Forms(dict[type[Any], Callable[[Any], Any]]):
    """How values of each type are written, as far as it was asked: bodies are made often."""

    def __missing__(self, kind: type[Any]) -> Callable[[Any], Any]:
        form = self[kind] = _form_of(kind)
        return form


_FORM: Final = _Forms()


def _plain(value: Any) -> Any:
    return _FORM[type(value)](value)


def _form_of(kind: type[Any]) -> Callable[[Any], Any]:
    """How values of *kind* are written. Raises TypeError for those that have no form in the ledger."""
    if kind in (type(None), bool):
        return _same
    for base, form in _FORMS:
        if issubclass(kind, base):
            return form
    if is_dataclass(kind):
        form = _object_form([field.name for field in fields(kind)])
        left_out = [field.name for field in fields(kind) if is_later(field)]
        return _without_none(form, left_out) if left_out else form
    raise TypeError(f"{kind.__name__} has no form in the ledger")


def _object_form(names: Sequence[str]) -> Callable[[Any], dict[str, Any]]:
    def form(value: Any) -> dict[str, Any]:
        return {name: _FORM[type(part := getattr(value, name))](part) for name in names}

    return form


def _without_none(form: Callable[[Any], dict[str, Any]], left_out: Sequence[str]) -> Callable[[Any], dict[str, Any]]:
    """*form* without the members *left_out* where they are None."""

    def shorter(value: Any) -> dict[str, Any]:
        written = form(value)
        for name in left_out:
            if written[name] is None:
                del written[name]
        return written

    return shorter


def _same(value: Any) -> Any:
    return value


def _number(value: int) -> int | str:
    return value if -_LARGEST <= value <= _LARGEST else str(value)


def _text(value: str) -> str:
    """*value*, unless it has lone surrogates (a name that is not UTF-8), which JSON in UTF-8 cannot carry.

    Those are escaped with backslashes behind a mark, and so is text that begins with the mark: no two texts
    become one.
    """
    if not value.startswith(_ESCAPED) and (
        value.isascii() or value.encode("utf-8", "replace").decode("utf-8") == value
    ):
        return value
    return _ESCAPED + value.replace("\\", "\\\\").encode("utf-8", "backslashreplace").decode("utf-8")


_JUDGED: Final[Callable[[Any], dict[str, Any]]] = _object_form([field.name for field in fields(Judgement)])

_FORMS: Final[Sequence[tuple[type, Callable[[Any], Any]]]] = (
    (int, _number),
    (Enum, lambda value: value._value_),  # what ``value`` answers, four times as fast
    (str, _text),
    (bytes, lambda value: base64.b64encode(value).decode("ascii")),
    (datetime, format_time),
    (date, date.isoformat),
    (Mapping, lambda value: {_text(str(key)): _plain(part) for key, part in value.items()}),
    (Sequence, lambda value: [_plain(part) for part in value]),
    (Judgement, lambda value: {"verdict": value.verdict.value, **_JUDGED(value)}),
)
"""By the first type that a value is of; others are dataclasses, each field under its own name."""
