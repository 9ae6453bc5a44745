"""The folder source: listed as S3 would list it, read as it was listed, and never by way of a link."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from archiver.adapters.files.listing import DEEPEST
from archiver.domain.delivery import ObjectKind, SourceObject
from archiver.domain.folders import deliveries
from archiver.errors import (
    MediumError,
    ObjectChangedError,
    ObjectGoneError,
    SourceError,
    SourceUnreachableError,
    UsageError,
)
from tests.support.folders import fetched, keys, one, put, source
from tests.support.stores import without_root_rights

QUERY = "AWSLogs/111122223333/CloudTrail-Lake/Query"
ID = "0a1b2c3d-0000-4000-8000-000000000001"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


# ------------------------------------------------------------------------------------------ listing


def test_it_says_what_it_is(root: Path) -> None:
    folder = source(root)
    assert (folder.name, folder.url, folder.region) == ("disk", f"file://{root}", "eu-west-1")
    assert folder.caller() is None
    assert not folder.times_are_observed


def test_keys_come_in_the_order_of_their_bytes(root: Path) -> None:
    wanted = [
        "A",
        "a-b",
        "a.b",
        "a/b",
        "a/b-c",
        "a0",
        "a/c/d",
        "a/c.d",
        "ab",
        "b/x",
        "z",
        "é",
        "\uffff",
        "\U00010000",
    ]
    for key in wanted:
        put(root, key)
    (root / "empty" / "below").mkdir(parents=True)
    (root / "b-link").symlink_to(root / "a")
    put(root, "b-link-2")
    put(root, "b-link.txt")
    wanted += ["b-link", "b-link-2", "b-link.txt"]
    assert keys(source(root).objects()) == sorted(wanted, key=str.encode)


def test_each_folder_is_contiguous_so_deliveries_are_found(root: Path) -> None:
    for day in ("2024/05/06", "2024/05/07"):
        put(root, f"{QUERY}/{day}/{ID}/result_1.csv.gz")
        put(root, f"{QUERY}/{day}/{ID}/result_sign.json")
    put(root, f"elsewhere/{ID}/result_sign.json")
    put(root, "elsewhere/readme.txt")
    found = [d.prefix for d in deliveries(source(root).objects())]
    assert found == [f"{QUERY}/2024/05/06/{ID}/", f"{QUERY}/2024/05/07/{ID}/", f"elsewhere/{ID}/"]


def test_what_is_listed_of_a_file(root: Path) -> None:
    path = put(root, "a/b", b"12345")
    os.utime(path, ns=(0, 1_700_000_000_123_456_789))
    facts = path.stat()
    (found,) = source(root).objects()
    assert found == SourceObject(
        key="a/b",
        size=5,
        etag=f"1700000000123456789-{facts.st_ctime_ns}-{facts.st_ino}",
        last_modified=datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC),
    )


def test_a_time_beyond_reason_is_none(root: Path) -> None:
    path = put(root, "a")
    os.utime(path, ns=(0, 2**62))
    if path.stat().st_mtime_ns != 2**62:
        pytest.skip("this file system holds no such time")
    os.utime(path, (0, 300_000_000_000))
    (found,) = source(root).objects()
    assert found.last_modified is None or found.last_modified.year < 9999


def test_links_and_specials_are_listed_and_not_followed(root: Path, tmp_path: Path) -> None:
    put(tmp_path, "outside/secret")
    put(root, "d/file")
    (root / "d/loop").symlink_to(root)
    (root / "d/out").symlink_to(tmp_path / "outside")
    (root / "d/dangling").symlink_to("none")
    os.mkfifo(root / "d/fifo")
    assert [(o.key, o.kind) for o in source(root).objects()] == [
        ("d/dangling", ObjectKind.LINK),
        ("d/fifo", ObjectKind.OTHER),
        ("d/file", ObjectKind.FILE),
        ("d/loop", ObjectKind.LINK),
        ("d/out", ObjectKind.LINK),
    ]
    for key in ("d/out", "d/fifo"):
        with pytest.raises(ObjectChangedError):
            fetched(root, one(root, key))
    assert keys(source(root).objects("d/out/")) == []


@pytest.mark.parametrize(
    ("prefix", "wanted"),
    [
        ("", ["a/1", "a/b/2", "ab/3", "b"]),
        ("a/", ["a/1", "a/b/2"]),
        ("a", ["a/1", "a/b/2", "ab/3"]),
        ("a/b", ["a/b/2"]),
        ("a/b/", ["a/b/2"]),
        ("a/b/2", ["a/b/2"]),
        ("b", ["b"]),
        ("b/", []),
        ("none/", []),
        ("c", []),
        ("a/none/none/", []),
    ],
)
def test_a_prefix_is_the_beginning_of_keys(root: Path, prefix: str, wanted: list[str]) -> None:
    for key in ("a/1", "a/b/2", "ab/3", "b"):
        put(root, key)
    assert keys(source(root).objects(prefix)) == wanted


@pytest.mark.parametrize("prefix", ["../", "a/../../", "/etc/", "/", "a//", "./", "a/./b/", "nul\0/x", "\ud800/"])
def test_a_prefix_that_leads_elsewhere_is_refused(root: Path, prefix: str) -> None:
    put(root, "a/b")
    with pytest.raises(SourceError, match="no key"):
        list(source(root).objects(prefix))


def test_listing_a_prefix_does_not_look_at_the_rest(open_folder: Path) -> None:
    with without_root_rights():
        root = open_folder / "source"
        put(root, "a/1")
        put(root, "b/2")
        (root / "b").chmod(0)
        assert keys(source(root).objects("a/")) == ["a/1"]
        with pytest.raises(MediumError, match=f"{root}/b"):
            list(source(root).objects())
        with pytest.raises(MediumError, match=f"{root}/b"):
            list(source(root).objects("b/"))
        (root / "b").chmod(0o755)


def test_names_that_are_not_utf_8_survive(root: Path) -> None:
    with open(os.fsencode(root) + b"/caf\xe9", "wb") as file:
        file.write(b"latin")
    found = one(root, "caf\udce9")
    assert fetched(root, found) == b"latin"


def dig(root: Path, levels: int, *, at: Mapping[int, Sequence[str]]) -> None:
    """A chain of so many folders ``d``; *at* a level, counted from 0, such files lie beside the next one."""
    fd = os.open(root, os.O_RDONLY)
    for level in range(levels + 1):
        for name in at.get(level, ()):
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=fd))
        if level < levels:
            os.mkdir("d", dir_fd=fd)
            below = os.open("d", os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
    os.close(fd)


def test_the_deepest_key_that_s3_can_have_is_listed(root: Path) -> None:
    """Also where the process may open few files, and with files that come after the folder at every level."""
    levels = DEEPEST - 1
    dig(root, levels, at={**{level: ["a", "z"] for level in range(levels)}, levels: ["result_sign.json"]})
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 100, hard))
    try:
        listed = keys(source(root).objects())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert "d/" * levels + "result_sign.json" in listed
    assert listed == sorted(listed)
    assert len(listed) == 2 * levels + 1
    assert "d/" * levels + "result_sign.json" in keys(source(root).objects("d/" * 200))


def test_what_lies_deeper_is_an_error_that_names_it(root: Path) -> None:
    dig(root, DEEPEST, at={DEEPEST: ["result_sign.json"]})
    put(root, "a")
    listing = source(root).objects()
    assert next(listing).key == "a"
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(MediumError, match=f"{root}/d/d/.* deep"):
        list(listing)
    assert len(os.listdir("/proc/self/fd")) < before, "it leaves nothing open"


def test_a_folder_far_above_that_is_moved_away_meanwhile(root: Path) -> None:
    dig(root, 100, at={1: ["z"], 99: ["a"]})
    put(root, "z")
    listing = source(root).objects()
    assert next(listing).key == "d/" * 99 + "a"
    (root / "d").rename(root / "e")
    assert keys(listing) == ["z"]


def test_listings_leave_no_descriptors_open(root: Path) -> None:
    put(root, "a/b/c/1")
    put(root, "a/b/c/2")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        listing = source(root).objects()
        next(listing)
        listing.close()  # type: ignore[attr-defined]
        list(source(root).objects("a/b/"))
        list(source(root).objects("a/none/b/"))
        list(source(root).day_prefixes(date(2024, 1, 1)))
        fetched(root, one(root, "a/b/c/1"))
    assert len(os.listdir("/proc/self/fd")) == before


# ------------------------------------------------------------------------------------------ the root


def test_a_missing_root_is_said_to_be_missing(tmp_path: Path) -> None:
    folder = source(tmp_path / "none")
    found = SourceObject("a", 1, "1")
    for ask in (
        lambda: list(folder.objects()),
        lambda: list(folder.day_prefixes(date(2024, 1, 1))),
        lambda: folder.open(found).__enter__(),
    ):
        with pytest.raises(SourceUnreachableError, match="none") as caught:
            ask()
        assert caught.value.remedy


def test_a_file_is_no_source(tmp_path: Path) -> None:
    put(tmp_path, "result_sign.json")
    with pytest.raises(UsageError, match="is a file") as caught:
        list(source(tmp_path / "result_sign.json").objects())
    assert str(tmp_path) in caught.value.remedy


def test_a_root_that_may_not_be_read_or_reached_is_named(open_folder: Path) -> None:
    with without_root_rights():
        root = open_folder / "source"
        root.mkdir()
        root.chmod(0)
        with pytest.raises(MediumError, match=os.strerror(errno.EACCES)):
            list(source(root).objects())
        with pytest.raises(SourceUnreachableError, match=os.strerror(errno.EACCES)):
            list(source(root / "below").objects())
        root.chmod(0o755)


def test_folders_on_the_way_need_be_passable_only(open_folder: Path) -> None:
    with without_root_rights():
        put(open_folder, "way/a/b", b"data")
        (open_folder / "way").chmod(0o111)
        (found,) = source(open_folder).objects("way/a/")
        assert fetched(open_folder, found) == b"data"
        (open_folder / "way").chmod(0o755)


def test_the_whole_file_system_may_be_the_source(root: Path) -> None:
    put(root, "a/b", b"data")
    prefix = f"{str(root)[1:]}/"
    (found,) = source(Path("/")).objects(prefix)
    assert found.key == f"{prefix}a/b"
    assert fetched(Path("/"), found) == b"data"
    (root / "a/b").unlink()
    with pytest.raises(ObjectGoneError, match=f"^{root}/a/b"):
        fetched(Path("/"), found)


def test_the_root_may_be_a_link_of_the_operators(root: Path, tmp_path: Path) -> None:
    put(root, "a/b", b"data")
    (tmp_path / "link").symlink_to(root)
    found = one(tmp_path / "link", "a/b")
    assert fetched(tmp_path / "link", found) == b"data"


# ------------------------------------------------------------------------------------------ days


def test_days_from_a_day_on(root: Path) -> None:
    for account in ("111122223333", "444455556666"):
        for day in ("2023/12/31", "2024/01/01", "2024/02/29"):
            put(root, f"AWSLogs/{account}/CloudTrail-Lake/Query/{day}/{ID}/result_sign.json")
    for other in (
        "AWSLogs/111122223333/CloudTrail/us-east-1/2024/01/01/x",
        "AWSLogs/nobody/CloudTrail-Lake/Query/2024/01/01/x",
        f"{QUERY}/2024/13/01/x",
        f"{QUERY}/2024/02/30/x",
        f"{QUERY}/2024/1/1/x",
        f"{QUERY}/2024/03/file",
        f"{QUERY}/2024/04",
    ):
        put(root, other)
    (root / f"{QUERY}/2025").symlink_to("2024")
    assert list(source(root).day_prefixes(date(2024, 1, 1))) == [
        f"AWSLogs/{account}/CloudTrail-Lake/Query/{day}/"
        for account in ("111122223333", "444455556666")
        for day in ("2024/01/01", "2024/02/29")
    ]


def test_a_tree_without_awslogs_is_listed_whole(root: Path) -> None:
    put(root, f"prefix/{QUERY}/2024/01/01/{ID}/result_sign.json")
    assert list(source(root).day_prefixes(date(2030, 1, 1))) == [""]
