"""A report in CASE/UCO 1.4 (caseontology.org) as JSON-LD: one bundle, object by object.

Files, the public key, accounts, who acted with which tool, and every custody event as an investigative action. What
the ontology has no property for stands in descriptions, under its label. Identifiers are UUIDs of version 5 over what
they name, so the same file has the same one in every report. Texts are made printable: RDF cannot carry the rest.
"""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from archiver.domain.custody import Actor, EvidenceAcquired
from archiver.domain.dossier import FileAccount, Happening, Heading, ItemDossier
from archiver.domain.evidence import FileRole
from archiver.domain.facts import Fact, Label
from archiver.domain.keys import PublicKey
from archiver.domain.outcome import outcome
from archiver.domain.summary import Summary
from archiver.domain.text import printable
from archiver.domain.times import format_time
from archiver.domain.verdict import CheckResult
from archiver.render.held import held_lines
from archiver.render.json_report import json_text
from archiver.render.words.en import WORDS
from archiver.version import NAME

Node = dict[str, Any]

_NAMESPACE: Final = uuid.UUID("2f0a3c5e-8b1d-5e47-9c66-d1a7f04b93ce")
_MOST_CHARS: Final = 20_000
_MOST_REMEMBERED: Final = 10_000
"""Objects that are told once although several items share them; beyond, again, which changes nothing."""

