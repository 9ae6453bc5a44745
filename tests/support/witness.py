"""A witness (c2sp.org/tlog-witness) on 127.0.0.1, written from the specification and without the program's log code.

``witness``: a server that trusts the keys in ``witness.logs`` (origin -> raw Ed25519 public key) and cosigns with an
Ed25519 or an ML-DSA-44 key. What it saw last of each log is in ``witness.seen``.
"""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

EMPTY = hashlib.sha256(b"").digest()


@dataclass
class Seen:
    """The latest checkpoint of a log that was cosigned. ``note``: with the cosignature."""

    size: int
    root: bytes
    note: str


class WitnessKey:
    """``kind``: 4 (Ed25519) or 6 (ML-DSA-44), of c2sp.org/tlog-cosignature."""

    def __init__(self, name: str, kind: int) -> None:
        self.name = name
        self.kind = kind
        self._private = Ed25519PrivateKey.generate() if kind == 4 else MLDSA44PrivateKey.generate()
        material = bytes([kind]) + self._private.public_key().public_bytes_raw()
        self.id = hashlib.sha256(name.encode() + b"\n" + material).digest()[:4]
        self.vkey = f"{name}+{self.id.hex()}+{base64.b64encode(material).decode()}"

    def line(self, origin: str, size: int, root: bytes, text: str, at: int) -> str:
        """The signature line for a checkpoint."""
        if self.kind == 4:
            message = f"cosignature/v1\ntime {at}\n{text}".encode()
        else:
            name, log = self.name.encode(), origin.encode()
            message = b"subtree/v1\n\0" + bytes([len(name)]) + name + at.to_bytes(8, "big")
            message += bytes([len(log)]) + log + bytes(8) + size.to_bytes(8, "big") + root
        signature = self.id + at.to_bytes(8, "big") + self._private.sign(message)
        return f"— {self.name} {base64.b64encode(signature).decode()}\n"


class WitnessServer:
    """Runs inside ``with``. ``clock``: seconds since 1970. ``mangle`` changes the lines that are sent."""

    def __init__(self, kind: int = 4, name: str = "witness.example.com/w1") -> None:
        self.key = WitnessKey(name, kind)
        self.logs: dict[str, bytes] = {}
        self.seen: dict[str, Seen] = {}
        self.asked: list[bytes] = []
        self.clock: Callable[[], int] = lambda: int(time.time())
        self.mangle: Callable[[str], str] = lambda lines: lines
        self._mutex = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path != "/w/add-checkpoint":
                    self.reply(404, b"", "text/plain")
                    return
                outer.asked.append(body)
                with outer._mutex:
                    self.reply(*outer.add(body))

            def do_GET(self) -> None:
                for origin, seen in outer.seen.items():
                    if self.path == f"/m/{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint":
                        self.reply(200, seen.note.encode(), "text/plain")
                        return
                self.reply(404, b"", "text/plain")

            def reply(self, status: int, body: bytes, kind: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        base = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.url, self.monitoring_url = f"{base}/w", f"{base}/m"

    def add(self, body: bytes) -> tuple[int, bytes, str]:
        """Status, body and Content-Type of the answer to add-checkpoint, in the specification's order of checks."""
        try:
            old, proof, text, lines = _parsed(body)
            origin, size_line, root_line = text.split("\n")[:3]
            size, root = _number(size_line), base64.b64decode(root_line, validate=True)
        except (ValueError, IndexError) as error:
            return 400, str(error).encode(), "text/plain"
        if origin not in self.logs:
            return 404, b"unknown log", "text/plain"
        if not _signed(text, lines, origin, self.logs[origin]):
            return 403, b"no signature by a trusted key", "text/plain"
        if old > size:
            return 400, b"old size beyond the checkpoint's", "text/plain"
        known = self.seen.get(origin, Seen(0, EMPTY, ""))
        if old != known.size:
            return 409, f"{known.size}\n".encode(), "text/x.tlog.size"
        if not _consistent(known, size, root, proof):
            return 422, b"inconsistent", "text/plain"
        line = self.key.line(origin, size, root, text, self.clock())
        self.seen[origin] = Seen(size, root, f"{text}\n{''.join(f'{one}{chr(10)}' for one in lines)}{line}")
        return 200, self.mangle(line).encode(), "text/plain"

    def forget(self) -> None:
        self.logs.clear()
        self.seen.clear()
        self.asked.clear()
        self.clock = lambda: int(time.time())
        self.mangle = lambda lines: lines

    def __enter__(self) -> WitnessServer:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="session")
def witness_servers() -> Iterator[dict[int, WitnessServer]]:
    with WitnessServer(4) as ed25519, WitnessServer(6, "witness.example.com/w2") as ml_dsa:
        yield {4: ed25519, 6: ml_dsa}


@pytest.fixture(params=[4, 6], ids=["ed25519", "ml_dsa_44"])
def witness(request: pytest.FixtureRequest, witness_servers: dict[int, WitnessServer]) -> WitnessServer:
    """A witness of either kind that knows no log yet."""
    server = witness_servers[request.param]
    server.forget()
    return server


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or (text != "0" and text.startswith("0")):
        raise ValueError(f"not a size: {text!r}")
    return int(text)


def _parsed(body: bytes) -> tuple[int, list[bytes], str, list[str]]:
    """Old size, proof, the note's text and its signature lines."""
    head, _, note = body.decode("utf-8").partition("\n\n")
    first, *hashes = head.split("\n")
    if not first.startswith("old ") or len(hashes) > 63:
        raise ValueError("no old size, or too many hashes")
    text, _, lines = note.rpartition("\n\n")
    if not lines.endswith("\n") or not text:
        raise ValueError("no note")
    return (
        _number(first[4:]),
        [base64.b64decode(one, validate=True) for one in hashes],
        f"{text}\n",
        lines.split("\n")[:-1],
    )


def _signed(text: str, lines: list[str], origin: str, public: bytes) -> bool:
    """One signature by the key at least, and none by it that is wrong."""
    wanted = hashlib.sha256(origin.encode() + b"\n\x01" + public).digest()[:4]
    found = False
    for line in lines:
        dash, name, encoded = line.split(" ")
        data = base64.b64decode(encoded, validate=True)
        if (dash, name, data[:4]) == ("—", origin, wanted):
            try:
                Ed25519PublicKey.from_public_bytes(public).verify(data[4:], text.encode())
            except InvalidSignature:
                return False
            found = True
    return found


def _consistent(known: Seen, size: int, root: bytes, proof: list[bytes]) -> bool:
    """RFC 6962 section 2.1.2, read backwards: PROOF and SUBPROOF say how both roots come from the hashes."""
    if known.size in (0, size):
        return not proof and (known.size == 0 or known.root == root)
    rest = iter(proof)

    def subproof(old: int, new: int, whole: bool) -> tuple[bytes, bytes]:
        if old == new:
            same = known.root if whole else next(rest)
            return same, same
        split = 1
        while split * 2 < new:
            split *= 2
        if old <= split:
            before, after = subproof(old, split, whole)
            return before, _node(after, next(rest))
        before, after = subproof(old - split, new - split, False)
        left = next(rest)
        return _node(left, before), _node(left, after)

    try:
        before, after = subproof(known.size, size, True)
    except (StopIteration, RuntimeError):
        return False
    return (before, after) == (known.root, root) and next(rest, None) is None


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
