"""What dossiers are made of in tests: a delivery, what happened to it, and a ledger and a store that hold it.

The delivery is the vector ``honest-two_files``, so its hashes, signature and key are genuine; what happened to it
is made up.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from archiver.domain import custody
from archiver.domain.custody import (
    Actor,
    EvidenceAcquired,
    EvidenceVerified,
)
from archiver.domain.custody_facts import EvidenceSurveyed, QueryDescribed, QueryFigures
from archiver.domain.dossier import ItemDossier, Proof
from archiver.domain.evidence import Evidence, EvidenceFile, EvidenceState, FileRole, Origin
from archiver.domain.keys import LISTED, HeldKey, KeyProvenance, PublicKey
from archiver.domain.records import CustodyEvent, EvidenceRecord, Selection
from archiver.domain.times import parse_time
from archiver.domain.verdict import Check, CheckResult, FileResult, Finding, Judgement, Verdict, judgement
from archiver.errors import LedgerAlteredError, MediumError
from archiver.log.item_proof import ItemProof, ProvenEvent, encode
from archiver.log.leaf import leaf_of
from archiver.log.tree import leaf_hash
from archiver.verify.survey import Surveyor
from archiver.work.dossier import Dossiers
from archiver.work.keys import key_files
from tests.support.made_log import ORIGIN, make_log

VECTOR = Path(__file__).parents[1] / "vectors" / "honest-two_files"
FOLDER = "AWSLogs/111122223333/CloudTrail-Lake/Query/2022/11/04/6b374ff3-7b30-5eb0-8bc2-75df8e885d17/"
NAMES = ("result_sign.json", "result_1.csv.gz", "result_2.csv.gz")
DELIVERED: Mapping[str, bytes] = {name: (VECTOR / "delivery" / FOLDER / name).read_bytes() for name in NAMES}

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
"""When the report is made."""
ACQUIRED = datetime(2022, 11, 4, 15, 20, 30, 250_000, tzinfo=UTC)
ACTOR = Actor("archiver", "archive-1.example", "1.2.3")
CALLER = "arn:aws:iam::444455556666:role/evidence-reader"

HOSTILE = (
    "=cmd|'/c calc'!A1 </b><script>alert(1)</script>]]><!-- -- \"'&amp;<img src=http://evil.example/x onerror=y>"
    "\x1b[2J\u202e\u2066\n\r\t\x00\x07\x7f\x85\ufffe\udcff\U000e0001"
    '{{ 7*7 }}{% raw %}#import "x" $x$ \\u0041 @x *b* `touch x`'
)
"""What may stand in any name, path, query or answer: markup of every renderer, control and bidi characters."""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _key() -> HeldKey:
    listed = json.loads((VECTOR / "keys.json").read_text())["PublicKeyList"][0]
    key = PublicKey(
        b64decode(listed["Value"]),
        listed["Fingerprint"],
        listed["Region"],
        parse_time(listed["ValidityStartTime"]),
        parse_time(listed["ValidityEndTime"]),
    )
    endpoint = "https://cloudtrail.ap-northeast-1.amazonaws.com"
    return HeldKey(key, (KeyProvenance(LISTED, endpoint, CALLER, ACQUIRED - timedelta(hours=1), "req-key-1"),))


KEY = _key()
SIGNED = {f["fileName"]: f["fileHashValue"] for f in json.loads(DELIVERED[NAMES[0]])["files"]}
HASH_LIST_SHA256 = sha256(" ".join(SIGNED.values()).encode())


class MadeStore:
    """Files by their path, as far as a dossier or a survey asks; the key lies in one that is not empty."""

    url = "file:///srv/archive"

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = {**key_files(KEY.key), **files} if files else {}

    def open(self, path: str, *, from_medium: bool = False) -> BinaryIO:
        if not self.files:
            raise MediumError("the archive folder is empty or not there")
        if path not in self.files:
            raise FileNotFoundError(path)
        return io.BytesIO(self.files[path])


class MadeLedger:
    """The ledger of a few items, as far as a dossier or a survey asks: the real ones have their own suites."""

    url = "sqlite:////srv/ledger.db"

    def __init__(self, items: Mapping[str, tuple[EvidenceRecord, list[CustodyEvent]]], *copies: HeldKey) -> None:
        self.evidence = self.keys = self.journal = self.log = self
        self.items, self.copies = dict(items), copies
        self.disagreeing: dict[str, tuple[str, ...]] = {}
        self.recorded: list[custody.Entry] = []
        self.shared: list[CustodyEvent] = []
        self._leaves = {
            event.seq: leaf_hash(leaf_of(event.body.encode("utf-8", "surrogatepass")))
            for _, told in self.items.values()
            for event in told
        }

    def get(self, evidence_id: str) -> EvidenceRecord:
        return self.items[evidence_id][0]

    def select(
        self, selection: Selection, unreadable: Callable[[str, str], None] | None = None
    ) -> Iterator[EvidenceRecord]:
        wanted = selection.verdict
        return iter([record for record, _ in self.items.values() if wanted in (None, record.state.verdict)])

    def events(self, of: str | Sequence[str]) -> list[CustodyEvent]:
        """Of an item; none of keys, which came from elsewhere."""
        return self.items[of][1] if isinstance(of, str) else []

    def disagreements(self, evidence_id: str) -> tuple[str, ...]:
        return self.disagreeing.get(evidence_id, ())

    def disagreements_of(self, ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        return {one: self.disagreeing[one] for one in ids if one in self.disagreeing}

    def by_fingerprint(self, fingerprint: str) -> list[HeldKey]:
        return [held for held in self.copies if held.key.claimed_fingerprint == fingerprint]

    def hashes(self, nodes: Iterable[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        """Of leaves, as the events were when this ledger was made."""
        try:
            return {(level, seq): self._leaves[seq] for level, seq in nodes}
        except KeyError as error:
            raise LedgerAlteredError("no such node") from error

    def of_kind(self, kind: str) -> Iterator[tuple[int, str]]:
        """Of events about many items, which are told apart from each item's own."""
        for event in self.shared:
            self._leaves.setdefault(event.seq, leaf_hash(leaf_of(event.body.encode("utf-8", "surrogatepass"))))
        return iter([(event.seq, event.body) for event in self.shared if event.kind == kind])

    def record(self, entries: Sequence[custody.Entry]) -> None:
        for entry in entries:
            self.recorded.append(entry)
            if entry.evidence_id in self.items:
                told = self.items[entry.evidence_id][1]
                event = an_event(max((one.seq for one in told), default=-1) + 1, entry)
                told.append(event)
                self._leaves[event.seq] = leaf_hash(leaf_of(event.body.encode()))


