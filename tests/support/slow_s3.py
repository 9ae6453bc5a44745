"""An S3 that gives objects as slowly as a test wants, stops where it is told, and keeps what it was asked.

    server.objects["prefix/result_1.csv.gz"] = data
    server.hold("prefix/result_1.csv.gz", after=2**20)   # one answer stops there until released
    server.holding.wait(30)                              # it stands there now: kill the reader, say
    server.release()
    assert server.ranges("prefix/result_1.csv.gz") == [None, "bytes=1048576-"]

Lists (version 2) and GetObject with Range and If-Match are all it knows; signatures are not looked at.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

BUCKET = "slow-bucket"
_PIECE = 64 * 1024


@dataclass(frozen=True)
class Read:
    """One GetObject. ``range``: its Range header."""

    key: str
    range: str | None


class SlowS3:
    """Runs inside ``with``; ``url`` is where. ``objects``: key -> bytes, for the test to fill and change."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.reads: list[Read] = []
        self.holding = threading.Event()
        self._released = threading.Event()
        self._hold: tuple[str, int] | None = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.get(self)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answer(self, 403, b"<Error><Code>AccessDenied</Code></Error>")

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._modified = datetime.now(UTC).replace(microsecond=0)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def hold(self, key: str, after: int) -> None:
        """The next answer with *key* stops after so many bytes of the object."""
        self.holding.clear()
        self._released.clear()
        self._hold = key, after

    def release(self) -> None:
        """What is held goes on."""
        self._hold = None
        self._released.set()

    def ranges(self, key: str) -> list[str | None]:
        """The Range headers of all reads of *key* so far."""
        return [read.range for read in self.reads if read.key == key]

    def get(self, handler: BaseHTTPRequestHandler) -> None:
        url = urlsplit(handler.path)
        key = unquote(url.path).removeprefix(f"/{BUCKET}").removeprefix("/")
        try:
            if key:
                self._object(handler, key)
            else:
                answer(handler, 200, self._listing(parse_qs(url.query).get("prefix", [""])[0]))
        except ConnectionError:
            handler.close_connection = True  # the reader was killed: that is what this is for

    def _listing(self, prefix: str) -> bytes:
        found = sorted(key for key in self.objects if key.startswith(prefix))
        entries = "".join(
            f"<Contents><Key>{escape(quote(key))}</Key><LastModified>{self._modified:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
            f"<ETag>&quot;{_etag(self.objects[key])}&quot;</ETag><Size>{len(self.objects[key])}</Size></Contents>"
            for key in found
        )
        return (
            f"<ListBucketResult><Name>{BUCKET}</Name><Prefix>{escape(quote(prefix))}</Prefix>"
            f"<EncodingType>url</EncodingType><KeyCount>{len(found)}</KeyCount><MaxKeys>1000</MaxKeys>"
            f"<IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
        ).encode()

    def _object(self, handler: BaseHTTPRequestHandler, key: str) -> None:
        asked = handler.headers.get("Range")
        self.reads.append(Read(key, asked))
        data = self.objects.get(key)
        if data is None:
            answer(handler, 404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        if handler.headers.get("If-Match", "").strip('"') not in ("", _etag(data)):
            answer(handler, 412, b"<Error><Code>PreconditionFailed</Code></Error>")
            return
        match = re.fullmatch(r"bytes=(\d+)-", asked or "")
        start = int(match[1]) if match else 0
        handler.send_response(206 if match else 200)
        handler.send_header("ETag", f'"{_etag(data)}"')
        handler.send_header("Last-Modified", format_datetime(self._modified, usegmt=True))
        handler.send_header("Content-Length", str(len(data) - start))
        if match:
            handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        handler.end_headers()
        for position in range(start, len(data), _PIECE):
            if self._hold is not None and self._hold[0] == key and position >= self._hold[1]:
                handler.wfile.flush()
                self.holding.set()
                self._released.wait(60)
            handler.wfile.write(data[position : position + _PIECE])

    def __enter__(self) -> SlowS3:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def staged_bytes(archive: Path) -> int:
    """Bytes of the longest file that is on its way into *archive*: what a server has sent may not be there yet."""
    return max((file.stat().st_size for file in (archive / ".staging").rglob("files/*")), default=0)


def answer(handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "application/xml")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _etag(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@pytest.fixture
def slow_s3() -> Iterator[SlowS3]:
    with SlowS3() as server:
        yield server
