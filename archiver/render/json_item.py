"""One item as JSON values: what ``show --json`` prints and what stands in a report's ``evidence``.

Members stand in a fixed order and are always there. Sentences are English, whatever a report's language is.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from archiver.domain.dossier import FileAccount, Fixity, Happening, ItemDossier, Judged, Proof, SignFileAccount, Step
from archiver.domain.evidence import Evidence, EvidenceState
from archiver.domain.facts import Fact
from archiver.domain.keys import HeldKey, KeyProvenance
from archiver.domain.times import format_optional, format_time
from archiver.render.words.en import WORDS


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
    """One item whole."""
    return {
        **evidence_json(item.evidence, item.state),
        "facts": {
            "source": facts_json(item.source),
            "query": facts_json(item.query),
            "acquisition": facts_json(item.acquisition),
        },
        "signed": {
            "signature": item.signature.value if item.signature else None,
            "hashes": list(item.signed_hashes),
            "label": item.signed_label.value if item.signed_hashes else None,
            "hash_list_sha256": item.evidence.hash_list_sha256,
        },
        "sign_file": _sign_file(item.sign_file),
        "files": [_file(file) for file in item.files],
        "key": _key(item.keys, item.key_folder),
        "verifications": [_judged(one) for one in item.judged],
        "fixity": _fixity(item.fixity),
        "custody": [_happening(event) for event in item.history],
        "ledger_disagreements": list(item.disagreements),
        "archive_troubles": list(item.archive_troubles),
        "files_read": item.is_read,
        "proof": _proof(item.proof),
        "recheck": [_step(step) for step in item.steps],
    }


def facts_json(facts: Sequence[Fact]) -> list[dict[str, Any]]:
    """Each with its value (a time as RFC 3339), whose word it is, and why there is none."""
    return [
        {
            "name": one.name,
            "value": one.value if one.value is None or isinstance(one.value, str | int) else format_time(one.value),
            "label": one.label.value,
            "absent": one.absent.value if one.absent else None,
        }
        for one in facts
    ]


def _file(file: FileAccount) -> dict[str, Any]:
    return {
        "name": file.name,
        "role": file.role.value,
        "path": file.path,
        "key": file.origin.key if file.origin else None,
        "size": file.size,
        "sha256": file.sha256,
        "listed_sha256": file.listed_sha256,
        "signed_sha256": file.signed_sha256,
        "standing": file.standing.value,
        "facts": facts_json(file.facts),
    }


def _sign_file(account: SignFileAccount) -> dict[str, Any]:
    return {
        "text": account.text,
        "sha256": account.sha256,
        "signing_string": account.signing_string,
        "signature": account.signature,
        "absent": account.absent.value if account.absent else None,
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


def _fixity(fixity: Fixity) -> dict[str, Any]:
    return {
        "count": fixity.count,
        "first": _named(fixity.first),
        "last": _named(fixity.last),
        "last_good": _named(fixity.last_good),
        "first_bad": _named(fixity.first_bad),
        "failures": [_named(one) for one in fixity.failures],
        "due_at": format_time(fixity.due_at),
        "overdue": fixity.overdue,
    }


def _named(one: Judged | None) -> dict[str, Any] | None:
    """Enough to find *one* among the verifications."""
    return None if one is None else {"seq": one.seq, "at": format_time(one.at), "verdict": one.verdict.value}


def _happening(event: Happening) -> dict[str, Any]:
    actor = event.actor
    return {
        "seq": event.seq,
        "at": format_time(event.at),
        "kind": event.kind,
        "actor": {"user": actor.user, "host": actor.host, "version": actor.version} if actor else None,
        "says": WORDS.sentence(event),
        "terms": dict(event.terms),
        "hashes": [{"file": one.file, "before": one.before, "after": one.after} for one in event.hashes],
        "more_hashes": event.more_hashes,
        "facts": dict(event.facts),
        "body_sha256": event.body_sha256,
        "trouble": event.trouble or None,
    }


def _proof(proof: Proof) -> dict[str, Any]:
    """The proof file as an object: written again as canonical JSON and a newline, it is the file byte for byte."""
    return {
        "file": None if proof.data is None else json.loads(proof.data),
        "size": proof.size,
        "trouble": proof.trouble or None,
    }


def _step(step: Step) -> dict[str, Any]:
    return {"title": step.title, "commands": list(step.commands), "expected": step.expected or None}
