"""Small objects the direct way: the same requests and answers as boto3's, and boto3 wherever anything is amiss."""

from __future__ import annotations

import gc
import io
import os
import socket
import ssl
import threading
import tracemalloc
from collections.abc import Iterator

import pytest

from archiver.adapters.aws.s3_source import S3Source
from archiver.adapters.aws.session import AwsAccess, Credentials
from archiver.domain.delivery import SourceObject
from archiver.domain.limits import RESUME_FROM_BYTES
from archiver.errors import ObjectChangedError, ObjectGoneError, SourceUnreachableError
from tests.contract.test_anchor_https import certificate
from tests.support.hostile_http import Answer, HostileServer

DATA = b"0123456789"
FOUND = SourceObject("dir/a b+é", len(DATA), "e1")
OF_BOTO = ("amz-sdk-request", "amz-sdk-invocation-id")
"""Headers that botocore's clients add to every request, and the direct way does not."""


def source(url: str) -> S3Source:
    access = AwsAccess(region="us-east-1", endpoint_url=url, credentials=Credentials("key", "secret"), attempts=1)
    return S3Source("src", "bucket", "", access)


def body(data: bytes = DATA, etag: str = "e1", status: int = 200, **headers: str) -> Answer:
    return Answer(status, data, {"ETag": f'"{etag}"', **{n.replace("_", "-"): v for n, v in headers.items()}})


def fetched(where: S3Source, found: SourceObject = FOUND) -> bytes:
    with where.open(found) as stream:
        return b"".join(stream.chunks())


@pytest.fixture
def learnt(hostile: HostileServer) -> S3Source:
    """A source that has read one object by boto3."""
    where = source(hostile.url)
    hostile.will(body())
    assert fetched(where) == DATA
    return where


def is_direct(hostile: HostileServer, number: int = -1) -> bool:
    return not any(name in hostile.requests[number].headers for name in OF_BOTO)


def test_the_second_object_goes_the_direct_way_with_the_same_request(hostile, learnt):
    hostile.will(body(b"abc", "e2"))
    assert fetched(learnt, SourceObject("dir/a b+é2", 3, "e2")) == b"abc"
    by_boto, direct = hostile.requests
    assert not is_direct(hostile, 0)
    assert is_direct(hostile, 1)
    assert direct.path == by_boto.path + "2"
    for name in ("user-agent", "accept-encoding", "host", "x-amz-content-sha256"):
        assert direct.headers.get(name) == by_boto.headers.get(name), name
    assert direct.headers["if-match"] == '"e2"'
    signed = direct.headers["authorization"]
    assert signed.partition("Signature=")[0].partition("/")[2].startswith(by_boto.headers["x-amz-date"][:8])
    assert "SignedHeaders=" in signed
    assert "if-match" in signed.lower()


def test_what_comes_with_an_object_is_told_alike(hostile, learnt):
    about = {
        "x_amz_request_id": "REQ",
        "x_amz_id_2": "ID2",
        "x_amz_version_id": "v1",
        "x_amz_server_side_encryption": "aws:kms",
        "x_amz_server_side_encryption_aws_kms_key_id": "arn:key",
        "x_amz_object_lock_mode": "COMPLIANCE",
        "x_amz_object_lock_retain_until_date": "2031-01-02T03:04:05.000Z",
        "x_amz_object_lock_legal_hold": "ON",
        "Last_Modified": "Tue, 24 Nov 2026 00:00:01 GMT",
    }
    hostile.will(body(**about), body(**about))
    with source(hostile.url).open(FOUND) as stream:
        by_boto = stream.origin
    with learnt.open(FOUND) as stream:
        direct = stream.origin
    assert is_direct(hostile)
    assert not is_direct(hostile, -2)
    offset = direct.clock_offset_ms
    assert offset is not None
    assert vars_of(direct) | {"clock_offset_ms": None} == vars_of(by_boto) | {"clock_offset_ms": None}
    assert direct.retention == "COMPLIANCE until 2031-01-02T03:04:05Z; legal hold ON"


def vars_of(origin: object) -> dict[str, object]:
    return {name: getattr(origin, name) for name in origin.__dataclass_fields__}  # type: ignore[attr-defined]


