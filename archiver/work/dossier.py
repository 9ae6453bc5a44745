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

from archiver.domain.custody import EvidenceAcquired, EvidenceVerified, SourceObserved, SourceRestored
from archiver.domain.dossier import FileAccount, Fixity, Happening, ItemDossier, Judged, Proof, Standing
from archiver.domain.evidence import Evidence, EvidenceState
from archiver.domain.facts import Label, signed_label
from archiver.domain.keys import HeldKey
from archiver.domain.records import CustodyEvent, EvidenceRecord, Selection
from archiver.domain.standing import OF_THE_SOURCE, findings_restored, findings_with
from archiver.domain.survey import Look
from archiver.domain.verdict import Finding, Reason, Verdict, verdict_of
from archiver.errors import LedgerError, RowUnreadableError, UnknownEvidenceError
from archiver.ports import Ledger
from archiver.store_ports import Store
from archiver.verify.signature import KeyUnusableError
from archiver.work.acquired import believed
from archiver.work.dossier_archive import ALTERED, ArchiveReader, altered_files
from archiver.work.dossier_events import acquired_unseen, not_in_tree, told_altered, unknown_evidence
from archiver.work.dossier_facts import acquisition_facts, file_facts, is_s3, query_facts, source_facts
from archiver.work.dossier_files import file_accounts
from archiver.work.doubted import Doubted
from archiver.work.history import History, history_of
from archiver.work.keys import key_files, key_folder
from archiver.work.mentions import Mentions
from archiver.work.recheck import steps_for
from archiver.work.seen import Seen

_BATCH: Final = 50
"""Items whose rows are held against their events together."""

