"""What a dossier shows of the archive's bytes: each is read now, and shown only where it is what was recorded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final

from archiver.domain.dossier import FileAccount, SignFileAccount, Standing
from archiver.domain.evidence import Evidence, FileRole
from archiver.domain.facts import Absent, Fact, Label, fact
from archiver.domain.limits import CSV_HEADER_BYTES, DESCRIPTION_BYTES, GZIP_PROBE_BYTES, SIGN_FILE_BYTES
from archiver.domain.sign_file import SignFileInvalidError, SignFileUnsupportedError, parse_sign_file
from archiver.errors import MediumError
from archiver.store_ports import Store
from archiver.verify.unpack import Unpacker
from archiver.work.dossier_facts import header_facts, why_not_described
from archiver.work.history import History

ALTERED: Final = "the ARCHIVE, read for this, does not hold what was recorded: {}"
"""What is told of each file."""


class ArchiveReader:
    """Reads for one item. *signed*: whose word a value is that the signature covers.

    ``altered``: what of that which was read is gone, or not what was recorded; what cannot be read now is not told.
    """

    def __init__(
        self, store: Store, evidence: Evidence, files: Sequence[FileAccount], history: History, signed: Label
    ) -> None:
        self._signed = signed
        self.altered: list[str] = []
        self._store, self._evidence, self._files, self._history = store, evidence, files, history

    def sign_file(self) -> SignFileAccount:
        """The sign file verbatim, and what in it is signed how."""
        file = next((f for f in self._files if f.role is FileRole.SIGN_FILE), None)
        if file is None or file.path is None:
            return SignFileAccount(None, None, None, None, Absent.NONE)
        data = self._read(file.path, SIGN_FILE_BYTES)
        if data is None or not self._is(data, file.sha256, file.path):
            return SignFileAccount(None, file.sha256, None, None, Absent.NOT_THERE)
        text = data.decode("utf-8", "backslashreplace")
        try:
            parsed = parse_sign_file(data)
        except (SignFileInvalidError, SignFileUnsupportedError):
            return SignFileAccount(text, file.sha256, None, None)
        signing = parsed.signing_string.decode("ascii")
        return SignFileAccount(text, file.sha256, signing, parsed.signature.hex())

    def header(self) -> tuple[Fact, Fact]:
        """(execution_time, sql_text) by the header of the first result, which is signed with the rest of its bytes.

        The line is read now, and shown only where it is the one that a whole reading of the file found in it.
        """
        results = [f for f in self._files if f.role is FileRole.RESULT and f.path is not None]
        first = min(results, key=lambda file: (len(file.name), file.name), default=None)
        survey = self._history.surveys.get(first.name) if first else None
        line, trouble = None, Absent.NOT_READ
        if first is not None and first.path is not None and survey is not None and survey.sha256 == first.sha256:
            line = self._first_line(first.path) if survey.header_sha256 else None
            if line is not None and not self._is(line, survey.header_sha256, f"the first line of {first.path}"):
                line = None
            trouble = Absent.NOT_THERE if survey.header_sha256 else Absent.UNREADABLE
        label = self._signed if first is not None and first.standing is Standing.SIGNED else Label.CLAIMED
        text = None if line is None else line.decode("utf-8", "backslashreplace")
        sql_text, execution_time = header_facts(survey, text, trouble, label)
        return execution_time, sql_text

    def _first_line(self, path: str) -> bytes | None:
        head = self._read(path, GZIP_PROBE_BYTES, whole=False)
        if head is None:
            return None
        start, unpacker = b"", Unpacker()
        for piece in chain(unpacker.take(head), unpacker.rest()):
            start += piece
            if b"\n" in start or len(start) > CSV_HEADER_BYTES:
                break
        return start.partition(b"\n")[0].removesuffix(b"\r")

    def query_string(self) -> Fact:
        """The query's text as CloudTrail told it, from the file whose hash the event holds."""
        described = self._history.described
        why = why_not_described(self._evidence, described)
        if described is None or described.path is None:
            return Fact("query_string", None, Label.OBSERVED, why)
        data = self._read(described.path, DESCRIPTION_BYTES)
        if data is None or not self._is(data, described.sha256, described.path):
            return Fact("query_string", None, Label.OBSERVED, Absent.NOT_THERE)
        try:
            answer = json.loads(data)
            text = answer.get("QueryString") if isinstance(answer, dict) else None
        except (ValueError, RecursionError):
            text = None
        return fact("query_string", text if isinstance(text, str) else None, Label.OBSERVED)

    def _is(self, data: bytes, sha256: str | None, what: str) -> bool:
        """True if *data* is what was recorded of *what*; what is not, is told."""
        found = hashlib.sha256(data).hexdigest()
        if found != sha256:
            self.altered.append(ALTERED.format(f"{what}: it has SHA-256 {found}, and {sha256} is on record"))
        return found == sha256

    def _read(self, path: str, most: int, whole: bool = True) -> bytes | None:
        """The bytes at *path*; None where it cannot be read or, if the *whole* is wanted, has more than *most*."""
        try:
            with self._store.open(path, from_medium=False) as stream:
                data = stream.read(most + 1)
        except FileNotFoundError:
            self.altered.append(ALTERED.format(f"{path}: it is not there"))
            return None
        except (OSError, MediumError):
            return None
        return None if whole and len(data) > most else data[:most]


def altered_files(store: Store, files: Mapping[str, bytes]) -> list[str]:
    """Which of *files*, by path, are not in the archive as they were written; what cannot be read is not told."""
    told = []
    for path, wanted in files.items():
        try:
            with store.open(path, from_medium=False) as stream:
                data = stream.read(len(wanted) + 1)
        except FileNotFoundError:
            told.append(ALTERED.format(f"{path}: it is not there"))
        except (OSError, MediumError):
            continue
        else:
            if data != wanted:
                told.append(ALTERED.format(f"{path}: it is not the public key that was archived there"))
    return told
