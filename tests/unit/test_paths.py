"""Honest keys stay as they are in the archive; hostile ones become harmless, and never another's."""

from __future__ import annotations

import pytest

from archiver.domain.limits import PATH_SEGMENT_BYTES
from archiver.domain.paths import RESERVED_NAMES, delivery_path, safe_segment, unlisted_path

HONEST = "AWSLogs/111122223333/CloudTrail-Lake/Query/2022/11/04/f0355626-411d-42a9-8365-339a37a8b8c0"


@pytest.mark.parametrize(
    ("segment", "safe"),
    [
        ("AWSLogs", "AWSLogs"),
        ("audit logs", "audit logs"),
        ("監査", "監査"),
        ("a.b", "a.b"),
        ("", "%"),
        (".", "%2E"),
        ("..", "%2E%2E"),
        ("...", "%2E.."),
        (".staging", "%2Estaging"),
        ("a/b", "a%2Fb"),
        ("a\\b", "a%5Cb"),
        ("a%2Fb", "a%252Fb"),
        ("a\0b\n", "a%00b%0A"),
        ("\x1b[2J", "%1B[2J"),
        ("exe.\u202egpj", "exe.%E2%80%AEgpj"),
        ("e\u0301", "e%CC%81"),
        ("\udce9", "%uDCE9"),
        ("\ud800", "%uD800"),
        ("x@r2", "x%40r2"),
        ("x@r", "x@r"),
        ("me@home", "me@home"),
        ("x" * PATH_SEGMENT_BYTES, "x" * PATH_SEGMENT_BYTES),
    ],
)
def test_safe_segment(segment, safe):
    assert safe_segment(segment) == safe


def test_long_segments_become_their_hash():
    long = safe_segment("x" * (PATH_SEGMENT_BYTES + 1))
    assert long.startswith("%sha256-")
    assert len(long) == len("%sha256-") + 64
    assert long != safe_segment("x" * (PATH_SEGMENT_BYTES + 2))
    assert safe_segment(long) == "%25" + long[1:], "a segment that is called like such a hash is another one"
    assert safe_segment("\ud800" * 300) != safe_segment("\udc80" * 300)


def test_an_honest_delivery_lies_where_its_key_says():
    assert delivery_path("prod", HONEST + "/") == f"prod/{HONEST}"
    assert delivery_path("prod", f"a/b/{HONEST}/") == f"prod/a/b/{HONEST}"
    assert delivery_path("prod", HONEST + "/", 2) == f"prod/{HONEST}@r2"


def test_hostile_prefixes_stay_inside_and_apart():
    assert delivery_path("prod", "../../etc/") == "prod/%2E%2E/%2E%2E/etc"
    assert delivery_path("prod", "/") == "prod/%"
    assert delivery_path("prod", "//") == "prod/%/%"
    assert delivery_path("prod", "") == "prod/%root"
    assert delivery_path("prod", "", 3) == "prod/%root@r3"
    assert delivery_path("prod", "a@r2/") != delivery_path("prod", "a/", 2)


def test_a_folder_called_like_a_file_of_a_delivery_does_not_stand_in_its_way():
    """``a/result_1.csv.gz`` and ``a/result_1.csv.gz/result_sign.json`` are both possible in a bucket."""
    file = f"{delivery_path('prod', 'a/')}/result_1.csv.gz"
    assert not delivery_path("prod", "a/result_1.csv.gz/").startswith(file)
    assert not delivery_path("prod", "a/result_sign.json/b/").startswith(f"{delivery_path('prod', 'a/')}/result_sign")
    assert delivery_path("prod", "a/result_01.csv.gz/") == "prod/a/result_01.csv.gz"


def test_unlisted_files_lie_apart_from_every_delivery():
    assert unlisted_path("prod/a", "notes.txt") == "unlisted/prod/a@r1/notes.txt"
    assert unlisted_path("prod/a@r2", "notes.txt") == "unlisted/prod/a@r2/notes.txt"
    assert unlisted_path("prod/a", "../../x") == "unlisted/prod/a@r1/%2E.%2F..%2Fx"
    assert "unlisted" in RESERVED_NAMES


def test_unlisted_files_of_nested_deliveries_do_not_meet():
    outer, inner = delivery_path("prod", "a/"), delivery_path("prod", "a/b/")
    assert unlisted_path(outer, "b/c") != unlisted_path(inner, "c")
    assert not unlisted_path(inner, "c").startswith(unlisted_path(outer, "b") + "/")
    assert not unlisted_path(outer, "b/c").startswith(unlisted_path(outer, "b") + "/")