def test_real_servers_tell_alike(s3_stand):
    for number in range(3):
        s3_stand.put(f"k{number}", b"x" * number)
    where = s3_stand.source()
    listed = list(where.objects())
    tell = [(fetched(where, found), found.size) for found in [*listed, *listed]]
    assert [(len(data), size) for data, size in tell] == [(n, n) for n in (0, 1, 2, 0, 1, 2)]
    for found in listed:
        with where.open(found) as direct, s3_stand.source().open(found) as by_boto:
            told, expected = vars_of(direct.origin), vars_of(by_boto.origin)
        for name in ("request_id", "request_id_2", "clock_offset_ms"):
            assert (told.pop(name) is None) == (expected.pop(name) is None), name
        assert told == expected


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(412, b"<Error><Code>PreconditionFailed</Code></Error>"), ObjectChangedError),
        (Answer(404, b"<Error><Code>NoSuchKey</Code></Error>"), ObjectGoneError),
        (Answer(503, b"<Error><Code>SlowDown</Code></Error>"), SourceUnreachableError),
        (Answer(301, b""), SourceUnreachableError),
        (Answer(200, DATA, {"ETag": '"e1"'}, stated_length=20), ObjectChangedError),
        (body(etag="other"), ObjectChangedError),
        (body(b"012345678"), ObjectChangedError),
        (body(Last_Modified="nonsense"), None),
        (body(x_amz_object_lock_retain_until_date="nonsense"), None),
    ],
)
def test_what_is_amiss_is_asked_of_boto3_and_told_by_it(hostile, learnt, answer, error):
    hostile.will(answer, answer)
    if error is None:  # what makes no sense to us is for boto3 to say
        with pytest.raises(SourceUnreachableError), learnt.open(FOUND):
            pass
        return
    with pytest.raises(error):
        fetched(learnt)


def test_a_refusal_that_was_of_the_moment_costs_nothing(hostile, learnt):
    hostile.will(Answer(503, b""), body(), body())
    assert fetched(learnt) == DATA
    assert [is_direct(hostile, n) for n in (1, 2)] == [True, False]
    assert fetched(learnt) == DATA
    assert is_direct(hostile, 3)


def test_resumed_pinned_and_large_objects_are_boto3s(hostile, learnt):
    hostile.will(body(DATA[4:], status=206, Content_Range="bytes 4-9/10"))
    with learnt.open(FOUND, 4) as stream:
        assert b"".join(stream.chunks()) == DATA[4:]
    assert not is_direct(hostile)
    large = SourceObject("large", RESUME_FROM_BYTES, "e1")
    hostile.will(body(b"x" * RESUME_FROM_BYTES))
    assert len(fetched(learnt, large)) == RESUME_FROM_BYTES
    assert not is_direct(hostile)


def test_a_bucket_that_may_be_read_by_anyone_is_boto3s(hostile, monkeypatch):
    """Where requests are not signed, or go by way of a proxy, nothing is learnt."""
    monkeypatch.setenv("http_proxy", hostile.url)
    monkeypatch.setenv("no_proxy", "")
    where = source(hostile.url)
    hostile.will(body(), body())
    assert fetched(where) == fetched(where) == DATA
    assert not is_direct(hostile)


