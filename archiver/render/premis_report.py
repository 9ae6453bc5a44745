"""A report in PREMIS 3 (loc.gov/standards/premis) as XML: objects, then events, then agents.

An item is a representation, its files are files, and each custody event is one event, or several where it judged: the
check of the signature stands by itself. What PREMIS has no element for stands among the significant properties, under
its label. Types of events are those of the Library of Congress's vocabulary where it has a fitting one.

PREMIS wants all objects before the first event, so events wait in memory, compressed: some 100 bytes each.
"""

from __future__ import annotations

import html
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from archiver.domain.custody import Actor
from archiver.domain.dossier import FileAccount, Happening, Heading, ItemDossier, Judged
from archiver.domain.evidence import FileRole
from archiver.domain.facts import Fact, Label
from archiver.domain.outcome import outcome
from archiver.domain.summary import Summary
from archiver.domain.text import printable
from archiver.domain.times import format_time
from archiver.render.held import held_lines
from archiver.render.words.en import WORDS
from archiver.version import NAME

_MOST_CHARS: Final = 20_000
_BLOCK_CHARS: Final = 256 * 1024
_MOST_AGENTS: Final = 10_000
"""Agents that are told of at most; an event of a further one names it all the same."""

_VOCABULARY: Final = "http://id.loc.gov/vocabulary/preservation"
_TYPES: Final = {
    "capture": "cap",
    "ingestion": "ing",
    "fixity check": "fix",
    "digital signature validation": "dig",
    "message digest calculation": "mes",
    "recovery": "rec",
}
"""Terms of eventType and their codes (id.loc.gov/vocabulary/preservation/eventType)."""

_DIGESTS: Final = {"SHA-256": "sha256", "SHA-512": "sha512"}
_ROOT: Final = (
    '<premis xmlns="http://www.loc.gov/premis/v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' version="3.0">\n'
)


class PremisReport:
    """``Renderer`` of PREMIS."""

    name: Final = "premis"

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._pending: list[str] = []
        self._pending_chars = 0
        self._agents: dict[str, str] = {_SIGNER: _agent(_SIGNER, "AWS CloudTrail", "organization")}

    def begin(self, heading: Heading, summary: Summary) -> Iterator[str]:
        """The document's head, and the report as an intellectual entity."""
        yield '<?xml version="1.0" encoding="UTF-8"?>\n' + _ROOT
        asked = {
            "case": heading.case,
            "exhibit": heading.exhibit,
            "purpose": heading.purpose,
            "requester": heading.requester,
            "selection": heading.selection,
            "outcome": outcome(heading, summary).value,
            "items": str(summary.items),
            **{verdict.value: str(count) for verdict, count in summary.by_verdict.items()},
            "ledger": heading.ledger_url,
            "archive": heading.archive_url,
            **({"log": heading.log.origin or "", "log size": str(heading.log.size)} if heading.log else {}),
            **({"checkpoint": heading.log.head.note} if heading.log and heading.log.head else {}),
            **({"checkpoint trouble": heading.log.head_trouble} if heading.log else {}),
        }
        properties = [_property(name, value) for name, value in asked.items() if value]
        properties += [_property(*line) for line in held_lines(heading.log)] if heading.log else []
        yield _object("intellectualEntity", _of_object("report", heading.id or "-") + "".join(properties))
        report = _Event(heading.generated_at, "report", f"report {heading.id}".rstrip())
        self._tell(report.xml(self._agent_of(heading.actor), [("report", heading.id or "-")]))

    def item(self, item: ItemDossier, first: bool) -> Iterator[str]:  # noqa: ARG002 - the head needs no comma
        """The objects of one item; its events wait."""
        yield _representation(item)
        for file in item.files:
            yield _object("file", _file(item, file))
        by_path = {file.path or file.name: _file_name(item, file) for file in item.files}
        judged = {one.seq: one for one in item.judged}
        signer = [_SIGNER] if item.signed_label is Label.SIGNED else []
        for event in item.history:
            agents = self._agent_of(event.actor) if event.actor else []
            touched = [by_path[one.file] for one in event.hashes if one.file in by_path]
            objects = [("evidence", item.evidence.id), *(("evidence file", name) for name in dict.fromkeys(touched))]
            for one in _events(event, judged.get(event.seq)):
                self._tell(one.xml([*agents, *signer] if one.type == _TYPE_SIGNATURE else agents, objects))

    def end(self) -> Iterator[str]:
        """The events, the agents, and what closes the document."""
        for block in self._blocks:
            yield zlib.decompress(block).decode("utf-8")
        yield from self._pending
        yield from self._agents.values()
        yield "</premis>\n"

    def _tell(self, text: str) -> None:
        self._pending.append(text)
        self._pending_chars += len(text)
        if self._pending_chars >= _BLOCK_CHARS:
            self._blocks.append(zlib.compress("".join(self._pending).encode("utf-8")))
            self._pending, self._pending_chars = [], 0

    def _agent_of(self, actor: Actor) -> list[str]:
        """Who acted, and with what."""
        person = f"{printable(actor.user)}@{printable(actor.host)}"
        software = f"{NAME} {printable(actor.version)}"
        if len(self._agents) < _MOST_AGENTS:
            self._agents.setdefault(person, _agent(person, person, "person"))
            self._agents.setdefault(software, _agent(software, NAME, "software", actor.version))
        return [person, software]