_MOST_KEYS: Final = 1000
"""Keys that are remembered with their provenance."""

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
    ``doubted``: what the ledger hides or alters, None where it was not held against its log. ``look``: what a reading
    of an item's files showed just now, None where there was none.
    """

    ledger: Ledger
    store: Store
    archive: str
    now: datetime
    before: int | None = None
    prove: Prove = no_proof
    doubted: Doubted | None = None
    look: Callable[[str], Look | None] = lambda _evidence_id: None
    _keys: dict[tuple[str, str], tuple[Sequence[HeldKey], Sequence[str]]] = field(default_factory=dict)
    _key_troubles: dict[str, Sequence[str]] = field(default_factory=dict)
    _mentions: Mentions | None = None

    def item(self, evidence_id: str) -> ItemDossier:
        """The one item. Raises UnknownEvidenceError, LedgerError."""
        record = self.ledger.evidence.get(evidence_id)
        made = self._item(evidence_id, record, self.ledger.evidence.disagreements(evidence_id))
        if made is None:
            raise UnknownEvidenceError(f"{evidence_id} was acquired after event {self.before}")
        return made

    def items(self, selection: Selection) -> Iterator[ItemDossier]:
        """Those that *selection* means, by acquisition time; as few in memory as are looked up together.

        Behind them those whose acquisition is on record and which no row shows: deleting rows hides nothing. One
        whose rows cannot be read is made of its events alone. A verdict is that on record, or what was found since:
        no item leaves a selection because something is wrong with it. Raises LedgerError.
        """
        for made in self._found(replace(selection, verdict=None)):
            if made is not None and selection.verdict in (None, made.recorded, made.state.verdict):
                yield made

    def _found(self, selection: Selection) -> Iterator[ItemDossier | None]:
        """None for what was acquired later."""
        seen, unread = Seen(), list[tuple[str, str]]()
        records = self._records(selection, unread)
        more = True
        while more:
            batch = list(islice(records, _BATCH))
            more = bool(batch)
            for item in (*(r.evidence.id for r in batch), *(item for item, _ in unread)):
                seen.add(item)
            yield from self._those(batch)
            yield from [self._item(item, None, (why,)) for item, why in unread]
            unread.clear()
        if selection.ids is None:
            hidden = self.doubted.acquisitions() if self.doubted else ()
            unseen = acquired_unseen(self.ledger.log, self.before, selection, seen, hidden)
            while told := list(islice(unseen, _BATCH)):
                yield from self._unseen(told)

    def _records(self, selection: Selection, unread: list[tuple[str, str]]) -> Iterator[EvidenceRecord]:
        """What can be read of the rows. A row that is no order ends them: the events tell of the others."""
        try:
            yield from self.ledger.evidence.select(selection, unreadable=lambda *told: unread.append(told))
        except LedgerError:
            if selection.ids is not None:
                raise

    def _those(self, records: Sequence[EvidenceRecord]) -> Iterator[ItemDossier | None]:
        disagreements = self.ledger.evidence.disagreements_of([r.evidence.id for r in records])
        for record in records:
            yield self._item(record.evidence.id, record, disagreements.get(record.evidence.id, ()))

    def _unseen(self, told: Sequence[CustodyEvent]) -> Iterator[ItemDossier | None]:
        """Items by their acquisitions, whose rows were not found by any condition."""
        events = {event.evidence_id: event for event in told if event.evidence_id is not None}
        why: dict[str, str] = {}
        yield from self._those(
            list(self.ledger.evidence.select(Selection(ids=list(events)), unreadable=why.__setitem__))
        )
        for item, trouble in why.items():
            yield self._item(item, None, (trouble,), events.get(item))

    def _item(
        self,
        evidence_id: str,
        record: EvidenceRecord | None,
        disagreements: Sequence[str],
        acquisition: CustodyEvent | None = None,
    ) -> ItemDossier | None:
        """None if acquired later. Without a *record* of events alone. *acquisition*: where the index may lack it."""
        told, unreadable = self._events(evidence_id, acquisition)
        events = [event for event in told if self.before is None or event.seq < self.before]
        if told and not events:
            return None
        history = history_of(events)
        hidden = self.doubted.against(evidence_id) if self.doubted else []
        disagreements = [*disagreements, *unreadable, *hidden, *self._altered(events)]
        disagreements += map(_UNREAD.format, history.unread)
        if disagreements and record is not None:
            record = believed(self.ledger, record, told)
        acquired = history.acquired
        evidence, row = _evidence(evidence_id, record, history, bool(disagreements), self.now)
        copies, untrue = self._copies(evidence, history.judged)
        keys = tuple(copies)
        mentions, changed = self._mentioned(evidence_id)
        proof = self._proof(evidence_id, hidden)
        disagreements += [*untrue, *changed, *([proof.trouble] if proof.is_altered and not hidden else [])]
        folder = key_folder(keys[0].key) if keys else None
        look = self.look(evidence_id)
        files = [self._with_facts(evidence, file, history, keys) for file in file_accounts(evidence, history, look)]
        archive = ArchiveReader(self.store, evidence, files, history, signed_label(keys))
        archive.altered += self._altered_keys(keys)
        sign_file, header, query_string = archive.sign_file(), archive.header(), archive.query_string()
        recorded = state_after(history) or row
        state = _said(recorded, Reason.LEDGER_ALTERED, disagreements)
        troubles, state = _found(archive, look, state)
        return ItemDossier(
            evidence=evidence,
            state=state,
            files=tuple(files),
            keys=keys,
            key_folder=folder,
            signed_hashes=tuple(f.signed_sha256 for f in history.files if f.signed_sha256 is not None),
            judged=tuple(history.judged),
            history=tuple(sorted([*history.happenings, *mentions], key=lambda one: one.seq)),
            disagreements=tuple(disagreements),
            archive_troubles=troubles,
            recorded=recorded.verdict,
            is_read=look is not None and not (look.altered or look.unread or archive.altered),
            steps=steps_for(evidence, keys[0] if keys else None, folder, self.archive),
            source=source_facts(evidence, keys),
            query=query_facts(evidence, *header, history.described, query_string),
            acquisition=acquisition_facts(evidence, _how(evidence, history), acquired[1] if acquired else None),
            sign_file=sign_file,
            fixity=_fixity(history.judged, state, self.now),
            proof=proof,
        )

    def _events(self, evidence_id: str, acquisition: CustodyEvent | None) -> tuple[list[CustodyEvent], list[str]]:
        """The item's events, and what keeps others from being read."""
        told, troubles = list[CustodyEvent](), list[str]()
        try:
            told.extend(self.ledger.evidence.events(evidence_id))
        except RowUnreadableError as error:
            troubles.append(str(error))
        by_log = [*self.doubted.of(evidence_id)] if self.doubted else []
        by_seq = {event.seq: event for event in (*([acquisition] if acquisition else []), *told, *by_log)}
        return [by_seq[seq] for seq in sorted(by_seq)], troubles

    def _proof(self, evidence_id: str, hidden: Sequence[str]) -> Proof:
        """None of what rows say where they leave out what the log says: it would hold, and mislead."""
        if not hidden:
            return self.prove(evidence_id)
        why = f"the ledger is not what its log says: {hidden[0]}"
        return Proof(None, self.before, why, is_altered=True)

    def _altered(self, events: Sequence[CustodyEvent]) -> list[str]:
        """What the log's tree says against *events*; a proof is for others, and not every item gets one."""
        kinds = {event.seq: event.kind for event in events}
        altered = not_in_tree(self.ledger.log, {event.seq: event.body for event in events})
        return [told_altered(seq, kinds[seq]) for seq in altered]

    def _altered_keys(self, keys: Sequence[HeldKey]) -> Sequence[str]:
        """What the archive holds of the item's key in the place of what was recorded; each key is read once."""
        if not keys:
            return ()
        key = keys[0].key
        if key.sha256 not in self._key_troubles:
            try:
                files = key_files(key)
            except KeyUnusableError:  # none was archived then
                files = {}
            self._key_troubles[key.sha256] = altered_files(self.store, files)
        return self._key_troubles[key.sha256]

    def _mentioned(self, evidence_id: str) -> tuple[list[Happening], list[str]]:
        """The reports and packages that the item was in, and what the tree says against these."""
        if self._mentions is None:
            self._mentions = Mentions(self.ledger.log, self.before)
        found = self._mentions.of(evidence_id)
        return found, [told_altered(one.seq, one.kind) for one in found if one.seq in self._mentions.altered]

    def _with_facts(
        self, evidence: Evidence, file: FileAccount, history: History, keys: Sequence[HeldKey]
    ) -> FileAccount:
        content = signed_label(keys) if file.standing is Standing.SIGNED else Label.CLAIMED
        return replace(file, facts=file_facts(evidence, file, history.surveys, content))

    def _copies(self, evidence: Evidence, judged: Sequence[Judged]) -> tuple[Sequence[HeldKey], Sequence[str]]:
        """Every copy on record of the key that the item was last judged with, else acquired with.

        And what speaks against the events that brought it.
        """
        used = next((one.key_sha256 for one in reversed(judged) if one.key_sha256), evidence.key_sha256)
        if evidence.fingerprint is None or used is None:
            return (), ()
        named = (evidence.fingerprint, used)
        if named not in self._keys:  # few keys stand for many items; a sign file's claim decides, so not without end
            if len(self._keys) >= _MOST_KEYS:
                self._keys.clear()
            self._keys[named] = self._held(*named)
        return self._keys[named]

    def _held(self, fingerprint: str, used: str) -> tuple[Sequence[HeldKey], Sequence[str]]:
        try:
            held = [one for one in self.ledger.keys.by_fingerprint(fingerprint) if one.key.sha256 == used]
            events = self.ledger.keys.events([used])
        except RowUnreadableError as error:
            return (), (str(error),)
        return held, self._altered([event for event in events if self.before is None or event.seq < self.before])


