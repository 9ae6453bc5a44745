"""Puts together what is on record about items, for ``show`` and reports. Reads the ledger and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from archiver.domain.custody import to_json
from archiver.domain.dossier import FileAccount, ItemDossier, Judged, Standing
from archiver.domain.evidence import Evidence, EvidenceFile, EvidenceState, FileRole
from archiver.domain.keys import HeldKey
from archiver.domain.records import EvidenceRecord, Selection
from archiver.domain.verdict import Check, CheckResult, FileResult, Reason, verdict_of
from archiver.ports import Ledger
from archiver.work.acquired import believed
from archiver.work.history import History, history_of
from archiver.work.keys import key_folder
from archiver.work.recheck import steps_for

_BATCH: Final = 50
"""Items whose rows are held against their events together."""


@dataclass
class Dossiers:
    """Makes dossiers. ``archive``: the archive's folder, for the commands that a reader may run."""

    ledger: Ledger
    archive: str
    _keys: dict[str, Sequence[HeldKey]] = field(default_factory=dict)

    def item(self, evidence_id: str) -> ItemDossier:
        """The one item. Raises UnknownEvidenceError, LedgerError."""
        record = self.ledger.evidence.get(evidence_id)
        return self._item(record, self.ledger.evidence.disagreements(evidence_id))

    def items(self, selection: Selection) -> Iterator[ItemDossier]:
        """Those that *selection* means, by acquisition time; as few in memory as are looked up together."""
        records = self.ledger.evidence.select(selection)
        while batch := list(islice(records, _BATCH)):
            disagreements = self.ledger.evidence.disagreements_of([r.evidence.id for r in batch])
            for record in batch:
                yield self._item(record, disagreements.get(record.evidence.id, ()))

    def _item(self, record: EvidenceRecord, disagreements: Sequence[str]) -> ItemDossier:
        if disagreements:
            record = believed(self.ledger, record)
        evidence = record.evidence
        history = history_of(self.ledger.evidence.events(evidence.id))
        keys = self._copies(evidence, history.judged)
        folder = key_folder(keys[0].key) if keys else None
        return ItemDossier(
            evidence=evidence,
            state=_said(record.state, disagreements),
            files=tuple(_files(evidence, history)),
            keys=tuple(keys),
            key_folder=folder,
            signed_hashes=tuple(f.signed_sha256 for f in history.files if f.signed_sha256 is not None),
            judged=history.judged,
            history=history.happenings,
            disagreements=tuple(disagreements),
            steps=steps_for(evidence, keys[0] if keys else None, folder, self.archive),
        )

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


def _said(state: EvidenceState, disagreements: Sequence[str]) -> EvidenceState:
    """What the next audit will say: a row that differs from its events is not believed, whatever it says."""
    if not disagreements:
        return state
    given = {*state.reasons, Reason.LEDGER_ALTERED}
    reasons = tuple(reason for reason in Reason if reason in given)
    return replace(state, verdict=verdict_of(reasons), reasons=reasons)


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
