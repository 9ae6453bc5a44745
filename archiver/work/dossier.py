"""Puts together all that is on record about items, for ``show``, reports and packages: from custody events alone.

The ledger's other rows, which somebody may have altered, are only held against the events. What the archive holds is
read where a report shows it: the sign file, the header of the first result, CloudTrail's account of the query.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Final

from archiver.domain.custody import EvidenceAcquired, EvidenceVerified, SourceObserved, SourceRestored, to_json
from archiver.domain.dossier import FileAccount, Fixity, Happening, ItemDossier, Judged, Proof, Standing
from archiver.domain.evidence import Evidence, EvidenceFile, EvidenceState, FileRole
from archiver.domain.facts import Label, signed_label
from archiver.domain.keys import HeldKey
from archiver.domain.records import EvidenceRecord, Selection
from archiver.domain.standing import OF_THE_SOURCE, findings_restored, findings_with
from archiver.domain.verdict import Check, CheckResult, FileResult, Finding, Reason, Verdict, verdict_of
from archiver.errors import UnknownEvidenceError
from archiver.ports import Ledger, Store
from archiver.work.acquired import believed
from archiver.work.dossier_archive import ArchiveReader
from archiver.work.dossier_facts import acquisition_facts, file_facts, is_s3, query_facts, source_facts
from archiver.work.history import History, history_of
from archiver.work.keys import key_folder
from archiver.work.mentions import Mentions
from archiver.work.recheck import steps_for

_BATCH: Final = 50
"""Items whose rows are held against their events together."""

_UNREAD: Final = "custody event {} does not read as it was recorded: what it said of the item is not known"

Prove = Callable[[str], Proof]
"""Evidence ID -> its proof. Never raises: what stands in the way is the proof's trouble."""


def no_proof(_evidence_id: str) -> Proof:
    """For those who want none."""
    return Proof(None, None, "not asked for")


@dataclass
class Dossiers:
    """Makes dossiers. ``archive``: the archive's folder, for the commands that a reader may run.

    ``now``: what is overdue is overdue then. ``before``: only events with a smaller number count, None: all.
    """

    ledger: Ledger
    store: Store
    archive: str
    now: datetime
    before: int | None = None
    prove: Prove = no_proof
    _keys: dict[str, Sequence[HeldKey]] = field(default_factory=dict)
    _mentions: Mentions | None = None

    def item(self, evidence_id: str) -> ItemDossier:
        """The one item. Raises UnknownEvidenceError, LedgerError."""
        record = self.ledger.evidence.get(evidence_id)
        made = self._item(record, self.ledger.evidence.disagreements(evidence_id))
        if made is None:
            raise UnknownEvidenceError(f"{evidence_id} was acquired after event {self.before}")
        return made

    def items(self, selection: Selection) -> Iterator[ItemDossier]:
        """Those that *selection* means, by acquisition time; as few in memory as are looked up together."""
        wanted = selection.verdict
        records = self.ledger.evidence.select(replace(selection, verdict=None) if self.before else selection)
        while batch := list(islice(records, _BATCH)):
            disagreements = self.ledger.evidence.disagreements_of([r.evidence.id for r in batch])
            for record in batch:
                made = self._item(record, disagreements.get(record.evidence.id, ()))
                if made is not None and wanted in (None, made.state.verdict):
                    yield made

    def _item(self, record: EvidenceRecord, disagreements: Sequence[str]) -> ItemDossier | None:
        """None for one that was acquired later."""
        if disagreements:
            record = believed(self.ledger, record)
        told = list(self.ledger.evidence.events(record.evidence.id))
        events = [event for event in told if self.before is None or event.seq < self.before]
        if told and not events:
            return None
        history = history_of(events)
        acquired = history.acquired
        evidence = acquired[0].evidence if acquired and not disagreements else record.evidence
        how = (
            "imported"
            if acquired and acquired[0].by_import
            else "fetched_s3"
            if is_s3(evidence)
            else "fetched_folder"
        )
        disagreements = [*disagreements, *map(_UNREAD.format, history.unread)]
        state = _said(_state_after(history) or record.state, disagreements)
        keys = tuple(self._copies(evidence, history.judged))
        folder = key_folder(keys[0].key) if keys else None
        files = [self._with_facts(evidence, file, history, keys) for file in _files(evidence, history)]
        archive = ArchiveReader(self.store, evidence, files, history, signed_label(keys))
        return ItemDossier(
            evidence=evidence,
            state=state,
            files=tuple(files),
            keys=keys,
            key_folder=folder,
            signed_hashes=tuple(f.signed_sha256 for f in history.files if f.signed_sha256 is not None),
            judged=tuple(history.judged),
            history=self._with_mentions(evidence.id, history.happenings),
            disagreements=tuple(disagreements),
            steps=steps_for(evidence, keys[0] if keys else None, folder, self.archive),
            source=source_facts(evidence, keys),
            query=query_facts(evidence, *archive.header(), history.described, archive.query_string()),
            acquisition=acquisition_facts(evidence, how, acquired[1] if acquired else None),
            sign_file=archive.sign_file(),
            fixity=_fixity(history.judged, state, self.now),
            proof=self.prove(evidence.id),
        )

    def _with_mentions(self, evidence_id: str, happenings: Sequence[Happening]) -> tuple[Happening, ...]:
        """*happenings*, and the reports and packages that the item was in."""
        if self._mentions is None:
            self._mentions = Mentions(self.ledger.log, self.before)
        return tuple(sorted([*happenings, *self._mentions.of(evidence_id)], key=lambda one: one.seq))

    def _with_facts(
        self, evidence: Evidence, file: FileAccount, history: History, keys: Sequence[HeldKey]
    ) -> FileAccount:
        content = signed_label(keys) if file.standing is Standing.SIGNED else Label.CLAIMED
        return replace(file, facts=file_facts(evidence, file, history.surveys, content))

    def _copies(self, evidence: Evidence, judged: Sequence[Judged]) -> list[HeldKey]:
        """Every copy on record of the key that the item was last judged with, else acquired with."""
        used = next((one.key_sha256 for one in reversed(judged) if one.key_sha256), evidence.key_sha256)
        return [held for held in self._named(evidence.fingerprint) if held.key.sha256 == used]

    def _named(self, fingerprint: str | None) -> Sequence[HeldKey]:
        """Few keys stand for many items; a sign file's claim decides what is kept here, so not without end."""
        if fingerprint is None:
            return ()
        if fingerprint not in self._keys:
            if len(self._keys) >= 1000:
                self._keys.clear()
            self._keys[fingerprint] = self.ledger.keys.by_fingerprint(fingerprint)
        return self._keys[fingerprint]