def _evidence(
    evidence_id: str, record: EvidenceRecord | None, history: History, is_doubted: bool, now: datetime
) -> tuple[Evidence, EvidenceState]:
    """What was acquired, by the event where nothing speaks against it; and the state where no event makes one."""
    acquired = history.acquired
    if record is not None:
        return acquired[0].evidence if acquired and not is_doubted else record.evidence, record.state
    known = acquired is not None and acquired[0].evidence.id == evidence_id
    evidence = acquired[0].evidence if acquired is not None and known else unknown_evidence(evidence_id)
    return evidence, EvidenceState(Verdict.FAILED, (Reason.LEDGER_ALTERED,), (), None, now)


def state_after(history: History) -> EvidenceState | None:
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


def _said(state: EvidenceState, reason: Reason, why: Sequence[str]) -> EvidenceState:
    """What the next audit will say for *reason* if there is any *why*: what was recorded before is not believed."""
    if not why:
        return state
    given = {*state.reasons, reason}
    reasons = tuple(one for one in Reason if one in given)
    return replace(state, verdict=verdict_of(reasons), reasons=reasons)


def _found(archive: ArchiveReader, look: Look | None, state: EvidenceState) -> tuple[tuple[str, ...], EvidenceState]:
    """What reading the archive for the report showed that no audit has told yet, and what that makes of the item."""
    look = look or Look()
    altered = [*archive.altered, *(ALTERED.format(f"{path}: {now}") for path, now in look.altered.items())]
    if Reason.ARCHIVE_ALTERED in state.reasons:
        altered = []
    unread = [] if Reason.READ_ERROR in state.reasons else [*look.unread.values()]
    state = _said(_said(state, Reason.ARCHIVE_ALTERED, altered), Reason.READ_ERROR, unread)
    return tuple(dict.fromkeys([*altered, *unread])), state


def _how(evidence: Evidence, history: History) -> str:
    """The way of acquisition, as fact ``how`` has it."""
    if history.acquired and history.acquired[0].by_import:
        return "imported"
    return "fetched_s3" if is_s3(evidence) else "fetched_folder"


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
