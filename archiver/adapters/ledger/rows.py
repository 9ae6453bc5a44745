"""Domain values as rows and back. A row that cannot be read back raises LedgerError, naming where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from archiver.adapters.ledger.stored import (
    plain_list,
    plain_moment,
    plain_text,
    plain_time,
    stored_list,
    stored_moment,
    stored_optional,
    stored_text,
    stored_time,
)
from archiver.domain.custody import to_json
from archiver.domain.evidence import Evidence, EvidenceFile, EvidenceState, FileRole, Origin
from archiver.domain.keys import KeyProvenance, PublicKey
from archiver.domain.text import printable
from archiver.domain.verdict import Finding, Judgement, Reason, Verdict
from archiver.errors import RowUnreadableError

Row = dict[str, Any]

RESTORE: Final = (
    "archiver ledger verify tells what else is altered; put a newer backup in its place, or make the ledger anew:"
    " archiver ledger rebuild (docs/runbook.md: The ledger is lost or damaged)"
)


@contextmanager
def reading(table: str, key: object) -> Iterator[None]:
    """Raises RowUnreadableError where row *key* of *table* holds what was never written there."""
    try:
        yield
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        shown, trouble = printable(str(key), 200), printable(str(error), 200)
        told = f"ledger: the row {shown} of table {table} cannot be read: {trouble}"
        raise RowUnreadableError(told, RESTORE, key if isinstance(key, int) else None) from error


def plain_number(stored: object) -> int:
    """The number that stands in a column; SQLite keeps any value in it. Raises ``ValueError`` for no whole number."""
    if not isinstance(stored, int):
        raise ValueError("no whole number where there must be one")  # noqa: TRY004 - as for all that cannot be read
    return stored


def evidence_row(item: Evidence) -> Row:
    """The row of table ``evidence``."""
    return {
        "id": stored_text(item.id),
        "source": stored_text(item.source),
        "source_url": stored_text(item.source_url),
        "prefix": stored_text(item.prefix),
        "path": stored_text(item.path),
        "revision": item.revision,
        "account": stored_optional(item.account),
        "query_id": stored_optional(item.query_id),
        "region": stored_optional(item.region),
        "query_complete_time": stored_moment(item.query_complete_time),
        "fingerprint": stored_optional(item.fingerprint),
        "key_sha256": stored_optional(item.key_sha256),
        "hash_list_sha256": stored_optional(item.hash_list_sha256),
        "first_seen_at": stored_time(item.first_seen_at),
        "acquired_at": stored_time(item.acquired_at),
        "caller": stored_optional(item.caller),
    }


def file_rows(item: Evidence) -> list[Row]:
    """The rows of table ``files``, in the evidence's order."""
    return [
        {
            "evidence_id": stored_text(item.id),
            "position": position,
            "name": stored_text(file.name),
            "role": file.role.value,
            "path": stored_text(file.path),
            "size": file.size,
            "sha256": stored_text(file.sha256),
            "listed_sha256": stored_optional(file.listed_sha256),
            "key": stored_text(file.origin.key),
            "etag": stored_text(file.origin.etag),
            "version_id": stored_optional(file.origin.version_id),
            "last_modified": stored_moment(file.origin.last_modified),
            "request_id": stored_optional(file.origin.request_id),
            "request_id_2": stored_optional(file.origin.request_id_2),
            "clock_offset_ms": file.origin.clock_offset_ms,
            "encryption": stored_optional(file.origin.encryption),
            "retention": stored_optional(file.origin.retention),
        }
        for position, file in enumerate(item.files)
    ]


