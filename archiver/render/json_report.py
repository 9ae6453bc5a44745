"""Dossiers as JSON: one item for ``show``, a whole report piece by piece. Keys stand in a fixed order."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from archiver.domain.dossier import FileAccount, Happening, Heading, ItemDossier, Judged, OverviewLine, Step, Summary
from archiver.domain.evidence import Evidence, EvidenceState, Origin
from archiver.domain.keys import HeldKey, KeyProvenance
from archiver.domain.log_records import LastVerified, LogState, StoredCheckpoint
from archiver.domain.times import format_optional, format_time
from archiver.domain.verdict import Verdict
from archiver.render.statements import CHECK_LATER, NOT_COVERED, VERIFIED_MEANS

SCHEMA: Final = "cloudtrail-evidence-archiver/report/1"
"""Names the report's form; the number rises when a field changes its meaning or goes."""


class JsonReport:
    """``Renderer`` of JSON: one object, whose last field ``evidence`` is an array with one item a line."""

    name: Final = "json"

    def begin(self, heading: Heading, summary: Summary) -> Iterator[str]:
        """Everything above the items."""
        head = {
            "schema": SCHEMA,
            "generated_at": format_time(heading.generated_at),
            "tool": {"name": "cloudtrail-evidence-archiver", "version": heading.actor.version},
            "written_by": {"user": heading.actor.user, "host": heading.actor.host},
            "request": {
                "case": heading.case or None,
                "exhibit": heading.exhibit or None,
                "purpose": heading.purpose or None,
                "selection": heading.selection,
            },
            "ledger": heading.ledger_url,
            "archive": heading.archive_url,
            "log": _log(heading.log) if heading.log else None,
            "summary": _summary(summary),
            "verified_means": VERIFIED_MEANS,
            "not_covered_by_the_signature": [{"what": what, "text": text} for what, text in NOT_COVERED],
        }
        lines = json_text(head, indent=1).removesuffix("\n}")
        yield f'{lines},\n "evidence": ['

    def item(self, item: ItemDossier, first: bool) -> Iterator[str]:
        """One line."""
        yield ("\n  " if first else ",\n  ") + json_text(item_json(item))

    def end(self) -> Iterator[str]:
        """What closes the object."""
        yield "\n ]\n}\n"


def json_text(value: object, indent: int | None = None) -> str:
    """*value* as JSON that stays readable; what does not print, lone surrogates too, is escaped as JSON does it."""
    separators = (",", ": " if indent else ":")
    text = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators, allow_nan=False)
    if text.replace("\n", "").isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1] if character != "\x7f" else "\\u007f"


def _summary(summary: Summary) -> dict[str, Any]:
    return {
        "items": summary.items,
        **{v.value: summary.by_verdict[v] for v in (Verdict.VERIFIED, Verdict.FAILED, Verdict.INDETERMINATE)},
        "with_findings": summary.with_findings,
        "ledger_disagrees": summary.disagreeing,
        "files": summary.files,
        "bytes": summary.size,
        "not_verified": [_line(line) for line in summary.others],
    }


def _log(log: LogState) -> dict[str, Any]:
    head = log.head
    return {
        "origin": log.origin,
        "keys": list(log.trust.keys),
        "keys_not_asked": log.trust.unasked or None,
        "ledger_keys": [{"key": one.key, "standing": one.standing.value} for one in log.claimed],
        "size": log.size,
        "root": log.root,
        "last_verified": _verified(log.verified) if log.verified else None,
        "checkpoint": _head(log, head) if head else None,
        "check_later": f"{CHECK_LATER} --expect {log.kept_as}" if log.kept_as else None,
    }


def _verified(last: LastVerified) -> dict[str, Any]:
    return {
        "event": last.seq,
        "at": format_optional(last.at),
        "size": last.size,
        "problems": last.problems,
        "failed": last.failed,
        "not_checked": last.not_checked,
    }


def _head(log: LogState, head: StoredCheckpoint) -> dict[str, Any]:
    return {
        "size": head.size,
        "root": log.head_root,
        "at": format_optional(log.head_at),
        "note": head.note,
        "verified": not log.head_trouble,
        "trouble": log.head_trouble or None,
    }


def _line(line: OverviewLine) -> dict[str, Any]:
    return {
        "id": line.id,
        "source": line.source,
        "query_id": line.query_id,
        "prefix": line.prefix,
        "verdict": line.verdict.value,
        "reasons": list(line.reasons),
        "findings": list(line.findings),
    }


