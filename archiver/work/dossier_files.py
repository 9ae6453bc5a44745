"""What a dossier says of each file, by what it was acquired as, last judged as, and read as for the report."""

from __future__ import annotations

from collections.abc import Iterable

from archiver.domain.custody import to_json
from archiver.domain.dossier import FileAccount, Standing
from archiver.domain.evidence import Evidence, EvidenceFile, FileRole
from archiver.domain.survey import Look
from archiver.domain.verdict import Check, CheckResult, FileResult
from archiver.work.history import History


def file_accounts(evidence: Evidence, history: History, look: Look | None = None) -> Iterable[FileAccount]:
    """The archived files in their order, then those that are listed and never came. *look*: a reading since."""
    look = look or Look()
    last = {result.name: result for result in history.files}
    checked = history.judged[-1].checks if history.judged else ()
    archive = next((c for c in checked if c.id == "archive"), None)
    names = set()
    for file in evidence.files:
        name = to_json(file.name)  # as custody bodies have it
        names.add(name)
        yield _account(file, last.get(name), archive, look)
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


def _account(file: EvidenceFile, last: FileResult | None, archive: Check | None, look: Look) -> FileAccount:
    return FileAccount(
        name=file.name,
        role=file.role,
        path=file.path,
        size=file.size,
        sha256=file.sha256,
        listed_sha256=file.listed_sha256,
        signed_sha256=last.signed_sha256 if last else None,
        standing=_now(file, look) or _since_acquired(file, last, archive) or _as_acquired(file, last),
        origin=file.origin,
    )


def _now(file: EvidenceFile, look: Look) -> Standing | None:
    """What reading it for the report says against the file."""
    if file.path in look.altered:
        return Standing.ALTERED
    return Standing.UNREAD if file.path in look.unread else None


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
