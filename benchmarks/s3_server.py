"""An S3 for benchmarks: a folder served read-only by sendfile, so that what is measured is whoever fetches.

Speaks as much of S3 as the AWS CLI, rclone and boto3 need to list and to read (ListObjectsV2, HeadObject, GetObject
with Range and If-Match), GetCallerIdentity, and CloudTrail's ListPublicKeys. Signatures of requests are not checked.
``python -m benchmarks.s3_server FOLDER [MS [MB]]`` prints its URL; folders below FOLDER are buckets, and what
ListPublicKeys answers is ``FOLDER/keys.json``. ``FOLDER/NAME.listing`` is the bucket NAME with objects that can be
listed and no more, one a line: key, size, ETag and time, with tabs between. Each answer waits MS milliseconds, each
connection gives MB megabytes a second, 0 for as they come. Amazon S3 User Guide, "Performance design patterns": 100
to 200 ms to the first byte of a small object, 85 to 90 MB/s for each request on the way.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

_PAGE: Final = 1000
_NOWHERE: Final = Path(os.devnull)
_PART_BYTES: Final = 8 << 20
"""Objects from this size on have the ETag of an upload in parts, which is no hash of their bytes."""

_CALLER: Final = "arn:aws:iam::111122223333:user/benchmark"


@dataclass(frozen=True)
class Wire:
    """``latency``: seconds before each answer; ``rate``: bytes a second of each connection, 0 for no limit."""

    latency: float
    rate: float


@dataclass(frozen=True)
class Object:
    """One file that is served."""

    path: Path
    size: int
    etag: str
    modified: datetime


class Bucket:
    """What a bucket holds, in key order."""

    def __init__(self, objects: dict[str, Object]) -> None:
        """*objects*: by key."""
        self.objects = objects
        self.keys = sorted(self.objects, key=str.encode)

    def below(self, prefix: str, after: str, delimiter: str) -> tuple[list[str], list[str], str]:
        """Keys, common prefixes, and where the next page begins ("" at the end)."""
        keys: list[str] = []
        folders: list[str] = []
        position = bisect_left(self.keys, max(prefix, after))
        while position < len(self.keys) and self.keys[position].startswith(prefix):
            if len(keys) + len(folders) == _PAGE:
                return keys, folders, self.keys[position]
            key = self.keys[position]
            head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
            if found:
                folders.append(prefix + head + delimiter)
                position = bisect_left(self.keys, prefix + head + chr(ord(delimiter) + 1), position)
            else:
                keys.append(key)
                position += 1
        return keys, folders, ""


def _listed(line: str) -> tuple[str, Object]:
    key, size, etag, modified = line.rstrip("\n").split("\t")
    return key, Object(_NOWHERE, int(size), etag, datetime.fromisoformat(modified))


def _below(folder: Path) -> Iterator[tuple[str, Object]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path.relative_to(folder)), _object(path)


def _buckets(root: Path) -> Iterator[tuple[str, Bucket]]:
    for entry in root.iterdir():
        if entry.is_dir():
            yield entry.name, Bucket(dict(_below(entry)))
        elif entry.suffix == ".listing":
            with entry.open(encoding="utf-8") as lines:
                yield entry.stem, Bucket(dict(map(_listed, lines)))


def _object(path: Path) -> Object:
    facts = path.stat()
    if facts.st_size < _PART_BYTES:
        etag = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    else:
        etag = f"{hashlib.md5(str(path).encode(), usedforsecurity=False).hexdigest()}-{facts.st_size // _PART_BYTES}"
    return Object(path, facts.st_size, etag, datetime.fromtimestamp(int(facts.st_mtime), UTC))


class Connection(threading.Thread):
    """Answers one connection's requests, one after the other."""

    def __init__(self, served: socket.socket, buckets: dict[str, Bucket], keys: bytes, wire: Wire) -> None:
        """*keys*: the answer of ListPublicKeys."""
        super().__init__(daemon=True)
        served.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket, self._buckets, self._keys, self._wire = served, buckets, keys, wire
        self._ahead = b""

    def run(self) -> None:
        """Until the other side is gone."""
        try:
            while head := self._head():
                if self._wire.latency:
                    time.sleep(self._wire.latency)
                self._answer(head)
        except (ConnectionError, TimeoutError):
            pass
        finally:
            self._socket.close()

    def _head(self) -> bytes:
        while b"\r\n\r\n" not in self._ahead:
            more = self._socket.recv(65536)
            if not more:
                return b""
            self._ahead += more
        head, _, self._ahead = self._ahead.partition(b"\r\n\r\n")
        return head

    def _answer(self, head: bytes) -> None:
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        while len(self._ahead) < length:
            self._ahead += self._socket.recv(65536)
        body, self._ahead = self._ahead[:length], self._ahead[length:]
        parts = urlsplit(target)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        if method == "POST":
            self._post(headers, body)
        elif bucket not in self._buckets:
            self._error(404, "NoSuchBucket", method)
        elif key:
            self._object(method, self._buckets[bucket].objects.get(key), headers)
        else:
            query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
            self._send(200, "application/xml", _listing(self._buckets[bucket], bucket, query), method)

    def _post(self, headers: dict[str, str], body: bytes) -> None:
        if b"GetCallerIdentity" in body:
            xml = (
                '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
                f"<Arn>{_CALLER}</Arn><UserId>AIDA</UserId><Account>111122223333</Account>"
                "</GetCallerIdentityResult></GetCallerIdentityResponse>"
            )
            self._send(200, "text/xml", xml.encode())
        elif headers.get("x-amz-target", "").endswith("ListPublicKeys"):
            self._send(200, "application/x-amz-json-1.1", self._keys)
        else:
            self._send(400, "application/x-amz-json-1.1", b'{"__type":"QueryIdNotFoundException"}')

    def _object(self, method: str, found: Object | None, headers: dict[str, str]) -> None:
        if found is None:
            self._error(404, "NoSuchKey", method)
            return
        if headers.get("if-match", f'"{found.etag}"').strip('"') != found.etag:
            self._error(412, "PreconditionFailed", method)
            return
        start, stop, status = 0, found.size, 200
        lines = ""
        wanted = headers.get("range", "")
        if wanted.startswith("bytes=") and found.size:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, stop, status = int(first), min(int(last) + 1 if last else found.size, found.size), 206
            lines = f"Content-Range: bytes {start}-{stop - 1}/{found.size}\r\n"
        head = (
            f'HTTP/1.1 {status} OK\r\nContent-Length: {stop - start}\r\nETag: "{found.etag}"\r\n'
            f"Last-Modified: {format_datetime(found.modified, usegmt=True)}\r\nAccept-Ranges: bytes\r\n"
            f"Content-Type: application/octet-stream\r\n{_common()}{lines}\r\n"
        )
        if method == "HEAD":
            self._socket.sendall(head.encode())
            return
        with found.path.open("rb") as file:
            if stop - start < 1 << 16:
                file.seek(start)
                self._socket.sendall(head.encode() + file.read(stop - start))
                return
            self._socket.sendall(head.encode(), socket.MSG_MORE)
            began, first = time.monotonic(), start
            while start < stop:
                start += os.sendfile(self._socket.fileno(), file.fileno(), start, min(stop - start, 1 << 20))
                if self._wire.rate:
                    time.sleep(max(0, began + (start - first) / self._wire.rate - time.monotonic()))

    def _error(self, status: int, code: str, method: str) -> None:
        self._send(status, "application/xml", f"<Error><Code>{code}</Code></Error>".encode(), method)

    def _send(self, status: int, kind: str, body: bytes, method: str = "") -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{_common()}\r\n"
        self._socket.sendall(head.encode() + (b"" if method == "HEAD" else body))


