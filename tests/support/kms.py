"""A server that speaks AWS KMS, as far as signing goes, over real HTTP: JSON 1.1, GetPublicKey and Sign.

It really signs, with an Ed25519 key of its own, and refuses what KMS refuses (AWS KMS API Reference, "Sign"):
another algorithm than the key's, a raw message of more than 4,096 bytes, a request nobody signed.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.hostile_http import Answer

KEY_ARN = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ALIAS_ARN = "arn:aws:kms:eu-central-1:111122223333:alias/custody"

Twist = Callable[[dict[str, Any]], dict[str, Any]]
"""Changes an answer before it is sent."""


class KmsServer:
    """Runs inside ``with``; ``url`` is where. ``asked``: (operation, request, headers) of every request so far.

    ``answers``: sent in place of the next true ones, a (status, error type) each. ``twist``: by operation.
    """

    def __init__(self) -> None:
        self.private = Ed25519PrivateKey.generate()
        self.asked: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.answers: list[Answer] = []
        self.twist: dict[str, Twist] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer.handle(self)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def public(self) -> bytes:
        """32 bytes."""
        return self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def operations(self) -> list[str]:
        return [operation for operation, _, _ in self.asked]

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        request = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        operation = handler.headers["X-Amz-Target"].removeprefix("TrentService.")
        self.asked.append((operation, request, {name.lower(): value for name, value in handler.headers.items()}))
        answer = self.answers.pop(0) if self.answers else self._answer(operation, request, handler)
        handler.send_response(answer.status)
        handler.send_header("Content-Type", "application/x-amz-json-1.1")
        handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        handler.wfile.write(answer.body)

    def _answer(self, operation: str, request: dict[str, Any], handler: BaseHTTPRequestHandler) -> Answer:
        if not handler.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 "):
            return refusal(400, "MissingAuthenticationTokenException")
        if request.get("KeyId") not in (KEY_ARN, ALIAS_ARN):
            return refusal(400, "NotFoundException", "Key does not exist")
        made = {"GetPublicKey": self._public_key, "Sign": self._sign}[operation](request)
        if isinstance(made, Answer):
            return made
        return Answer(200, json.dumps(self.twist.get(operation, dict)(made)).encode())

    def _public_key(self, _request: dict[str, Any]) -> dict[str, Any]:
        der = self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return {
            "KeyId": KEY_ARN,
            "PublicKey": base64.b64encode(der).decode(),
            "KeySpec": "ECC_NIST_EDWARDS25519",
            "CustomerMasterKeySpec": "ECC_NIST_EDWARDS25519",
            "KeyUsage": "SIGN_VERIFY",
            "SigningAlgorithms": ["ED25519_SHA_512", "ED25519_PH_SHA_512"],
        }

    def _sign(self, request: dict[str, Any]) -> dict[str, Any] | Answer:
        message = base64.b64decode(request["Message"], validate=True)
        if request["SigningAlgorithm"] != "ED25519_SHA_512" or request.get("MessageType", "RAW") != "RAW":
            return refusal(400, "InvalidKeyUsageException")
        if not 1 <= len(message) <= 4096:
            return refusal(400, "ValidationException")
        signature = base64.b64encode(self.private.sign(message)).decode()
        return {"KeyId": KEY_ARN, "Signature": signature, "SigningAlgorithm": "ED25519_SHA_512"}

    @contextmanager
    def running(self) -> Iterator[KmsServer]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


def refusal(status: int, kind: str, message: str = "No.") -> Answer:
    """An error as KMS answers it."""
    return Answer(status, json.dumps({"__type": kind, "message": message}).encode())


@pytest.fixture
def kms() -> Iterator[KmsServer]:
    with KmsServer().running() as server:
        yield server
