"""A web server that answers from a script, rightly or wrongly, and keeps what it was asked.

    server.will(Answer(200, body=b"half", stated_length=8))   # the connection ends after "half"
    ...
    assert server.requests[0].headers["range"] == "bytes=3-"

Answers are given in order, one a request; a request beyond them gets status 599, which no test expects.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@dataclass(frozen=True)
class Answer:
    """``stated_length``: the Content-Length that is claimed, None: the true one; ``no_length``: not sent at all.

    ``reset``: end by TCP reset. ``pause``: seconds after each byte of the body.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    stated_length: int | None = None
    reset: bool = False
    no_length: bool = False
    pause: float = 0


@dataclass(frozen=True)
class Asked:
    """One request; names of headers in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class HostileServer:
    """Runs inside ``with``; ``url`` is where."""

    def __init__(self) -> None:
        self.requests: list[Asked] = []
        self.answers: Callable[[Asked], Answer] | None = None
        """Answers in place of the script."""
        self._answers: list[Answer] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # chunked bodies are of 1.1

            def answer(self) -> None:
                outer.handle(self)

            do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815 - the base class's names

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def will(self, *answers: Answer) -> None:
        self._answers.extend(answers)

    def forget(self) -> None:
        self.requests.clear()
        self._answers.clear()
        self.answers = None

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        asked = Asked(handler.command, handler.path, headers, body)
        self.requests.append(asked)
        if self.answers is not None:
            answer = self.answers(asked)
        else:
            answer = self._answers.pop(0) if self._answers else Answer(599, b"not in the script")
        length = len(answer.body) if answer.stated_length is None else answer.stated_length
        handler.send_response(answer.status)
        stated = {} if answer.no_length else {"Content-Length": str(length)}
        for name, value in {**stated, **answer.headers}.items():
            handler.send_header(name, value)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        if answer.pause:
            _drip(handler, answer)
        else:
            with contextlib.suppress(ConnectionError):  # who asked may leave in the middle
                handler.wfile.write(answer.body)
        if answer.reset:
            handler.wfile.flush()
            linger = struct.pack("ii", 1, 0)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            handler.connection.close()

    def __enter__(self) -> HostileServer:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _drip(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    with contextlib.suppress(ConnectionError):  # who asked has given up
        for byte in answer.body:
            handler.wfile.write(bytes([byte]))
            time.sleep(answer.pause)


@pytest.fixture(scope="session")
def hostile_server() -> Iterator[HostileServer]:
    with HostileServer() as server:
        yield server


@pytest.fixture
def hostile(hostile_server: HostileServer) -> HostileServer:
    """The server, with an empty script; its URL stays the same, so that a test may keep clients for it."""
    hostile_server.forget()
    return hostile_server
