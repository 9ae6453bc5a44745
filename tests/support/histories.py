"""Random plausible histories of every kind of event, the same for the same seed: something to verify, prove, rebuild.

Names in them come from outside and are hostile now and then. Everything is recorded through the journal.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice

from archiver.adapters.ledger.database import SqlLedger
from archiver.domain.custody import (
    ConfigurationChanged,
    DaemonStarted,
    DaemonStopped,
    DeliverySeen,
    DeliveryVanished,
    Entry,
    EvidenceAcquired,
    EvidenceRepaired,
    EvidenceVerified,
    KeyHarvested,
    KeyRejected,
    RepairedFile,
    Reported,
    SourceFailed,
    SourceObserved,
    SourceRecovered,
    SourceRestored,
)
from archiver.domain.custody_log import (
    CheckpointAnchored,
    CheckpointBegun,
    EarlierHeadAccepted,
    LedgerRebuilt,
    LogKeyAdopted,
)
from archiver.domain.custody_upkeep import AlertRaised, AlertsRefused, AlertTold, DeliveryNoted, SourceSynced
from archiver.domain.evidence import Evidence, EvidenceFile, FileRole, Origin, evidence_id
from archiver.domain.keys import KeyProvenance, PublicKey
from archiver.domain.verdict import Check, CheckResult, FileResult, Finding, Judgement, Reason, judgement
from tests.support.ledgers import START

HOSTILE = (
    "\x00",
    "\x01",
    "\ue000",
    "\udce9",
    "escaped:",
    "\\udce9",
    "\U0001f600",
    "\u202e",
    '"',
    "'",
    "\n",
    "%",
    "é",
)
"""Parts of names that are written otherwise somewhere: in a column, in JSON, in SQL."""

_RETENTIONS = (None, "", "GOVERNANCE until 2031-01-01T00:00:00Z; legal hold ON", "\u00e4")

_LOST = ("lost_size", "lost_root")
_SOURCES = ("prod", "audit-account", "Büro\x01")
_CHECKS = (
    ("sign_file", "well-formed, lists {} files"),
    ("key", "{}: listed by CloudTrail in us-east-1"),
    ("signature", "holds"),
    ("files", "{} of {} files have the hash that was signed"),
    ("archive", "every file is as it was acquired"),
    ("ledger", "the ledger's rows are as their events made them"),
)


@dataclass(frozen=True)
class Mix:
    """How often each kind comes, by the names of :class:`_Teller`'s methods. What is not named does not come.

    ``hostile``: which part of the names is.
    """

    weights: dict[str, float]
    hostile: float = 0.1

    @staticmethod
    def of_all() -> Mix:
        """Every kind, none of them rare."""
        return Mix(dict.fromkeys(_Teller.kinds(), 1.0) | {"acquired": 3.0, "verified": 8.0})

    @staticmethod
    def of_audits(items: int, events: int) -> Mix:
        """*items* acquired in the course of *events*, nearly all others audits, and now and then something else."""
        share = items / max(events, 1)
        others = dict.fromkeys(_Teller.kinds(), 0.0002)
        return Mix(others | {"acquired": share, "verified": max(0.01, 0.99 - share)}, 0.002)


def fill(ledger: SqlLedger, seed: int, events: int, mix: Mix | None = None, batch: int = 50) -> None:
    """Records a history of *events* events in *ledger*, *batch* a transaction."""
    teller = _Teller(random.Random(seed), ledger.log.size(), mix or Mix.of_all())
    entries = islice(teller.tell(), events)
    while several := list(islice(entries, batch)):
        ledger.journal.record(several)


def history(seed: int, events: int, first: int = 1, mix: Mix | None = None) -> list[Entry]:
    """The entries that :func:`fill` records in a ledger that has *first* events."""
    return list(islice(_Teller(random.Random(seed), first, mix or Mix.of_all()).tell(), events))


@dataclass
class _Teller:
    """What has been told so far, and so what can happen next. ``seq``: the number of the next event."""

    rng: random.Random
    seq: int
    mix: Mix
    now: datetime = START
    items: list[Evidence] = field(default_factory=list)
    keys: list[PublicKey] = field(default_factory=list)
    alerts: list[int] = field(default_factory=list)
    pending: list[tuple[str, str]] = field(default_factory=list)
    log_keys: list[str] = field(default_factory=list)
    number: int = 0

    @staticmethod
    def kinds() -> list[str]:
        """The names of what can happen."""
        return [name for name in vars(_Teller) if not name.startswith("_") and name not in ("kinds", "tell", *_DATA)]

    def tell(self) -> Iterator[Entry]:
        """Entries without end. One that cannot happen yet gives way to an acquisition."""
        names, weights = list(self.mix.weights), list(self.mix.weights.values())
        opening = ["started", "key_adopted", "harvested", "harvested", "acquired"]
        while True:
            name = opening.pop(0) if opening else self.rng.choices(names, weights)[0]
            does: Callable[[], Entry | None] = getattr(self, name)
            entry = does() or self.acquired()
            self.seq += 1
            self.now += timedelta(microseconds=self.rng.choice((1, 1_000_000, 6_123_456_789)))
            yield entry

    # ------------------------------------------------------------------------------ evidence

    def acquired(self) -> Entry:
        item = self._again() if self.items and self._chance(0.1) else self._item()
        self.items.append(item)
        return EvidenceAcquired(
            at=self.now,
            evidence=item,
            judgement=self._judgement(len(item.files)),
            listing_digest=self._hex(64),
            next_audit_at=self.now + timedelta(days=self.rng.randrange(1, 30)),
            by_import=self._chance(0.1),
        )

    def verified(self) -> Entry | None:
        if not self.items:
            return None
        item = self.rng.choice(self.items)
        return EvidenceVerified(
            at=self.now,
            id=item.id,
            occasion=self.rng.choice(("audit", "audit", "audit", "key", "repair")),
            judgement=self._judgement(len(item.files)),
            key_sha256=self.rng.choice(self.keys).sha256 if self._chance(0.9) else None,
            next_audit_at=self.now + timedelta(days=30, microseconds=self.rng.randrange(10**6)),
        )

    def observed(self) -> Entry | None:
        if not self.items:
            return None
        seen = (Finding.SOURCE_CHANGED, Finding.SOURCE_DELETED, Finding.SOURCE_DELETED, Finding.REPLAYED_HASH_LIST)
        item = self.rng.choice(self.items).id
        return SourceObserved(at=self.now, id=item, finding=self.rng.choice(seen), detail=self._name("seen"))

    def restored(self) -> Entry | None:
        return SourceRestored(at=self.now, id=self.rng.choice(self.items).id) if self.items else None

    def repaired(self) -> Entry | None:
        if not self.items:
            return None
        item = self.rng.choice(self.items)
        files = tuple(
            RepairedFile(file.path, self.rng.choice((None, self._hex(64))), file.sha256, None) for file in item.files
        )
        return EvidenceRepaired(at=self.now, id=item.id, repaired_from="s3://bucket/prefix", files=files)

    # ------------------------------------------------------------------------------ keys

    def harvested(self) -> Entry:
        known = self.keys and self._chance(0.3)
        key = self.rng.choice(self.keys) if known else self._key()
        method = self.rng.choice(("ListPublicKeys", "import"))
        provenance = KeyProvenance(method, self._name(f"keys-{self._next()}"), "operator", self.now, None)
        return KeyHarvested(at=self.now, key=key, sha256=key.sha256, provenance=provenance)

    def rejected(self) -> Entry:
        key = replace(self._key(keep=False), claimed_fingerprint="0" * 32)
        provenance = KeyProvenance("import", "keys.json", None, self.now, None)
        return KeyRejected(at=self.now, key=key, provenance=provenance, detail="its fingerprint is another")

    # ------------------------------------------------------------------------------ sources and deliveries

    def seen(self) -> Entry:
        self.pending.append((self._source(), self._prefix()))
        source, prefix = self.pending[-1]
        return DeliverySeen(
            at=self.now, source=source, prefix=prefix, objects=2, size=self.rng.choice((0, 7, 2**60)), waiting_for="x"
        )

    def vanished(self) -> Entry | None:
        if not self.pending:
            return None
        source, prefix = self.pending.pop(self.rng.randrange(len(self.pending)))
        return DeliveryVanished(at=self.now, source=source, prefix=prefix)

    def noted(self) -> Entry:
        """Of a delivery that is pending, archived, or never seen."""
        if self.items and self._chance(0.5):
            item = self.rng.choice(self.items)
            source, prefix, of, revision = item.source, item.prefix, item.id, item.revision
        else:
            known = self.pending and self._chance(0.5)
            source, prefix = self.rng.choice(self.pending) if known else (self._source(), self._prefix())
            of, revision = None, 0
        return DeliveryNoted(
            at=self.now,
            source=source,
            prefix=prefix,
            listing_digest=self._hex(64),
            first_seen_at=self.now - timedelta(hours=1),
            evidence_of=of,
            revision=revision,
            gone=of is not None and self._chance(0.2),
        )

    def failed(self) -> Entry:
        return SourceFailed(at=self.now, source=self._source(), detail=self._name("no route"))

    def recovered(self) -> Entry:
        return SourceRecovered(at=self.now, source=self._source())

    def synced(self) -> Entry:
        full = self.rng.choice((None, None, self.rng.randrange(10**6)))
        return SourceSynced(at=self.now, source=self._source(), url="s3://bucket/AWSLogs", full_objects=full)

    # ------------------------------------------------------------------------------ alerts

    def raised(self) -> Entry:
        self.alerts.append(self.seq)
        cause = self._name(f"cause-{self._next()}")
        return AlertRaised(at=self.now, cause=cause, title=self._name("failed"), text=self._name("text"))

    def told(self) -> Entry | None:
        if not self.alerts:
            return None
        refused = ("mailto://keeper@example.com",) if self._chance(0.5) else ()
        again = self.now + timedelta(minutes=5) if refused else None
        alert = self.rng.choice(self.alerts)
        if again and self.seq % 2:
            several = tuple(dict.fromkeys((alert, self.alerts[0])))
            return AlertsRefused(at=self.now, alerts=several, refused=refused, next_try_at=again)
        return AlertTold(at=self.now, alert=alert, refused=refused, next_try_at=again)

    # ------------------------------------------------------------------------------ the program and its log

    def started(self) -> Entry:
        return DaemonStarted(at=self.now, pid=self.rng.randrange(2, 9999), configuration_sha256=self._hex(64))

    def stopped(self) -> Entry:
        return DaemonStopped(at=self.now, pid=self.rng.randrange(2, 9999))

    def configured(self) -> Entry:
        before, after = self._hex(64), self._hex(64)
        return ConfigurationChanged(at=self.now, before_sha256=before, after_sha256=after, changed=("audit",))

    def reported(self) -> Entry:
        ids = tuple(item.id for item in self.items[:3])
        return Reported(at=self.now, ids=ids, count=len(ids), selection="all", format="html", sha256=self._hex(64))

    def key_adopted(self) -> Entry:
        self.log_keys.append(f"example.com/custody+{self._hex(8)}+AY{self._hex(40)}=")
        before = self.log_keys[-2] if len(self.log_keys) > 1 else None
        return LogKeyAdopted(at=self.now, key=self.log_keys[-1], before=before, vouched=self._chance(0.8))

    def begun(self) -> Entry:
        return CheckpointBegun(
            at=self.now, previous_size=self.rng.randrange(self.seq + 1), previous_root=self._hex(64)
        )

    def anchored(self) -> Entry:
        size = self.rng.randrange(1, self.seq + 1)
        method = self.rng.choice(("timestamp", "object_lock", "witness"))
        return CheckpointAnchored(
            at=self.now,
            size=size,
            method=method,
            name=self._name("authority"),
            path=f"anchors/{size}/{method}-authority",
            sha256=self._hex(64),
            proved_at=self.now,
            valid_until=self.rng.choice((None, self.now + timedelta(days=365))),
        )

    def rebuilt(self) -> Entry:
        """Or what may follow, by turns."""
        root = self._hex(64)
        if self.seq % 2:
            return LedgerRebuilt(at=self.now, size=self.seq, root=root)
        lost = {"lost_size": self.seq + 9, "lost_root": root} if self.seq % 4 else dict.fromkeys(_LOST)
        return EarlierHeadAccepted(at=self.now, **lost, size=self.seq, root=root, reason_sha256=root)

    # ------------------------------------------------------------------------------ parts

    def _item(self) -> Evidence:
        return self._evidence(self._source(), self._prefix(), 1)

    def _again(self) -> Evidence:
        """A later revision of something that is there."""
        of = self.rng.choice(self.items)
        revision = 1 + max(
            item.revision for item in self.items if (item.source, item.prefix) == (of.source, of.prefix)
        )
        return self._evidence(of.source, of.prefix, revision)

    def _evidence(self, source: str, prefix: str, revision: int) -> Evidence:
        names = ["result_sign.json", *(f"result_{n}.csv.gz" for n in range(1, self.rng.randrange(1, 4) + 1))]
        files = tuple(self._file(name, prefix, position) for position, name in enumerate(names))
        if self._chance(0.05):
            files += (self._file(self._name("stray"), prefix, 99),)
        return Evidence(
            id=evidence_id(source, prefix, [(file.name, file.sha256) for file in files]),
            source=source,
            source_url="s3://bucket/AWSLogs",
            prefix=prefix,
            path=f"{source}/{prefix}{revision}",
            revision=revision,
            account="111122223333",
            query_id=self._hex(36),
            region=self.rng.choice(("us-east-1", "eu-central-1", None)),
            query_complete_time=self.rng.choice((None, self.now - timedelta(hours=3))),
            fingerprint=self._hex(32),
            key_sha256=self.rng.choice(self.keys).sha256 if self._chance(0.8) else None,
            hash_list_sha256=self._hex(64),
            files=files,
            first_seen_at=self.now - timedelta(minutes=3),
            acquired_at=self.now,
            caller="arn:aws:sts::111122223333:assumed-role/reader",
        )

    def _file(self, name: str, prefix: str, position: int) -> EvidenceFile:
        sha256 = self._hex(64)
        role = FileRole.UNLISTED if position == 99 else FileRole.RESULT if position else FileRole.SIGN_FILE
        origin = Origin(
            key=prefix + name,
            etag=self._hex(32),
            version_id=self.rng.choice((None, self._hex(32))),
            last_modified=self.rng.choice((None, self.now - timedelta(hours=2), START)),
            request_id=self._hex(16).upper(),
            request_id_2=None,
            clock_offset_ms=2**54 if self._chance(self.mix.hostile / 4) else self.rng.choice((None, 0, -12)),
            encryption="aws:kms",
            retention=_RETENTIONS[int(sha256[0], 16) % len(_RETENTIONS)],
        )
        listed = sha256 if role is FileRole.RESULT else None
        size = self.rng.choice((0, 1, 123_456, 2**53 + 1)) if role is FileRole.UNLISTED else 2_345_678
        return EvidenceFile(name, role, f"archived/{prefix}{name}", size, sha256, listed, origin)

    def _judgement(self, files: int) -> Judgement:
        good = self._chance(0.9)
        reasons = () if good else self.rng.sample(list(Reason), self.rng.randrange(1, 3))
        findings = self.rng.sample(list(Finding), 1) if self._chance(0.1) else ()
        result = CheckResult.PASS if good else CheckResult.FAIL
        checks = [Check(of, result, said.format(files, files)) for of, said in _CHECKS]
        checks += [Check(finding, CheckResult.FAIL, self._name("noticed")) for finding in findings]
        digest = self._hex(64)
        results = [FileResult("result_1.csv.gz", 2_345_678, digest, digest, digest if good else None)]
        if not good:
            results.append(FileResult(self._name("gone"), None, None, None, None))
        return judgement(reasons, findings, checks, results)

    def _key(self, keep: bool = True) -> PublicKey:
        der = self.rng.randbytes(64)
        fingerprint = hashlib.md5(der, usedforsecurity=False).hexdigest()
        window = (self.now - timedelta(days=10), self.now + timedelta(days=20)) if self._chance(0.8) else (None, None)
        key = PublicKey(der, fingerprint, self.rng.choice(("us-east-1", None)), *window)
        if keep:
            self.keys.append(key)
        return key

    def _prefix(self) -> str:
        lead = self._name("lead/") if self._chance(0.1) else ""
        return f"{lead}AWSLogs/111122223333/CloudTrail-Lake/Query/2026/01/01/{self._next():08x}-{self._hex(27)}/"

    def _source(self) -> str:
        return self.rng.choices(_SOURCES, (8, 2, 2 * self.mix.hostile))[0]

    def _name(self, plain: str) -> str:
        hostile = self._chance(self.mix.hostile)
        return plain + "".join(self.rng.sample(HOSTILE, 3)) if hostile else plain

    def _hex(self, digits: int) -> str:
        return f"{self.rng.getrandbits(4 * digits):0{digits}x}"

    def _chance(self, part: float) -> bool:
        return self.rng.random() < part

    def _next(self) -> int:
        self.number += 1
        return self.number


_DATA = tuple(_Teller.__dataclass_fields__)
