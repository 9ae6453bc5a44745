"""One request over HTTP to somebody who may be slow, broken or hostile: bounded in time and in bytes.

Proxies come from the environment (``HTTPS_PROXY``, ``NO_PROXY`` …) as they do for the AWS client, but never for this
machine itself. No redirect is followed: whoever was configured answers, or nobody does.
"""

from __future__ import annotations

import socket
import threading
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from archiver.domain.text import printable
from archiver.errors import AnchorError
from archiver.version import __version__

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

_CONNECT_SECONDS: Final = 5
_SILENCE_SECONDS: Final = 10
"""Longest wait for the next bytes."""

WHOLE_SECONDS: Final = 20
"""Longest time from the connection to the last byte: a byte now and then keeps nobody waiting."""

_PIECE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """``status``: of HTTP; ``body``: all of it."""

    status: int
    body: bytes


def get(url: str, most: int) -> Answer:
    """What *url* answers to GET. Raises AnchorError as :func:`post` does."""
    return _ask("GET", url, None, {}, most)


def post(url: str, body: bytes, kind: str, most: int) -> Answer:
    """What *url* answers to a POST of *body*, whose Content-Type is *kind*.

    Raises AnchorError where nobody answers in time, for a redirect, and for more than *most* bytes.
    """
    return _ask("POST", url, body, {"Content-Type": kind}, most)


def failed(answer: Answer, url: str) -> AnchorError:
    """The error that *answer* is where its status says that nothing came of the request."""
    said = printable(answer.body[:300].decode("utf-8", "replace").strip(), 200)
    return AnchorError(f"{_shown(url)} answers HTTP {answer.status}" + (f": {said}" if said else ""))


def _ask(method: str, url: str, body: bytes | None, headers: Mapping[str, str], most: int) -> Answer:
    started = _Deadline(WHOLE_SECONDS)
    sent = {"User-Agent": f"cloudtrail-evidence-archiver/{__version__}", "Accept-Encoding": "identity", **headers}
    try:
        with started, _pools(url, started) as pools:
            response = pools.request(
                method,
                url,
                body=body,
                headers=sent,
                redirect=False,
                retries=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_SILENCE_SECONDS),
            )
            try:
                answer = Answer(response.status, _body(response, most, url))
            finally:
                response.close()
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        if started.over:
            raise AnchorError(f"{_shown(url)} did not answer within {WHOLE_SECONDS} s") from error
        raise AnchorError(
            f"{_shown(url)} cannot be asked: {printable(str(error) or type(error).__name__, 300)}",
            "check the network, the address, and HTTPS_PROXY if one is needed",
        ) from error
    if 300 <= answer.status < 400:
        where = printable(response.headers.get("Location", "nowhere"), 200)
        raise AnchorError(
            f"{_shown(url)} sends on to {where} (HTTP {answer.status})",
            "redirects are not followed: configure the address itself",
        )
    return answer


def _body(response: urllib3.BaseHTTPResponse, most: int, url: str) -> bytes:
    parts: list[bytes] = []
    read = 0
    for part in response.stream(_PIECE, decode_content=False):
        parts.append(part)
        read += len(part)
        if read > most:
            raise AnchorError(f"{_shown(url)} answers more than {most} bytes")
    return b"".join(parts)


def _shown(url: str) -> str:
    return printable(url, 200)


class _Deadline:
    """Ends what hangs on its sockets once its time is over, whatever they are waiting for."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    @property
    def over(self) -> bool:
        return time.monotonic() >= self._ends

    def covers(self, connection: HTTPConnection) -> None:
        """From now on the socket of *connection* is ended in time."""
        if connection.sock is not None:
            self._sockets.append(connection.sock)

    def _end(self) -> None:
        for one in self._sockets:
            with suppress(OSError):  # it has ended already
                socket.socket.shutdown(one, socket.SHUT_RDWR)  # of the connection below TLS, if there is TLS

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


def _pools(url: str, deadline: _Deadline) -> urllib3.PoolManager:
    """What connects to *url*, by way of the environment's proxy where there is one for it."""

    class Connection(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            deadline.covers(self)

    class SecureConnection(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            deadline.covers(self)

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    proxy = _proxy(url)
    if proxy is None:
        pools = urllib3.PoolManager()
    else:
        parts = urlsplit(proxy)
        named = unquote(f"{parts.username}:{parts.password or ''}") if parts.username else None
        headers = urllib3.make_headers(proxy_basic_auth=named) if named else None
        pools = urllib3.ProxyManager(proxy, proxy_headers=headers)
    pools.pool_classes_by_scheme = {"http": Pool, "https": SecurePool}
    return pools


def _proxy(url: str) -> str | None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in LOOPBACK or urllib.request.proxy_bypass(host):
        return None
    found = urllib.request.getproxies()
    proxy = found.get(parts.scheme) or found.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"
