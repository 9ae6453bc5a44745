"""Evidence: a delivery after acquisition, with everything that identifies it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from archiver.domain.later import later
from archiver.domain.verdict import Finding, Reason, Verdict


class FileRole(StrEnum):
    """What a file of a delivery is. Only ``result`` files can be covered by the signature."""

    SIGN_FILE = "sign_file"
    RESULT = "result"
    UNLISTED = "unlisted"


@dataclass(frozen=True, slots=True)
class Origin:
    """What the source said of one object when it was fetched; all of it observed, none of it signed.

    ``request_id`` and ``request_id_2`` (``x-amz-request-id``, ``x-amz-id-2``) find the request in the bucket's
    own access logs. ``clock_offset_ms``: the answer's ``Date`` minus the local clock, in ms. ``retention``: Object
    Lock as S3 told of it with the object, such as ``GOVERNANCE until 2031-01-01T00:00:00Z; legal hold ON``; "" where
    it told of none, None where nobody asked: a folder, or a version of this program that did not.
    """

    key: str
    etag: str
    version_id: str | None = None
    last_modified: datetime | None = None
    request_id: str | None = None
    request_id_2: str | None = None
    clock_offset_ms: int | None = None
    encryption: str | None = None
    retention: str | None = later()


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """One archived file.

    ``name``: inside the delivery, as delivered (hostile for unlisted files). ``path``: where it lies, relative
    to the archive, with ``/``. ``sha256``: of the bytes as acquired. ``listed_sha256``: the sign file's claim.
    """

    name: str
    role: FileRole
    path: str
    size: int
    sha256: str
    listed_sha256: str | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class Evidence:
    """One archived delivery; never changes once recorded.

    ``id``: 32 hex, see :func:`evidence_id`. ``path``: its folder, relative to the archive. ``account``,
    ``query_id``: the path's claims. ``region``, ``query_complete_time``, ``fingerprint``: the sign file's
    claims, None where it could not be parsed. ``key_sha256``: the key it was judged with.
    ``hash_list_sha256``: SHA-256 of the signing string; equal ones mean a replay. ``source_url``: where the
    source pointed. ``caller``: the AWS identity (ARN, of a role without the session's name) that fetched it, or None.
    """

    id: str
    source: str
    source_url: str
    prefix: str
    path: str
    revision: int
    account: str | None
    query_id: str | None
    region: str | None
    query_complete_time: datetime | None
    fingerprint: str | None
    key_sha256: str | None
    hash_list_sha256: str | None
    files: tuple[EvidenceFile, ...]
    first_seen_at: datetime
    acquired_at: datetime
    caller: str | None

    @property
    def size(self) -> int:
        """Bytes of all its files, the sign file and unlisted ones included."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class EvidenceState:
    """What is currently said of one item; changes with each audit. ``next_audit_at``: when it is due."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    findings: tuple[Finding, ...]
    last_audited_at: datetime | None
    next_audit_at: datetime


def evidence_id(source: str, prefix: str, files: Iterable[tuple[str, str]]) -> str:
    """The ID of the delivery at *prefix* of *source* that consists of *files* (name, SHA-256): 32 hex.

    Derived, so that the same delivery fetched twice is the same evidence, and a rebuilt ledger has the same
    IDs. The parts are length-prefixed: no choice of names makes two deliveries look like one. Any text is
    encoded, lone surrogates (names of folders that are not UTF-8) included.
    """
    digest = hashlib.sha256(b"cloudtrail-evidence-archiver/evidence/1\n")
    for part in (source, prefix, *(text for pair in sorted(files) for text in pair)):
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:32]