def _state_after(history: History) -> EvidenceState | None:
    """What the events of *history* make of the item, by the rules by which the ledger keeps it; None for none."""
    state: EvidenceState | None = None
    for entry, _ in history.entries:
        match entry:
            case EvidenceAcquired() | EvidenceVerified():
                standing = [f.value for f in state.findings if f.value in OF_THE_SOURCE] if state else []
                state = EvidenceState(
                    verdict=entry.judgement.verdict,
                    reasons=entry.judgement.reasons,
                    findings=_findings(findings_with([f.value for f in entry.judgement.findings], standing)),
                    last_audited_at=entry.at if isinstance(entry, EvidenceVerified) else None,
                    next_audit_at=entry.next_audit_at,
                )
            case SourceObserved() if state is not None:
                seen = findings_with([entry.finding.value], [f.value for f in state.findings])
                state = replace(state, findings=_findings(seen))
            case SourceRestored() if state is not None:
                state = replace(state, findings=_findings(findings_restored([f.value for f in state.findings])))
    return state


def _findings(codes: Iterable[str]) -> tuple[Finding, ...]:
    return tuple(Finding(code) for code in codes)


def _said(state: EvidenceState, disagreements: Sequence[str]) -> EvidenceState:
    """What the next audit will say: a row that differs from its events is not believed, whatever it says."""
    if not disagreements:
        return state
    given = {*state.reasons, Reason.LEDGER_ALTERED}
    reasons = tuple(reason for reason in Reason if reason in given)
    return replace(state, verdict=verdict_of(reasons), reasons=reasons)


def _fixity(judged: Sequence[Judged], state: EvidenceState, now: datetime) -> Fixity:
    last_good = next((one for one in reversed(judged) if one.verdict is Verdict.VERIFIED), None)
    after = [one for one in judged if last_good is None or one.seq > last_good.seq]
    return Fixity(
        first=judged[0] if judged else None,
        last=judged[-1] if judged else None,
        last_good=last_good,
        first_bad=after[0] if after else None,
        failures=tuple(one for one in judged if one.verdict is Verdict.FAILED),
        count=len(judged),
        due_at=state.next_audit_at,
        overdue=state.next_audit_at < now,
    )


def _files(evidence: Evidence, history: History) -> Iterable[FileAccount]:
    """The archived files in their order, then those that are listed and never came."""
    last = {result.name: result for result in history.files}
    checked = history.judged[-1].checks if history.judged else ()
    archive = next((c for c in checked if c.id == "archive"), None)
    names = set()
    for file in evidence.files:
        name = to_json(file.name)  # as custody bodies have it
        names.add(name)
        yield _account(file, last.get(name), archive)
    for name, result in last.items():
        if name not in names and result.listed_sha256 is not None:
            yield FileAccount(
                name=name,
                role=FileRole.RESULT,
                path=None,
                size=None,
                sha256=None,
                listed_sha256=result.listed_sha256,
                signed_sha256=result.signed_sha256,
                standing=Standing.MISSING,
                origin=None,
            )


def _account(file: EvidenceFile, last: FileResult | None, archive: Check | None) -> FileAccount:
    return FileAccount(
        name=file.name,
        role=file.role,
        path=file.path,
        size=file.size,
        sha256=file.sha256,
        listed_sha256=file.listed_sha256,
        signed_sha256=last.signed_sha256 if last else None,
        standing=_since_acquired(file, last, archive) or _as_acquired(file, last),
        origin=file.origin,
    )


def _since_acquired(file: EvidenceFile, last: FileResult | None, archive: Check | None) -> Standing | None:
    """What the last audit's check *archive* says against the file. The sign file stands in its detail only."""
    if archive is None or archive.result is CheckResult.PASS:
        return None
    unread = f"{file.path} cannot be read" in archive.detail
    if file.role is FileRole.SIGN_FILE:
        altered = f"{file.path} " in archive.detail
        return Standing.UNREAD if unread else Standing.ALTERED if altered else None
    if last is None or last.sha256 == file.sha256:
        return None
    unread = unread or archive.result is CheckResult.UNKNOWN
    return Standing.UNREAD if last.sha256 is None and unread else Standing.ALTERED


def _as_acquired(file: EvidenceFile, last: FileResult | None) -> Standing:
    if file.role is FileRole.SIGN_FILE:
        return Standing.SIGN_FILE
    if file.role is FileRole.UNLISTED or file.listed_sha256 is None:
        return Standing.UNLISTED
    if file.sha256 != file.listed_sha256:
        return Standing.MISMATCH
    return Standing.SIGNED if last is not None and last.signed_sha256 == file.sha256 else Standing.LISTED