def an_event(seq: int, entry: custody.Entry, actor: Actor = ACTOR) -> CustodyEvent:
    """*entry* as the ledger keeps it."""
    body = json.dumps(custody.body(entry, actor), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return CustodyEvent(seq, entry.at, entry.kind, entry.evidence_id, body)


def an_origin(number: int, name: str, **changes: Any) -> Origin:
    """What S3 said of the file *name*; members that ``Origin`` has not (yet) are left out."""
    told: dict[str, Any] = {
        "key": FOLDER + name,
        "etag": f'"{hashlib.md5(DELIVERED.get(name, b""), usedforsecurity=False).hexdigest()}"',
        "version_id": f"v{number}-{name}",
        "last_modified": ACQUIRED - timedelta(minutes=11),
        "request_id": f"REQ{number:09d}",
        "request_id_2": f"id2/{number}+{name}=",
        "clock_offset_ms": -250,
        "encryption": "aws:kms arn:aws:kms:ap-northeast-1:111122223333:key/1",
        "retention": "GOVERNANCE until 2031-01-01T00:00:00Z; legal hold ON",
        **changes,
    }
    known = {one.name for one in dataclasses.fields(Origin)}
    return Origin(**{name: value for name, value in told.items() if name in known})


@dataclass
class Made:
    """One item in the making: what is on record of it, and what lies in the archive.

    ``before`` and ``proof`` go to ``Dossiers``. ``shared``: events about many items.
    ``copies``: of the public key, as the ledger holds them.
    """

    number: int = 0
    evidence: Evidence = field(init=False)
    events: list[CustodyEvent] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    copies: tuple[HeldKey, ...] = (KEY,)
    shared: list[CustodyEvent] = field(default_factory=list)
    disagreements: tuple[str, ...] = ()
    before: int | None = None

    def __post_init__(self) -> None:
        self.evidence = an_evidence(self.number)

    def tells(self, entry: custody.Entry) -> None:
        """One more event; numbers have gaps, as in a log of many items."""
        self.events.append(an_event(3 + 10 * self.number + 2 * len(self.events), entry))

    def lies(self, *files: tuple[str, bytes]) -> None:
        """The archive holds the evidence's files, or those given by name."""
        given = files or tuple(DELIVERED.items())
        self.files.update((f"{self.evidence.path}/{name}", data) for name, data in given)

    def ledger(self, state: EvidenceState | None = None) -> MadeLedger:
        row = state or EvidenceState(Verdict.VERIFIED, (), (), None, NOW + timedelta(days=1))
        ledger = MadeLedger({self.evidence.id: (EvidenceRecord(self.evidence, row), self.events)}, *self.copies)
        ledger.disagreeing[self.evidence.id] = self.disagreements
        ledger.shared = self.shared
        return ledger

    def dossier(self, prove: Callable[[str], Proof] | None = None) -> ItemDossier:
        """What is on record by now."""
        more = {} if prove is None else {"prove": prove}
        maker = Dossiers(
            ledger=self.ledger(),  # type: ignore[arg-type]
            store=MadeStore(self.files),  # type: ignore[arg-type]
            archive="/srv/archive",
            now=NOW,
            before=self.before,
            **more,
        )
        return maker.item(self.evidence.id)

    def proof(self, _evidence_id: str) -> Proof:
        """The item's events in a log of their own, proved as the real ones are."""
        leaves = [b"{}"] * (self.events[-1].seq + 1)
        for event in self.events:
            leaves[event.seq] = event.body.encode()
        log = make_log(leaves)
        proven = tuple(ProvenEvent(e.seq, leaves[e.seq], None, log.proof(e.seq, len(leaves))) for e in self.events)
        made = ItemProof(ORIGIN, (str(log.key),), log.checkpoint(len(leaves)), self.evidence.id, proven, None, ())
        return Proof(encode(made), len(leaves))


def an_evidence(number: int = 0, **changes: Any) -> Evidence:
    """The vector's delivery as it was fetched from S3."""
    item_id = sha256(f"item {number}".encode())[:32]
    path = f"prod/{FOLDER}{item_id[:8]}"
    files = tuple(
        EvidenceFile(
            name,
            FileRole.SIGN_FILE if name == NAMES[0] else FileRole.RESULT,
            f"{path}/{name}",
            len(data),
            sha256(data),
            SIGNED.get(name),
            an_origin(number, name),
        )
        for name, data in DELIVERED.items()
    )
    made = Evidence(
        id=item_id,
        source="prod",
        source_url="s3://evidence-bucket/lake",
        prefix=FOLDER,
        path=path,
        revision=1,
        account="111122223333",
        query_id="6b374ff3-7b30-5eb0-8bc2-75df8e885d17",
        region="ap-northeast-1",
        query_complete_time=datetime(2022, 11, 4, 15, 7, 11, tzinfo=UTC),
        fingerprint=KEY.key.fingerprint,
        key_sha256=KEY.key.sha256,
        hash_list_sha256=HASH_LIST_SHA256,
        files=files,
        first_seen_at=ACQUIRED - timedelta(minutes=10),
        acquired_at=ACQUIRED,
        caller=CALLER,
    )
    return replace(made, **changes)


def results(changed: Mapping[str, str | None] | None = None, signed: bool = True) -> tuple[FileResult, ...]:
    """The files as they were read; *changed*: SHA-256 by name where it is another."""
    found = {**SIGNED, **(changed or {})}
    return tuple(
        FileResult(
            name, None if found[name] is None else len(DELIVERED[name]), found[name], claim, claim if signed else None
        )
        for name, claim in SIGNED.items()
    )


def passed(*findings: Finding) -> Judgement:
    """All is well."""
    checks = [
        Check("sign_file", CheckResult.PASS, "version 1.0, 2 files listed"),
        Check("key", CheckResult.PASS, f"{KEY.key.fingerprint}, listed by ap-northeast-1"),
        Check("signature", CheckResult.PASS, "SHA256withRSA over 129 bytes holds"),
        Check("files", CheckResult.PASS, "2 files are there with the listed bytes"),
        Check("archive", CheckResult.PASS, "3 files have the bytes that were acquired"),
        *(Check(finding.value, CheckResult.PASS, f"noticed: {finding.value}") for finding in findings),
    ]
    return judgement((), findings, checks, results())


def a_survey(evidence: Evidence, names: Iterable[str] = NAMES, at: datetime = NOW) -> EvidenceSurveyed:
    """The whole reading of the delivered files."""
    seen = []
    for name in names:
        surveyor = Surveyor(name, is_result=name != NAMES[0])
        surveyor.take(DELIVERED[name])
        seen.append(surveyor.end())
    return EvidenceSurveyed(at=at, id=evidence.id, files=tuple(seen))


def a_description(evidence: Evidence, refusal: str = "") -> tuple[QueryDescribed, dict[str, bytes]]:
    """CloudTrail's account of the query, and the file that holds it; *refusal*: it gave none."""
    text = "SELECT eventID, eventTime FROM 3f1a2b4c-5d6e-4f70-8192-a3b4c5d6e7f8"
    answer = json.dumps({"QueryId": evidence.query_id, "QueryString": text}).encode()
    path = f"described/{evidence.id}.json"
    figures = QueryFigures(
        query_status="FINISHED",
        delivery_status="SUCCESS",
        delivery_uri="s3://evidence-bucket/lake",
        owner="111122223333",
        events_matched=2,
        events_scanned=1_000_000,
        bytes_scanned=734_003_200,
        milliseconds=3_250,
        created_at=ACQUIRED - timedelta(minutes=14),
        query_string_sha256=sha256(text.encode()),
    )
    entry = QueryDescribed(
        at=ACQUIRED + timedelta(seconds=2),
        id=evidence.id,
        query_id=evidence.query_id or "",
        path=None if refusal else path,
        sha256=None if refusal else sha256(answer),
        figures=None if refusal else figures,
        refusal=refusal,
        endpoint="https://cloudtrail.ap-northeast-1.amazonaws.com",
        caller=CALLER,
        request_id="REQ-DESCRIBE",
    )
    return entry, {} if refusal else {path: answer}


def an_acquisition(evidence: Evidence, said: Judgement, by_import: bool = False) -> EvidenceAcquired:
    return EvidenceAcquired(
        at=evidence.acquired_at,
        evidence=evidence,
        judgement=said,
        listing_digest="0" * 64,
        next_audit_at=evidence.acquired_at + timedelta(days=90),
        by_import=by_import,
    )


def an_audit(evidence: Evidence, said: Judgement, days: int, occasion: str = "audit") -> EvidenceVerified:
    at = ACQUIRED + timedelta(days=days)
    return EvidenceVerified(
        at=at,
        id=evidence.id,
        occasion=occasion,
        judgement=said,
        key_sha256=evidence.key_sha256,
        next_audit_at=at + timedelta(days=90),
    )