def evidence_of(row: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> Evidence:
    """The evidence that *row* and its *files*, by position, hold."""
    with reading("evidence", row["id"]):
        return Evidence(
            id=plain_text(row["id"]),
            source=plain_text(row["source"]),
            source_url=plain_text(row["source_url"]),
            prefix=plain_text(row["prefix"]),
            path=plain_text(row["path"]),
            revision=plain_number(row["revision"]),
            account=_optional(row["account"]),
            query_id=_optional(row["query_id"]),
            region=_optional(row["region"]),
            query_complete_time=plain_moment(row["query_complete_time"]),
            fingerprint=_optional(row["fingerprint"]),
            key_sha256=_optional(row["key_sha256"]),
            hash_list_sha256=_optional(row["hash_list_sha256"]),
            files=tuple(_file_of(file) for file in files),
            first_seen_at=plain_time(row["first_seen_at"]),
            acquired_at=plain_time(row["acquired_at"]),
            caller=_optional(row["caller"]),
        )


def _file_of(row: Mapping[str, Any]) -> EvidenceFile:
    with reading("files", f"{row['evidence_id']} {row['position']}"):
        return EvidenceFile(
            name=plain_text(row["name"]),
            role=FileRole(row["role"]),
            path=plain_text(row["path"]),
            size=plain_number(row["size"]),
            sha256=plain_text(row["sha256"]),
            listed_sha256=_optional(row["listed_sha256"]),
            origin=Origin(
                key=plain_text(row["key"]),
                etag=plain_text(row["etag"]),
                version_id=_optional(row["version_id"]),
                last_modified=plain_moment(row["last_modified"]),
                request_id=_optional(row["request_id"]),
                request_id_2=_optional(row["request_id_2"]),
                clock_offset_ms=None if row["clock_offset_ms"] is None else plain_number(row["clock_offset_ms"]),
                encryption=_optional(row["encryption"]),
                retention=_optional(row["retention"]),
            ),
        )


def said_of(judgement: Judgement) -> Row:
    """The columns that ``verifications`` and ``evidence_state`` share."""
    return {
        "verdict": judgement.verdict.value,
        "reasons": stored_list(to_json(judgement.reasons)),
        "findings": stored_list(to_json(judgement.findings)),
    }


def state_of(row: Mapping[str, Any]) -> EvidenceState:
    """What a row of ``evidence_state`` says."""
    with reading("evidence_state", row["evidence_id"]):
        return EvidenceState(
            verdict=Verdict(row["verdict"]),
            reasons=tuple(Reason(code) for code in plain_list(row["reasons"])),
            findings=tuple(Finding(code) for code in plain_list(row["findings"])),
            last_audited_at=plain_moment(row["last_audited_at"]),
            next_audit_at=plain_time(row["next_audit_at"]),
        )


def provenance_row(key: PublicKey, sha256: str, provenance: KeyProvenance) -> Row:
    """The row of table ``key_provenance``, without its number."""
    return {
        "sha256": stored_text(sha256),
        "claimed_fingerprint": stored_text(key.claimed_fingerprint),
        "region": stored_optional(key.region),
        "valid_from": stored_moment(key.valid_from),
        "valid_until": stored_moment(key.valid_until),
        "method": stored_text(provenance.method),
        "endpoint": stored_text(provenance.endpoint),
        "caller": stored_optional(provenance.caller),
        "obtained_at": stored_time(provenance.obtained_at),
        "request_id": stored_optional(provenance.request_id),
    }


def key_of(row: Mapping[str, Any]) -> PublicKey:
    """The key that a row of ``key_provenance`` joined to ``keys`` holds, as it was listed then."""
    with reading("key_provenance", row["seq"]):
        return PublicKey(
            der=_bytes(row["der"]),
            claimed_fingerprint=plain_text(row["claimed_fingerprint"]),
            region=_optional(row["region"]),
            valid_from=plain_moment(row["valid_from"]),
            valid_until=plain_moment(row["valid_until"]),
        )


def provenance_of(row: Mapping[str, Any]) -> KeyProvenance:
    """How the key in a row of ``key_provenance`` was obtained."""
    with reading("key_provenance", row["seq"]):
        return KeyProvenance(
            method=plain_text(row["method"]),
            endpoint=plain_text(row["endpoint"]),
            caller=_optional(row["caller"]),
            obtained_at=plain_time(row["obtained_at"]),
            request_id=_optional(row["request_id"]),
        )


def _bytes(stored: object) -> bytes:
    if not isinstance(stored, bytes):
        raise TypeError("no bytes where there must be some")
    return stored


def _optional(stored: str | None) -> str | None:
    return None if stored is None else plain_text(stored)