_HEX: Final = re.compile("(?:[0-9a-f]{2})+")
_UCO: Final = "https://ontology.unifiedcyberontology.org/uco"
_CONTEXT: Final = {
    "kb": f"urn:{NAME}:",
    "case-investigation": "https://ontology.caseontology.org/case/investigation/",
    **{
        f"uco-{name}": f"{_UCO}/{name}/"
        for name in ("action", "core", "identity", "observable", "tool", "types", "vocabulary")
    },
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_STATUS: Final = {"verified": "Success", "failed": "Fail"}
_ACTIONS: Final = {
    "evidence_acquired": "acquisition",
    "evidence_verified": "verification",
    "evidence_repaired": "repair",
    "evidence_surveyed": "examination",
    "query_described": "inquiry",
}
_MIME: Final = {FileRole.SIGN_FILE: "application/json", FileRole.RESULT: "application/gzip"}


class CaseReport:
    """``Renderer`` of CASE: a ``uco-core:Bundle`` with one object a line."""

    name: Final = "case"

    def __init__(self) -> None:
        self._told: set[str] = set()

    def begin(self, heading: Heading, summary: Summary) -> Iterator[str]:
        """The bundle, and the making of this report."""
        said = outcome(heading, summary).value
        head = {
            "@context": _CONTEXT,
            "@id": _kb("bundle", heading.id),
            "@type": "uco-core:Bundle",
            "uco-core:name": f"Chain-of-custody report {heading.id}".rstrip(),
            "uco-core:description": _texts(
                [heading.selection, f"{summary.items} items, {summary.files} files", f"outcome: {said}"]
            ),
        }
        yield json_text(head, indent=1).removesuffix("\n}") + ',\n "uco-core:object": ['
        for number, node in enumerate(self._of_report(heading)):
            yield ("\n  " if number == 0 else ",\n  ") + json_text(node)

    def item(self, item: ItemDossier, first: bool) -> Iterator[str]:  # noqa: ARG002 - the report's own objects go first
        """The objects of one item."""
        for node in self._of_item(item):
            yield ",\n  " + json_text(node)

    def end(self) -> Iterator[str]:
        """What closes the bundle."""
        yield "\n ]\n}\n"

    def _of_report(self, heading: Heading) -> Iterator[Node]:
        yield from self._once(_tool(heading.actor), _identity(heading.actor))
        action, record = _kb("investigative-action", "report", heading.id), _kb("provenance-record", heading.id)
        at = _moment(heading.generated_at)
        yield {
            "@id": action,
            "@type": "case-investigation:InvestigativeAction",
            "uco-core:name": "report",
            "uco-core:description": _texts([f"{heading.ledger_url}, {heading.archive_url}"]),
            "uco-action:actionStatus": "Success",
            "uco-action:startTime": at,
            "uco-action:endTime": at,
            **_performed(heading.actor),
            "uco-action:result": _reference(record),
        }
        exhibit = {"case-investigation:exhibitNumber": _text(heading.exhibit)} if heading.exhibit else {}
        yield {
            "@id": record,
            "@type": "case-investigation:ProvenanceRecord",
            "uco-core:description": _texts(_asked(heading)),
            **exhibit,
            "uco-core:object": _reference(_kb("bundle", heading.id)),
        }
        if heading.case:
            yield {
                "@id": _kb("investigation", heading.case),
                "@type": "case-investigation:Investigation",
                "uco-core:name": _text(heading.case),
                **({"case-investigation:focus": _text(heading.purpose)} if heading.purpose else {}),
                "uco-core:object": [_reference(action), _reference(record)],
            }

    def _of_item(self, item: ItemDossier) -> Iterator[Node]:
        files = {file.path or file.name: _file_id(item, file) for file in item.files}
        for file in item.files:
            yield _file(item, file)
        keys = [held.key for held in item.keys[:1]]
        for key in keys:
            yield from self._once(_public_key(key, item.signed_label))
        accounts = [one for one in (item.evidence.account, item.evidence.caller) if one]
        yield from self._once(*(_account(one) for one in accounts))
        yield _record(item, [*files.values(), *(_key_id(key) for key in keys), *map(_account_id, accounts)])
        before: str | None = None
        for event in item.history:
            if event.actor is not None:
                yield from self._once(_tool(event.actor), _identity(event.actor))
            yield _action(item, event, files, before)
            before = _event_id(item, event)

    def _once(self, *nodes: Node) -> Iterator[Node]:
        for node in nodes:
            if node["@id"] not in self._told:
                if len(self._told) < _MOST_REMEMBERED:
                    self._told.add(node["@id"])
                yield node


def _kb(kind: str, *parts: str) -> str:
    """The identifier of what *kind* and *parts* name (RFC 4122, section 4.3), whatever stands in these."""
    digest = hashlib.sha1(_NAMESPACE.bytes, usedforsecurity=False)
    for part in (kind, *parts):
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return f"kb:{kind}-{uuid.UUID(bytes=digest.digest()[:16], version=5)}"


def _text(text: str) -> str:
    return printable(text, _MOST_CHARS)


def _texts(texts: Iterable[str]) -> list[str]:
    return [_text(text) for text in texts]


def _reference(identifier: str) -> Node:
    return {"@id": identifier}


def _moment(at: datetime) -> Node:
    return {"@type": "xsd:dateTime", "@value": format_time(at)}


def _size(size: int) -> Node:
    return {"@type": "xsd:integer", "@value": str(size)}


def _names(item: ItemDossier, file: FileAccount) -> tuple[str, ...]:
    """What *file* is named by; its hash too, for an altered ledger may call two files the same."""
    return item.evidence.id, file.path or file.name, file.sha256 or ""


def _file_id(item: ItemDossier, file: FileAccount) -> str:
    return _kb("file", *_names(item, file))


def _event_id(item: ItemDossier, event: Happening) -> str:
    return _kb("investigative-action", item.evidence.id, str(event.seq))


def _key_id(key: PublicKey) -> str:
    return _kb("public-key", key.sha256)


def _account_id(account: str) -> str:
    return _kb("account", account)


def _told(facts: Sequence[Fact]) -> list[str]:
    """Each fact in a line: what has no property of its own."""
    lines = []
    for one in facts:
        value = format_time(one.value) if isinstance(one.value, datetime) else one.value
        shown = f"- ({WORDS.absences[one.absent]})" if one.absent else str(value)
        lines.append(f"{WORDS.facts[one.name]} [{WORDS.labels[one.label]}]: {shown}")
    return lines


def _file(item: ItemDossier, file: FileAccount) -> Node:
    of = _names(item, file)
    facts = {one.name: one.value for one in file.facts}
    named: Node = {
        "@id": _kb("file-facet", *of),
        "@type": "uco-observable:FileFacet",
        "uco-observable:fileName": _text(file.name),
    }
    facets = [named]
    if file.path is not None:
        named["uco-observable:filePath"] = _text(file.path)
    if isinstance(modified := facts.get("last_modified"), datetime):
        named["uco-observable:modifiedTime"] = _moment(modified)
    if file.size is not None:
        named["uco-observable:sizeInBytes"] = _size(file.size)
        hashes = [("SHA256", file.sha256), ("SHA512", facts.get("sha512"))]
        facets.append(_content("content-facet", of, file.size, hashes, _MIME.get(file.role)))
    if file.role is FileRole.SIGN_FILE:
        facets.append(_signature(item, of))
    return {
        "@id": _file_id(item, file),
        "@type": "uco-observable:File",
        "uco-core:description": _texts([WORDS.standings[file.standing], *_told(file.facts)]),
        "uco-core:hasFacet": facets,
    }


def _content(kind: str, of: Sequence[str], size: int, hashes: Iterable[tuple[str, object]], mime: str | None) -> Node:
    told = [
        {
            "@id": _kb("hash", kind, *of, method),
            "@type": "uco-types:Hash",
            "uco-types:hashMethod": method,
            "uco-types:hashValue": {"@type": "xsd:hexBinary", "@value": value.upper()},
        }
        for method, value in hashes
        if isinstance(value, str) and _HEX.fullmatch(value)
    ]
    return {
        "@id": _kb(kind, *of),
        "@type": "uco-observable:ContentDataFacet",
        **({"uco-observable:mimeType": mime} if mime else {}),
        "uco-observable:sizeInBytes": _size(size),
        **({"uco-observable:hash": told} if told else {}),
    }


def _signature(item: ItemDossier, of: Sequence[str]) -> Node:
    """Verified or not: only where it was checked."""
    result = item.signature
    checked = {CheckResult.PASS: True, CheckResult.FAIL: False}.get(result) if result else None
    said = WORDS.signatures[result.value] if result else "was never judged"
    about = f"SHA256withRSA over the ordered list of hashes in this file, which covers nothing else of it: {said}"
    if item.signed_hashes and item.signed_label is Label.FITS_KEY:
        about += ". That the key is CloudTrail's is not proved: no copy of it came from ListPublicKeys"
    return {
        "@id": _kb("signature-facet", *of),
        "@type": "uco-observable:DigitalSignatureInfoFacet",
        "uco-observable:signatureExists": item.sign_file.signature is not None,
        **({} if checked is None else {"uco-observable:signatureVerified": checked}),
        "uco-observable:signatureDescription": about,
    }


def _public_key(key: PublicKey, signed: Label) -> Node:
    hashes = [("SHA256", key.sha256), ("MD5", key.fingerprint)]
    facet = _content("key-facet", (key.sha256,), len(key.der), hashes, None)
    facet["uco-observable:dataPayload"] = base64.b64encode(key.der).decode("ascii")
    return {
        "@id": _key_id(key),
        "@type": "uco-observable:ObservableObject",
        "uco-core:name": f"{'CloudTrail' if signed is Label.SIGNED else 'unproved'} public key {key.fingerprint}",
        "uco-core:description": [
            "RSAPublicKey (PKCS#1) as DER, in base64. The MD5 is its name in sign files, no proof."
        ],
        "uco-core:hasFacet": [facet],
    }


def _account(account: str) -> Node:
    """An AWS account by its number, or an AWS identity by its ARN."""
    facet = {
        "@id": _kb("account-facet", account),
        "@type": "uco-observable:AccountFacet",
        "uco-observable:accountIdentifier": _text(account),
    }
    return {
        "@id": _account_id(account),
        "@type": "uco-observable:DigitalAccount",
        "uco-core:name": f"AWS {_text(account)}",
        "uco-core:hasFacet": [facet],
    }


def _tool_id(actor: Actor) -> str:
    return _kb("tool", NAME, actor.version)


def _tool(actor: Actor) -> Node:
    return {
        "@id": _tool_id(actor),
        "@type": "uco-tool:Tool",
        "uco-core:name": NAME,
        "uco-tool:version": _text(actor.version),
    }


def _identity_id(actor: Actor) -> str:
    return _kb("identity", actor.user, actor.host)


def _identity(actor: Actor) -> Node:
    return {
        "@id": _identity_id(actor),
        "@type": "uco-identity:Identity",
        "uco-core:name": f"{_text(actor.user)}@{_text(actor.host)}",
        "uco-core:description": ["User of an operating system at a host, as that host named them."],
    }


def _performed(actor: Actor) -> Node:
    return {
        "uco-action:performer": _reference(_identity_id(actor)),
        "uco-action:instrument": _reference(_tool_id(actor)),
    }


def _record_id(item: ItemDossier) -> str:
    return _kb("provenance-record", "item", item.evidence.id)


def _record(item: ItemDossier, objects: Iterable[str]) -> Node:
    """The item: what it consists of, where it was, what is said of it."""
    state = item.state
    codes = [*(WORDS.reasons[one] for one in state.reasons), *(WORDS.findings[one] for one in state.findings)]
    said = [f"{state.verdict.value}: {WORDS.verdicts[state.verdict]}", *codes]
    said += [*item.disagreements, *item.archive_troubles]
    return {
        "@id": _record_id(item),
        "@type": "case-investigation:ProvenanceRecord",
        "uco-core:name": f"evidence {item.evidence.id}",
        "uco-core:description": _texts([*said, *_told((*item.source, *item.query, *item.acquisition))]),
        "uco-core:objectCreatedTime": _moment(item.evidence.acquired_at),
        "uco-core:object": [_reference(one) for one in objects],
    }


def _action(item: ItemDossier, event: Happening, files: dict[str, str], before: str | None) -> Node:
    """One custody event; *before*: the action before it."""
    changed = [
        f"{one.file}: SHA-256 {one.before} before, {one.after or 'none'} after"
        for one in event.hashes
        if one.before is not None and one.before != one.after
    ]
    objects = [files[one.file] for one in event.hashes if one.file in files]
    about: Node = {"uco-action:object": [_reference(one) for one in dict.fromkeys(objects)]} if objects else {}
    if event.kind == EvidenceAcquired.kind:
        about["uco-action:result"] = _reference(_record_id(item))
    if event.kind == EvidenceAcquired.kind and item.evidence.caller:
        about["uco-action:participant"] = _reference(_account_id(item.evidence.caller))
    verdict = event.terms.get("verdict")
    status = "Unknown" if event.trouble else _STATUS.get(str(verdict), "Unknown") if verdict else "Success"
    return {
        "@id": _event_id(item, event),
        "@type": "case-investigation:InvestigativeAction",
        "uco-core:name": _ACTIONS.get(event.kind) or _text(event.kind.replace("_", " ")),
        "uco-core:description": _texts([f"custody event {event.seq}: {WORDS.sentence(event)}", *changed]),
        "uco-action:actionStatus": status,
        "uco-action:startTime": _moment(event.at),
        "uco-action:endTime": _moment(event.at),
        **(_performed(event.actor) if event.actor else {}),
        **about,
        **({"case-investigation:wasInformedBy": _reference(before)} if before else {}),
    }


def _asked(heading: Heading) -> list[str]:
    asked = {"requested by": heading.requester, "purpose": heading.purpose, "selection": heading.selection}
    lines = [f"{what}: {text}" for what, text in asked.items() if text]
    log = heading.log
    if log is not None:
        head = f"checkpoint of {log.head.size} events: {log.head.note}" if log.head else "no checkpoint"
        lines.append(
            f"log {log.origin}, {log.size} events, {head}" + (f"; {log.head_trouble}" if log.head_trouble else "")
        )
        lines += [f"{words}: {text}" for words, text in held_lines(log)]
    return lines