class Raw:
    """A server that sends what it is told, byte for byte, on each connection in turn; *tls*: inside of that."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._tls = tls
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.getsockname()[1]}"
        self.scripts: list[list[bytes]] = []
        self.asked: list[int] = []
        self._over = threading.Event()
        self._connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.asked.append(0)
            self._connections.append(connection)
            threading.Thread(target=self._answer, args=(connection, len(self.asked) - 1), daemon=True).start()

    def _answer(self, plain: socket.socket, number: int) -> None:
        with self._tls.wrap_socket(plain, server_side=True) if self._tls else plain as connection:
            for answer in self.scripts[number] if number < len(self.scripts) else []:
                head = b""
                while b"\r\n\r\n" not in head:
                    more = connection.recv(65536)
                    if not more:
                        return
                    head += more
                self.asked[number] += 1
                connection.sendall(answer)
            self._over.wait(30)

    def send_unasked(self, number: int, data: bytes) -> None:
        """Sends *data* on a connection; over loopback it is there when this returns."""
        self._connections[number].sendall(data)

    def hang_up(self) -> None:
        """Ends every connection, now and from now on."""
        self._over.set()

    def close(self) -> None:
        self.hang_up()
        self._server.close()


@pytest.fixture
def raw() -> Iterator[Raw]:
    server = Raw()
    yield server
    server.close()


@pytest.fixture
def raw_tls(tmp_path, monkeypatch) -> Iterator[Raw]:
    """As ``raw``, over TLS; it is trusted, and the environment has credentials."""
    ca, both = certificate(tmp_path)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(ca))
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    server = Raw(context)
    yield server
    server.close()


def plain(data: bytes, length: int | None = None) -> bytes:
    stated = len(data) if length is None else length
    return f'HTTP/1.1 200 OK\r\nETag: "e1"\r\nContent-Length: {stated}\r\n\r\n'.encode() + data


def test_an_object_that_was_not_read_to_its_end_answers_no_later_request(raw):
    """Whoever stores an object could put the answer to the next request into it."""
    forged = plain(b"FORGED!!!!")
    evil = b"0" * (2 * 1024 * 1024) + forged
    honest = SourceObject("honest", 10, "e1")
    raw.scripts = [[plain(DATA)], [plain(evil)], [plain(DATA)]]
    where = source(raw.url)
    assert fetched(where) == DATA
    with where.open(SourceObject("evil", len(evil), "e1")) as stream:
        assert next(iter(stream.chunks()))
    assert fetched(where, honest) == DATA
    assert raw.asked == [1, 1, 1], "each of them on a connection of its own"


@pytest.mark.parametrize("data", [DATA[:5], b""])
def test_a_body_that_ends_early_is_no_object(raw, data):
    closing = b"HTTP/1.0" + plain(data, len(DATA)).removeprefix(b"HTTP/1.1")
    raw.scripts = [[plain(DATA)], [closing]]
    where = source(raw.url)
    assert fetched(where) == DATA
    with where.open(FOUND) as stream:
        raw.hang_up()
        with pytest.raises(SourceUnreachableError):
            list(stream.chunks())


def test_connections_that_the_server_has_closed_are_made_anew(raw):
    closing = plain(DATA).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
    raw.scripts = [[plain(DATA)], [closing], [plain(DATA), plain(DATA)]]
    where = source(raw.url)
    for _ in range(4):
        assert fetched(where) == DATA
    assert raw.asked == [1, 1, 2]


@pytest.mark.parametrize("server", ["raw", "raw_tls"])
def test_what_comes_behind_an_answer_answers_no_later_request(server, request):
    """Of what was sent too much, http.client drops what its buffer holds: the rest would be the next answer.

    Over TLS that waits in the library: it came in the same record, and the socket has nothing to read.
    """
    raw = request.getfixturevalue(server)
    first = plain(DATA)
    forged = plain(b"FORGED!!!!")
    raw.scripts = [[plain(DATA)], [first + b" " * (io.DEFAULT_BUFFER_SIZE - len(first)) + forged], [plain(DATA)]]
    where = S3Source("src", "bucket", "", AwsAccess(region="us-east-1", endpoint_url=raw.url, attempts=1))
    if server == "raw":
        where = source(raw.url)
    for _ in range(3):
        assert fetched(where) == DATA
    assert raw.asked == [1, 1, 1]


def test_an_answer_that_comes_unasked_is_dropped_with_its_connection(raw):
    raw.scripts = [[plain(DATA)], [plain(DATA)], [plain(DATA), plain(DATA)]]
    where = source(raw.url)
    assert fetched(where) == fetched(where) == DATA
    raw.send_unasked(1, plain(b"FORGED!!!!"))
    assert fetched(where) == fetched(where) == DATA
    assert raw.asked == [1, 1, 2], "and the next connection is kept"


@pytest.mark.parametrize(
    "more",
    [
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: identity",
        b"Content-Length: 10",
        b"Connection: keep-alive\r\nConnection: close",
        b"Connection: Close",
    ],
)
def test_a_connection_is_not_kept_where_an_answer_might_end_elsewhere(raw, more):
    answer = plain(DATA).replace(b"\r\n\r\n", b"\r\n" + more + b"\r\n\r\n", 1)
    if more.endswith(b"chunked"):
        answer = answer.replace(DATA, b"a\r\n" + DATA + b"\r\n0\r\n\r\n")
    raw.scripts = [[plain(DATA)], [answer, plain(b"FORGED!!!!")], [plain(DATA), plain(DATA)]]
    where = source(raw.url)
    for _ in range(4):
        assert fetched(where) == DATA
    assert raw.asked == [1, 1, 2]


def test_many_objects_leave_nothing_behind(hostile, learnt):
    hostile.will(*[body() for _ in range(60)])
    for _ in range(20):
        fetched(learnt)
    gc.collect()
    tracemalloc.start()
    for _ in range(40):
        fetched(learnt)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1_000_000
