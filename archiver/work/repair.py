"""Repair: damaged files replaced by what was acquired, where the source can still prove that it has it.

Proof is the acquired SHA-256, in a ledger whose rows and events agree; the second inspection then checks the
signature again. The damaged bytes are kept: they are evidence of the damage.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from archiver.domain.custody import EvidenceRepaired, RepairedFile
from archiver.domain.delivery import SourceObject
from archiver.domain.evidence import Evidence, EvidenceFile
from archiver.domain.paths import SET_ASIDE_FOLDER
from archiver.domain.text import printable
from archiver.domain.times import format_time
from archiver.errors import ArchiverError, ObjectChangedError, ObjectGoneError, StoppedError, StoreFullError
from archiver.ports import Clock, Journal, Source
from archiver.store_ports import Stage, Store
from archiver.work.fetch import Fetched, Fetcher
from archiver.work.inspect import FileState, Inspection
from archiver.work.keys import key_files

SourceOf = Callable[[Evidence], Source | None]
"""The source that an item came from, None where it is not configured any more."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """``trouble``: why nothing, or not everything, could be repaired; "" where all was."""

    trouble: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Repairer:
    """Repairs what an inspection found altered."""

    store: Store
    journal: Journal
    fetcher: Fetcher
    source_of: SourceOf
    clock: Clock

    def repair(self, inspection: Inspection) -> Outcome:
        """Mends everything that *inspection* found altered, or says why not. Raises StoreFullError, StoppedError."""
        evidence = inspection.record.evidence
        if not inspection.ledger_agrees:
            return Outcome(
                f"{evidence.id} is not repaired: the ledger disagrees with itself about what it was",
                "Find out what changed the ledger first; see `archiver show` for the disagreement.",
            )
        source = self.source_of(evidence)
        if inspection.altered and source is None:
            return Outcome(
                f"{evidence.id} is not repaired: its source {evidence.source!r} is not configured",
                "Configure the source again, or import the delivery from a copy.",
            )
        mended: list[RepairedFile] = []
        stage = self.store.stage(evidence.id)
        try:
            for path, data in self._damaged_keys(inspection):
                mended.append(self._key(evidence, path, data, stage))
            if source is not None:
                for state in inspection.altered:
                    mended.append(self._file(evidence, state, source, stage))
        except (StoreFullError, StoppedError):
            raise
        except ArchiverError as error:
            return Outcome(f"{evidence.id} is not repaired: {error}", error.remedy)
        finally:
            stage.discard()
            if mended:
                self._record(evidence, source, mended)
        if inspection.descriptions:
            return Outcome(
                f"{evidence.id}: CloudTrail's account of its query cannot be had again: "
                f"{inspection.descriptions[0].detail}",
                "Put that file back from a backup, or from a package that archiver export made (described.json).",
            )
        return Outcome()

    def _record(self, evidence: Evidence, source: Source | None, mended: list[RepairedFile]) -> None:
        origin = source.url if source else "the ledger"
        entry = EvidenceRepaired(at=self.clock(), id=evidence.id, repaired_from=origin, files=tuple(mended))
        self.journal.record([entry])

    def _damaged_keys(self, inspection: Inspection) -> list[tuple[str, bytes]]:
        if inspection.key is None:
            return []
        files = key_files(inspection.key.key)
        return [(path, files[path]) for path in inspection.altered_keys]

    def _key(self, evidence: Evidence, path: str, data: bytes, stage: Stage) -> RepairedFile:
        """A key's file, made again from the ledger's own copy, whose identity is its SHA-256."""
        with stage.file("key", uuid.uuid4().hex) as staged:
            staged.append(data)
        aside = self.store.replace_damaged(path, stage, "key", self._aside(evidence, path))
        return RepairedFile(path, None, hashlib.sha256(data).hexdigest(), aside)

    def _file(self, evidence: Evidence, state: FileState, source: Source, stage: Stage) -> RepairedFile:
        """One file from the source: the version that was acquired, or what bears its name now. Raises ArchiverError.

        The acquired SHA-256 decides; who wrote the object, and when, does not matter.
        """
        file = state.file
        fetched = self._fetched(file, source, stage)
        if fetched.read.sha256 != file.sha256:
            raise ObjectChangedError(
                f"{source.url} now gives other bytes for {printable(file.origin.key)} "
                f"(SHA-256 {fetched.read.sha256}, acquired was {file.sha256})",
                "Put a copy with the acquired SHA-256 back there, then repair again.",
            )
        aside = self.store.replace_damaged(file.path, stage, f"data:{file.name}", self._aside(evidence, file.path))
        return RepairedFile(file.path, state.read.sha256 if state.read else None, file.sha256, aside)

    def _fetched(self, file: EvidenceFile, source: Source, stage: Stage) -> Fetched:
        acquired = SourceObject(file.origin.key, file.size, file.origin.etag, file.origin.last_modified)
        try:
            return self.fetcher.fetch(source, stage, acquired, file.name, afresh=True, pinned=file.origin)
        except (ObjectChangedError, ObjectGoneError):
            now = next((o for o in source.objects(file.origin.key) if o.key == file.origin.key), None)
            if now is None:
                raise
            return self.fetcher.fetch(source, stage, now, file.name, afresh=True)

    def _aside(self, evidence: Evidence, path: str) -> str:
        moment = format_time(self.clock()).replace(":", "")
        return f"{SET_ASIDE_FOLDER}/{evidence.id}/{moment}/{path}"