def evidence_json(evidence: Evidence, state: EvidenceState) -> dict[str, Any]:
    """What ``list --json`` and every longer account of an item have in common."""
    return {
        "id": evidence.id,
        "source": evidence.source,
        "account": evidence.account,
        "query_id": evidence.query_id,
        "revision": evidence.revision,
        "prefix": evidence.prefix,
        "path": evidence.path,
        "verdict": state.verdict.value,
        "reasons": list(state.reasons),
        "findings": list(state.findings),
        "bytes": evidence.size,
        "region": evidence.region,
        "query_complete_time": format_optional(evidence.query_complete_time),
        "fingerprint": evidence.fingerprint,
        "acquired_at": format_time(evidence.acquired_at),
        "last_audited_at": format_optional(state.last_audited_at),
        "next_audit_at": format_time(state.next_audit_at),
    }


def item_json(item: ItemDossier) -> dict[str, Any]:
    """One item whole: what ``show --json`` prints and what stands in a report's ``evidence``."""
    evidence = item.evidence
    return {
        **evidence_json(evidence, item.state),
        "source_url": evidence.source_url,
        "first_seen_at": format_time(evidence.first_seen_at),
        "caller": evidence.caller,
        "signed": {
            "signature": item.signature.value if item.signature else None,
            "hashes": list(item.signed_hashes),
            "hash_list_sha256": evidence.hash_list_sha256,
        },
        "claims": {
            "path": {"account": evidence.account, "query_id": evidence.query_id},
            "sign_file": {
                "region": evidence.region,
                "query_complete_time": format_optional(evidence.query_complete_time),
                "fingerprint": evidence.fingerprint,
            },
        },
        "files": [_file(file) for file in item.files],
        "key": _key(item.keys, item.key_folder),
        "verifications": [_judged(one) for one in item.judged],
        "custody": [_happening(event) for event in item.history],
        "ledger_disagreements": list(item.disagreements),
        "recheck": [_step(step) for step in item.steps],
    }


def _file(file: FileAccount) -> dict[str, Any]:
    return {
        "name": file.name,
        "role": file.role.value,
        "path": file.path,
        "size": file.size,
        "sha256": file.sha256,
        "listed_sha256": file.listed_sha256,
        "signed_sha256": file.signed_sha256,
        "standing": file.standing.value,
        "origin": _origin(file.origin) if file.origin else None,
    }


def _origin(origin: Origin) -> dict[str, Any]:
    return {
        "key": origin.key,
        "etag": origin.etag,
        "version_id": origin.version_id,
        "last_modified": format_optional(origin.last_modified),
        "request_id": origin.request_id,
        "request_id_2": origin.request_id_2,
        "clock_offset_ms": origin.clock_offset_ms,
        "encryption": origin.encryption,
    }


def _key(copies: Sequence[HeldKey], folder: str | None) -> dict[str, Any] | None:
    if not copies:
        return None
    key = copies[0].key
    return {
        "fingerprint": key.fingerprint,
        "sha256": key.sha256,
        "value": base64.b64encode(key.der).decode("ascii"),
        "path": folder,
        "copies": [
            {
                "region": held.key.region,
                "valid_from": format_optional(held.key.valid_from),
                "valid_until": format_optional(held.key.valid_until),
                "provenance": [_provenance(one) for one in held.provenance],
            }
            for held in copies
        ],
    }


def _provenance(provenance: KeyProvenance) -> dict[str, Any]:
    return {
        "method": provenance.method,
        "endpoint": provenance.endpoint,
        "caller": provenance.caller,
        "obtained_at": format_time(provenance.obtained_at),
        "request_id": provenance.request_id,
    }


def _judged(one: Judged) -> dict[str, Any]:
    return {
        "seq": one.seq,
        "at": format_time(one.at),
        "occasion": one.occasion,
        "verdict": one.verdict.value,
        "reasons": list(one.reasons),
        "findings": list(one.findings),
        "checks": [{"id": c.id, "result": c.result.value, "detail": c.detail} for c in one.checks],
        "key_sha256": one.key_sha256,
    }


def _happening(event: Happening) -> dict[str, Any]:
    actor = event.actor
    return {
        "seq": event.seq,
        "at": format_time(event.at),
        "kind": event.kind,
        "actor": {"user": actor.user, "host": actor.host, "version": actor.version} if actor else None,
        "says": event.says,
        "facts": dict(event.facts),
        "body_sha256": event.body_sha256,
    }


def _step(step: Step) -> dict[str, Any]:
    return {"title": step.title, "commands": list(step.commands), "expected": step.expected or None}