def _common() -> str:
    now = format_datetime(datetime.now(UTC), usegmt=True)
    return f"Date: {now}\r\nx-amz-request-id: BENCHMARK\r\nx-amz-id-2: benchmark\r\n"


def _listing(bucket: Bucket, name: str, query: dict[str, str]) -> bytes:
    if "location" in query:
        return b'<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>'
    encoded = query.get("encoding-type") == "url"
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    after = query.get("continuation-token") or query.get("marker") or query.get("start-after", "")
    keys, folders, then = bucket.below(prefix, after, delimiter)

    def shown(key: str) -> str:
        return quote(key, safe="/") if encoded else escape(key)

    parts = [
        '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">',
        f"<Name>{name}</Name><Prefix>{shown(prefix)}</Prefix><MaxKeys>{_PAGE}</MaxKeys>",
        f"<KeyCount>{len(keys) + len(folders)}</KeyCount><IsTruncated>{str(bool(then)).lower()}</IsTruncated>",
        "<EncodingType>url</EncodingType>" if encoded else "",
        f"<NextContinuationToken>{escape(then)}</NextContinuationToken>" if then else "",
    ]
    for key in keys:
        found = bucket.objects[key]
        parts.append(
            f"<Contents><Key>{shown(key)}</Key><LastModified>{found.modified:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
            f"<ETag>&quot;{found.etag}&quot;</ETag><Size>{found.size}</Size>"
            "<StorageClass>STANDARD</StorageClass></Contents>"
        )
    parts += [f"<CommonPrefixes><Prefix>{shown(folder)}</Prefix></CommonPrefixes>" for folder in folders]
    parts.append("</ListBucketResult>")
    return "".join(parts).encode()


def serve(root: Path, wire: Wire) -> None:
    """Serves *root* on a free port of 127.0.0.1 for ever; says where on stdout."""
    buckets = dict(_buckets(root))
    listed = root / "keys.json"
    keys = listed.read_bytes() if listed.exists() else json.dumps({"PublicKeyList": []}).encode()
    with socket.create_server(("127.0.0.1", 0), backlog=256) as server:
        print(f"http://127.0.0.1:{server.getsockname()[1]}", flush=True)
        while True:
            served, _ = server.accept()
            Connection(served, buckets, keys, wire).start()


if __name__ == "__main__":
    milliseconds, megabytes = map(float, [*sys.argv[2:], "0", "0"][:2])
    serve(Path(sys.argv[1]), Wire(milliseconds / 1000, megabytes * 1e6))
