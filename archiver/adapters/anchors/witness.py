"""C2SP witnesses (c2sp.org/tlog-witness): they cosign a checkpoint that continues what they saw before.

The proof is the checkpoint with the witness's cosignature behind the log's own signatures: a note that anyone's tools
verify with the witness's key.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from archiver.adapters.anchors import web
from archiver.domain.custody_log import CheckpointAnchored
from archiver.domain.limits import ANCHOR_ANSWER_BYTES
from archiver.domain.log_records import Anchor
from archiver.domain.times import format_time
from archiver.errors import AnchorError, AnchorForkedError
from archiver.log.anchors import WITNESS, disagreement, file_name, proof_path
from archiver.log.checkpoint import parse_checkpoint
from archiver.log.note import VerifierKey, cosigned_at, format_note, parse_note
from archiver.log_ports import Known
from archiver.ports import Clock

_SIZE: Final = re.compile(rb"(0|[1-9][0-9]{0,18})\n", re.ASCII)
_MOST_PROOF_LINES: Final = 63
_ROUNDS: Final = 3
"""How often a witness may say that it knows another size than it said before: somebody else submits too."""

_AHEAD: Final = timedelta(hours=1)
"""How far in the future a witness's clock may be."""


class Witness:
    """``log_ports.Anchorer`` for the witness with *key*, which takes checkpoints of the log *origin* below *url*.

    *key*: of the types 4 or 6. *monitoring_url*: where it tells what it cosigned, None where it does not. *url* None:
    it is asked no more.
    """

    def __init__(
        self, key: VerifierKey, origin: str, url: str | None, monitoring_url: str | None, clock: Clock
    ) -> None:
        """Nothing is asked yet."""
        self._key = key
        self._origin = origin
        self._url = url and url.rstrip("/")
        self._monitoring_url = monitoring_url and monitoring_url.rstrip("/")
        self._clock = clock
        self._seen = 0

    @property
    def method(self) -> str:
        return WITNESS

    @property
    def name(self) -> str:
        """The key's name and ID: a witness with a new key is another one."""
        return f"{file_name(self._key.name)}-{self._key.id.hex()}"

    @property
    def retired(self) -> bool:
        return self._url is None

    def path(self, size: int) -> str:
        return proof_path(WITNESS, self.name, size, "note")

    def anchor(
        self, size: int, note: str, prove: Callable[[int, int], Sequence[bytes]]
    ) -> tuple[CheckpointAnchored, bytes]:
        answer = self._submit(size, note, prove)
        proof = self._cosigned(note, answer)
        entry = self.read(size, note, proof)
        if entry.proved_at > self._clock() + _AHEAD:
            raise AnchorError(
                f"the witness {self._key.name} cosigns at {format_time(entry.proved_at)}, in the future"
            )
        self._seen = size
        return entry, proof

    def read(self, size: int, note: str, proof: bytes) -> CheckpointAnchored:
        return CheckpointAnchored(
            at=self._clock(),
            size=size,
            method=WITNESS,
            name=self.name,
            path=self.path(size),
            sha256=hashlib.sha256(proof).hexdigest(),
            proved_at=self._time(note, proof),
            valid_until=None,
        )

    def check(self, anchor: Anchor, note: str, proof: bytes) -> str | None:
        try:
            told = self.read(anchor.size, note, proof)
        except AnchorError as error:
            return str(error)
        return disagreement(anchor, told)

    def heads(self, known: Known = lambda _size: None) -> Iterator[tuple[int, str]]:  # noqa: ARG002 - the port's
        """The one checkpoint that the witness tells, if its cosignature holds."""
        if self._monitoring_url is None:
            return
        url = f"{self._monitoring_url}/{hashlib.sha256(self._origin.encode('utf-8')).hexdigest()}/checkpoint"
        answer = web.get(url, ANCHOR_ANSWER_BYTES)
        if answer.status == 404:
            return
        if answer.status != 200:
            raise web.failed(answer, url)
        try:
            note = parse_note(answer.body)
            head = parse_checkpoint(note.text)
            seen = cosigned_at(note, self._key)
        except ValueError as error:
            raise AnchorError(f"{url} tells what is no checkpoint of the witness: {error}") from error
        if seen is None or head.origin != self._origin:
            raise AnchorError(f"{url} tells a checkpoint that is not this log's, or not cosigned by the witness")
        yield head.size, answer.body.decode("utf-8")

    def probe(self) -> str:
        if self._url is None:
            raise AnchorError(f"the witness {self._key.name} has no url: it is asked no more")
        answer = web.post(f"{self._url}/add-checkpoint", b"", "text/plain", ANCHOR_ANSWER_BYTES)
        if answer.status not in (400, 422):  # what the protocol has for a request that is none
            raise web.failed(answer, self._url)
        known = [size for size, _ in self.heads()]
        return f"answers{f', and has cosigned {known[0]} leaves' if known else ''}"

    def _submit(self, size: int, note: str, prove: Callable[[int, int], Sequence[bytes]]) -> bytes:
        """Signature lines for the checkpoint. Raises AnchorError, AnchorForkedError."""
        if self._url is None:
            raise AnchorError(f"the witness {self._key.name} has no url: it is asked no more")
        url = f"{self._url}/add-checkpoint"
        old = min(self._seen, size)
        for _ in range(_ROUNDS):
            body = self._request(old, size, note, prove)
            answer = web.post(url, body, "text/plain", ANCHOR_ANSWER_BYTES)
            if answer.status == 200:
                return answer.body
            if answer.status != 409:
                raise self._refused(answer, url, old, size)
            known = _SIZE.fullmatch(answer.body)
            if known is None:
                raise AnchorError(f"{url} answers HTTP 409 without the size that it knows")
            old = int(known[1])
            if old > size:
                raise AnchorForkedError(
                    f"the witness {self._key.name} has cosigned {old} leaves of this log, which has {size} here",
                    "the ledger was set back, or another copy of it goes on: run archiver ledger verify",
                )
        raise AnchorError(f"{url} goes on to name another size")

    def _request(self, old: int, size: int, note: str, prove: Callable[[int, int], Sequence[bytes]]) -> bytes:
        hashes = prove(old, size)
        if len(hashes) > _MOST_PROOF_LINES:
            raise AnchorError(f"a consistency proof of {len(hashes)} hashes is longer than witnesses take")
        lines = [f"old {old}", *(base64.b64encode(one).decode("ascii") for one in hashes), "", note]
        return "\n".join(lines).encode("utf-8")

    def _refused(self, answer: web.Answer, url: str, old: int, size: int) -> AnchorError:
        if answer.status == 422:
            return AnchorForkedError(
                f"the witness {self._key.name} does not find the {old} leaves that it cosigned in this log's {size}",
                "it saw another history of this log: run archiver ledger verify",
            )
        error = web.failed(answer, url)
        if answer.status in (403, 404):
            error.remedy = f"have its operator add this log: origin {self._origin}, and the key that status prints"
        return error

    def _cosigned(self, note: str, lines: bytes) -> bytes:
        """*note* with this witness's line out of *lines*; lines of others are not its to give. Raises AnchorError."""
        try:
            ours = parse_note(note.encode("utf-8"))
            theirs = parse_note(note.encode("utf-8") + lines).signatures[len(ours.signatures) :]
            mine = [one for one in theirs if (one.name, one.id) == (self._key.name, self._key.id)]
            if not mine:
                raise AnchorError(f"the witness {self._key.name} answers without a cosignature by its key")
            return format_note(ours.text, [*ours.signatures, mine[0]]).encode("utf-8")
        except ValueError as error:
            raise AnchorError(f"the witness {self._key.name} answers what is no cosignature: {error}") from error

    def _time(self, note: str, proof: bytes) -> datetime:
        """When *proof* says that the witness saw *note*. Raises AnchorError."""
        try:
            cosigned = parse_note(proof)
            if cosigned.text != parse_note(note.encode("utf-8")).text:
                raise AnchorError("the cosignature is on another checkpoint")
            at = cosigned_at(cosigned, self._key)
        except ValueError as error:
            raise AnchorError(f"the cosignature does not hold: {error}") from error
        if at is None:
            raise AnchorError(f"there is no cosignature by {self._key.name}")
        return at