_SIGNER: Final = "AWS CloudTrail"
_TYPE_SIGNATURE: Final = "digital signature validation"


class _Event:
    """One event. ``type``: a term of the vocabulary, or a word of ours; ``name``: its identifier."""

    def __init__(self, at: datetime, type_: str, name: str, outcome: str = "", notes: Sequence[str] = ()) -> None:
        self.at, self.type, self.name, self.outcome, self.notes = at, type_, name, outcome, notes

    def xml(self, agents: Sequence[str], objects: Sequence[tuple[str, str]]) -> str:
        """It, linked to *agents* and to *objects* (type, value)."""
        details = "".join(
            f"<eventOutcomeDetail>{_element('eventOutcomeDetailNote', note)}</eventOutcomeDetail>"
            for note in self.notes
        )
        outcome = _element("eventOutcome", self.outcome) if self.outcome else ""
        information = f"<eventOutcomeInformation>{outcome}{details}</eventOutcomeInformation>"
        return (
            f"<event>{_identifier('eventIdentifier', 'custody event', self.name)}"
            f"{_event_type(self.type)}{_element('eventDateTime', format_time(self.at))}"
            f"{information if outcome or details else ''}"
            + "".join(_identifier("linkingAgentIdentifier", "agent", agent) for agent in agents)
            + "".join(_identifier("linkingObjectIdentifier", kind, value) for kind, value in objects)
            + "</event>\n"
        )


def _events(event: Happening, judged: Judged | None) -> Iterator[_Event]:
    """What *event* is in PREMIS: first what happened, then what was judged at that."""
    name = str(event.seq)
    changed = [
        f"{one.file}: SHA-256 {one.before} before, {one.after or 'none'} after"
        for one in event.hashes
        if one.before is not None and one.before != one.after
    ]
    notes = [WORDS.sentence(event), *changed]
    match event.kind:
        case "evidence_acquired":
            imported = event.terms.get("how") == "imported"
            yield _Event(event.at, "ingestion" if imported else "capture", name, "", notes)
        case "evidence_verified" if judged is not None:
            pass
        case "evidence_repaired":
            yield _Event(event.at, "recovery", name, "", notes)
        case "evidence_surveyed":
            yield _Event(event.at, "message digest calculation", name, "", notes)
        case _:
            outcome = "unreadable" if event.trouble else ""
            yield _Event(event.at, event.kind.replace("_", " "), name, outcome, notes)
    if judged is None:
        return
    checks = [
        f"{check.id}: {check.result.value}: {check.detail}" for check in judged.checks if check.id != "signature"
    ]
    first = event.kind == "evidence_verified"
    yield _Event(
        event.at,
        "fixity check",
        name if first else f"{name}/fixity",
        judged.verdict.value,
        [*(notes if first else []), *(str(code) for code in (*judged.reasons, *judged.findings)), *checks],
    )
    for check in judged.checks:
        if check.id == "signature":
            yield _Event(event.at, _TYPE_SIGNATURE, f"{name}/signature", check.result.value, [check.detail])


def _representation(item: ItemDossier) -> str:
    state = item.state
    said = [
        _property("verdict", state.verdict.value),
        *(_property("reason", f"{code}: {WORDS.reasons[code]}") for code in state.reasons),
        *(_property("finding", f"{code}: {WORDS.findings[code]}") for code in state.findings),
        *(_property("disagreement within the ledger", text) for text in item.disagreements),
        *(_property("trouble with the archive", text) for text in item.archive_troubles),
        *(_fact(one) for one in (*item.source, *item.query, *item.acquisition)),
    ]
    parts = "".join(
        _identifier("relatedObjectIdentifier", "evidence file", _file_name(item, file)) for file in item.files
    )
    related = (
        f"<relationship>{_term('relationshipType', 'structural', 'relationshipType', 'str')}"
        f"{_term('relationshipSubType', 'has part', 'relationshipSubType', 'hsp')}{parts}</relationship>"
    )
    return _object(
        "representation",
        _of_object("evidence", item.evidence.id)
        + "".join(said)
        + _element("originalName", item.evidence.prefix or "-")
        + _storage("path in the archive", item.evidence.path)
        + (related if parts else "")
        + "".join(_identifier("linkingEventIdentifier", "custody event", str(one.seq)) for one in item.history),
    )


def _file_name(item: ItemDossier, file: FileAccount) -> str:
    return f"{item.evidence.id}/{file.path or file.name}"


