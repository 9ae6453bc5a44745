"""CloudTrail's account of the query behind a delivery, asked for while it still gives one; evidence without it, too.

What a question costs is bounded: one try, short time-outs, and none for a while in a Region that did not answer.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from archiver.domain.custody import EvidenceAcquired
from archiver.domain.custody_facts import QueryDescribed
from archiver.domain.described import is_too_late
from archiver.domain.evidence import Evidence
from archiver.domain.paths import SET_ASIDE_FOLDER, description_path
from archiver.domain.times import format_time
from archiver.domain.verdict import Verdict
from archiver.errors import MediumError, StoreConflictError, StoreError
from archiver.ports import Clock, Source
from archiver.query_ports import QueryAnswer, QueryAuthority
from archiver.store_ports import Store

PAUSE: Final = timedelta(minutes=10)
"""A Region that refused for another reason than the query is not asked again for so long."""

Authorities = Callable[[str, str], QueryAuthority | None]
"""(source, Region) -> who is asked there about its queries, None where nobody is to be."""

_log = logging.getLogger(__name__)


@dataclass
class Describer:
    """Asks about what was just acquired. Safe from several threads; to be kept, for it knows who did not answer."""

    store: Store
    authorities: Authorities
    clock: Clock
    _refused: dict[tuple[str, str], datetime] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def is_asked(self, source: Source, entry: EvidenceAcquired) -> bool:
        """True where :meth:`describe` would ask somebody, which takes a while."""
        return self._asked(source, entry) is not None

    def _asked(self, source: Source, entry: EvidenceAcquired) -> tuple[QueryAuthority, str, str] | None:
        """Who is to be asked about *entry*'s query, the query's ID and the Region; None where nobody is."""
        evidence, region = entry.evidence, _region(source, entry)
        if entry.by_import or evidence.query_id is None or region is None or is_too_late(evidence):
            return None
        if self._is_paused(source.name, region):
            return None
        authority = self.authorities(source.name, region)
        return None if authority is None else (authority, evidence.query_id, region)

    def describe(self, source: Source, entry: EvidenceAcquired) -> QueryDescribed | None:
        """What is to be recorded behind *entry*, its answer being in the archive; None where nobody was asked.

        Never raises: whatever goes wrong is the refusal, or a line in the log.
        """
        try:
            return self._describe(source, entry)
        except Exception as error:  # a delivery is evidence without it; the text of an error may hold the query's
            _log.warning("query of %s: not asked about: unexpected %s", entry.evidence.id, type(error).__name__)
            return None

    def _describe(self, source: Source, entry: EvidenceAcquired) -> QueryDescribed | None:
        asked = self._asked(source, entry)
        if asked is None:
            return None
        authority, query_id, region = asked
        answer = authority.describe(query_id)
        if answer.refusal and not answer.is_about_query:
            self._pause(source.name, region, answer.refusal)
        return self._kept(entry.evidence, query_id, answer)

    def _is_paused(self, source: str, region: str) -> bool:
        since = self._refused.get((source, region))
        return since is not None and timedelta(0) <= self.clock() - since < PAUSE

    def _pause(self, source: str, region: str, refusal: str) -> None:
        """Says so once, though several threads may have been refused at the same time."""
        with self._lock:
            is_told = self._is_paused(source, region)
            self._refused[source, region] = self.clock()
        if is_told:
            return
        minutes = int(PAUSE.total_seconds() // 60)
        _log.warning("source %s: %s; %s is not asked for %d minutes", source, refusal, region, minutes)

    def _kept(self, evidence: Evidence, query_id: str, answer: QueryAnswer) -> QueryDescribed:
        path = None
        if answer.data is not None:
            try:
                path = self._put(evidence.id, answer.data)
            except (StoreError, MediumError) as error:
                answer = replace(answer, data=None, figures=None, refusal=f"not kept: {type(error).__name__}")
        return QueryDescribed(
            at=self.clock(),
            id=evidence.id,
            query_id=query_id,
            path=path,
            sha256=hashlib.sha256(answer.data).hexdigest() if answer.data is not None else None,
            figures=answer.figures,
            refusal=answer.refusal,
            endpoint=answer.endpoint,
            caller=answer.caller,
            request_id=answer.request_id,
        )

    def _put(self, evidence_id: str, data: bytes) -> str:
        """Where it lies now. What an interrupted run left there is on no record: it is set aside."""
        path = description_path(evidence_id)
        try:
            self.store.put(path, data)
        except StoreConflictError:
            stage = self.store.stage(hashlib.sha256(path.encode()).hexdigest()[:32])
            try:
                with stage.file("described", uuid.uuid4().hex) as staged:
                    staged.append(data)
                moment = format_time(self.clock()).replace(":", "")
                self.store.replace_damaged(
                    path, stage, "described", f"{SET_ASIDE_FOLDER}/{evidence_id}/{moment}/{path}"
                )
            finally:
                stage.discard()
        return path


def _region(source: Source, entry: EvidenceAcquired) -> str | None:
    """Where the query ran: where CloudTrail signed what it delivered, else where the source says that it does.

    The sign file's claim alone is nobody's word, and must not decide who is asked.
    """
    signed = entry.judgement.verdict is Verdict.VERIFIED
    return (entry.evidence.region if signed else None) or source.region
