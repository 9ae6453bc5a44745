"""RFC 3161 time stamps over checkpoints: asked for over HTTP, and proved by certificates alone ever after.

What is stamped is the SHA-256 of the signed note as it stands in ``checkpoints/<N>``; the proof is the authority's
response, byte for byte, so that ``openssl ts -verify -data <note> -in <proof> -CAfile <CAs>`` checks it too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from archiver.adapters.anchors import web
from archiver.adapters.anchors.tokens import Trust, check_stamp
from archiver.domain.custody_log import CheckpointAnchored
from archiver.domain.limits import ANCHOR_ANSWER_BYTES
from archiver.domain.log_records import Anchor
from archiver.errors import AnchorError, UsageError
from archiver.log.anchors import TIMESTAMP, disagreement, proof_path
from archiver.log_ports import Known
from archiver.ports import Clock

if TYPE_CHECKING:
    from rfc3161_client import TimeStampRequest

_ASKED: Final = "application/timestamp-query"
_PROBE: Final = b"archiver doctor\n"


class TimestampAuthority:
    """``log_ports.Anchorer`` for the authority *name*, which answers at *url* (RFC 3161, section 3.4).

    *ca_file*: PEM of the root certificates that are trusted for it, and of those between that it does not send.
    *url* None: the authority is asked no more.
    """

    def __init__(self, name: str, url: str | None, ca_file: Path, clock: Clock) -> None:
        """Nothing is read or asked yet. Raises UsageError where rfc3161-client is not installed."""
        if find_spec("rfc3161_client") is None:
            raise UsageError(
                "[[anchors.timestamps]] needs rfc3161-client, which is not installed",
                "Install rfc3161-client: requirements/runtime.txt has it, with hashes.",
            )
        self._name = name
        self._url = url
        self._ca_file = ca_file
        self._clock = clock

    @property
    def method(self) -> str:
        return TIMESTAMP

    @property
    def name(self) -> str:
        return self._name

    @property
    def retired(self) -> bool:
        return self._url is None

    def path(self, size: int) -> str:
        return proof_path(TIMESTAMP, self._name, size, "tsr")

    def anchor(
        self,
        size: int,
        note: str,
        prove: Callable[[int, int], Sequence[bytes]],  # noqa: ARG002 - the port's
    ) -> tuple[CheckpointAnchored, bytes]:
        data = note.encode("utf-8")
        request, proof = self._ask(data)
        return self._entry(size, data, proof, request.nonce), proof

    def read(self, size: int, note: str, proof: bytes) -> CheckpointAnchored:
        return self._entry(size, note.encode("utf-8"), proof, None)

    def check(self, anchor: Anchor, note: str, proof: bytes) -> str | None:
        try:
            told = self.read(anchor.size, note, proof)
        except AnchorError as error:
            return str(error)
        return disagreement(anchor, told)

    def heads(self, known: Known = lambda _size: None) -> Iterator[tuple[int, str]]:  # noqa: ARG002 - the port's
        return iter(())

    def probe(self) -> str:
        request, proof = self._ask(_PROBE)
        stamp = check_stamp(proof, hashlib.sha256(_PROBE).digest(), self._trust, request.nonce)
        apart = abs((stamp.at - self._clock()).total_seconds())
        return (
            f"stamps, with a certificate that ends {stamp.ends:%Y-%m-%d}; "
            f"its clock and this machine's differ by {apart:.0f} s"
        )

    @cached_property
    def _trust(self) -> Trust:
        return Trust.read(self._ca_file)

    def _ask(self, data: bytes) -> tuple[TimeStampRequest, bytes]:
        """A request over *data*, with a nonce, and what comes back. Raises AnchorError."""
        from rfc3161_client import HashAlgorithm, TimestampRequestBuilder  # noqa: PLC0415 - an extra

        if self._url is None:
            raise AnchorError(f"the time-stamping authority {self._name} has no url: it is asked no more")
        request = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256).build()
        answer = web.post(self._url, request.as_bytes(), _ASKED, ANCHOR_ANSWER_BYTES)
        if answer.status != 200:
            raise web.failed(answer, self._url)
        return request, answer.body

    def _entry(self, size: int, data: bytes, proof: bytes, nonce: int | None) -> CheckpointAnchored:
        stamp = check_stamp(proof, hashlib.sha256(data).digest(), self._trust, nonce)
        return CheckpointAnchored(
            at=self._clock(),
            size=size,
            method=TIMESTAMP,
            name=self._name,
            path=self.path(size),
            sha256=hashlib.sha256(proof).hexdigest(),
            proved_at=stamp.at,
            valid_until=stamp.ends,
        )