def _file(item: ItemDossier, file: FileAccount) -> str:
    facts = {one.name: one for one in file.facts}
    packed = facts["packing"].value == "intact" if "packing" in facts else False
    digests = [("SHA-256", file.sha256, NAME), ("SHA-512", _value(facts.get("sha512")), NAME)]
    if file.signed_sha256:
        digests.insert(0, ("SHA-256", file.signed_sha256, f"{_signer(item)} (signed)"))
    elif file.listed_sha256:
        digests.insert(0, ("SHA-256", file.listed_sha256, "sign file (claimed, not signed)"))
    fixity = "".join(
        f"<fixity>{_digest(algorithm)}{_element('messageDigest', value)}"
        f"{_element('messageDigestOriginator', originator)}</fixity>"
        for algorithm, value, originator in digests
        if value
    )
    size = "" if file.size is None else _element("size", str(file.size))
    characteristics = (
        f"<objectCharacteristics>{_element('compositionLevel', '1' if packed else '0')}{fixity}{size}"
        f"<format><formatDesignation>{_element('formatName', _format(file))}</formatDesignation></format>"
        f"</objectCharacteristics>"
    )
    properties = [_property("role", file.role.value), _property("standing", WORDS.standings[file.standing])]
    return (
        _of_object("evidence file", _file_name(item, file))
        + "".join([*properties, *(_fact(one) for one in file.facts)])
        + characteristics
        + _element("originalName", file.origin.key if file.origin else file.name)
        + (_storage("path in the archive", file.path) if file.path is not None else "")
        + (_signature(item) if file.role is FileRole.SIGN_FILE else "")
    )


def _value(fact: Fact | None) -> str | None:
    return str(fact.value) if fact and fact.value is not None else None


def _format(file: FileAccount) -> str:
    return {FileRole.SIGN_FILE: "application/json", FileRole.RESULT: "application/gzip"}.get(file.role, "unknown")


def _signer(item: ItemDossier) -> str:
    """Whose signature it is, as far as the key's provenance shows."""
    if item.signed_label is Label.SIGNED:
        return _SIGNER
    return f"holder of {'a key that an operator imported' if item.keys else 'a key that is not on record'}"


def _signature(item: ItemDossier) -> str:
    """What stands in the sign file: it signs the hashes of the results, not the file it stands in."""
    account = item.sign_file
    if account.signature is None or account.signing_string is None:
        return ""
    key = f"public key: MD5 {item.evidence.fingerprint or 'none'}"
    rules = "RSASSA-PKCS1-v1_5 with SHA-256 over the ordered hashes of the results, one blank between; nothing else"
    return (
        f"<signatureInformation><signature>{_element('signatureEncoding', 'hex')}{_element('signer', _signer(item))}"
        f"{_element('signatureMethod', 'SHA256withRSA')}{_element('signatureValue', account.signature)}"
        f"{_element('signatureValidationRules', rules)}"
        f"{_element('signatureProperties', f'signed: {account.signing_string}')}"
        f"{_element('signatureProperties', key)}"
        f"</signature></signatureInformation>"
    )


def _agent(identifier: str, name: str, type_: str, version: str = "") -> str:
    return (
        f"<agent>{_identifier('agentIdentifier', 'agent', identifier)}{_element('agentName', name)}"
        f"{_element('agentType', type_)}{_element('agentVersion', version) if version else ''}</agent>\n"
    )


def _fact(fact: Fact) -> str:
    value = format_time(fact.value) if isinstance(fact.value, datetime) else fact.value
    shown = f"- ({WORDS.absences[fact.absent]})" if fact.absent else str(value)
    return _property(f"{WORDS.facts[fact.name]} [{WORDS.labels[fact.label]}]", shown)


def _property(type_: str, value: str) -> str:
    return (
        f"<significantProperties>{_element('significantPropertiesType', type_)}"
        f"{_element('significantPropertiesValue', value)}</significantProperties>"
    )


def _storage(type_: str, value: str) -> str:
    return (
        f"<storage><contentLocation>{_element('contentLocationType', type_)}"
        f"{_element('contentLocationValue', value)}</contentLocation></storage>"
    )


def _event_type(type_: str) -> str:
    return _term("eventType", type_, "eventType", _TYPES[type_]) if type_ in _TYPES else _element("eventType", type_)


def _digest(algorithm: str) -> str:
    return _term("messageDigestAlgorithm", algorithm, "cryptographicHashFunctions", _DIGESTS[algorithm])


def _term(name: str, text: str, vocabulary: str, code: str) -> str:
    uri = f"{_VOCABULARY}/{vocabulary}"
    return f'<{name} authority="{vocabulary}" authorityURI="{uri}" valueURI="{uri}/{code}">{_escaped(text)}</{name}>'


def _of_object(type_: str, value: str) -> str:
    return _identifier("objectIdentifier", type_, value)


def _identifier(name: str, type_: str, value: str) -> str:
    return f"<{name}>{_element(f'{name}Type', type_)}{_element(f'{name}Value', value)}</{name}>"


def _object(kind: str, content: str) -> str:
    return f'<object xsi:type="{kind}">{content}</object>\n'


def _element(name: str, text: str) -> str:
    return f"<{name}>{_escaped(text)}</{name}>"


def _escaped(text: str) -> str:
    """XML 1.0 cannot carry control characters, not even escaped: those become visible."""
    return html.escape(printable(text, _MOST_CHARS))
