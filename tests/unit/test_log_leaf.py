"""What of an event goes into the tree: its body, or its body's hash where that is too long for an entry."""

from __future__ import annotations

import hashlib
import json

import pytest

from archiver.log.leaf import ENTRY_BYTES, body_sha256, leaf_of

ACTOR = {"user": "archiver", "host": "vault.example", "version": "1.0.0"}


def body(size: int, **members: object) -> bytes:
    """A body of *size* bytes."""
    whole = {"kind": "evidence_acquired", "actor": ACTOR, "at": "2026-11-04T12:00:00.000000Z", **members, "pad": ""}
    whole["pad"] = "x" * (size - len(json.dumps(whole)))
    data = json.dumps(whole).encode()
    assert len(data) == size
    return data


def test_a_body_that_fits_is_the_leaf():
    for one in (b"{}", body(ENTRY_BYTES)):
        assert leaf_of(one) == one
        assert body_sha256(leaf_of(one)) is None


def test_a_longer_one_goes_in_by_its_hash_and_what_it_is_about():
    long = body(ENTRY_BYTES + 1, evidence={"id": "e" * 32, "files": []}, source="prod")
    assert json.loads(leaf_of(long)) == {
        "actor": ACTOR,
        "at": "2026-11-04T12:00:00.000000Z",
        "body": {"bytes": ENTRY_BYTES + 1, "sha256": hashlib.sha256(long).hexdigest()},
        "id": "e" * 32,
        "kind": "evidence_acquired",
        "source": "prod",
    }
    assert body_sha256(leaf_of(long)) == hashlib.sha256(long).hexdigest()


@pytest.mark.parametrize(
    "long",
    [
        b"x" * 100_000,
        b"[" * 100_000,
        b"\xff" * 100_000,
        b'"' + b"x" * 100_000 + b'"',
        body(100_000, source="s" * 80_000, id=["i" * 2000]),
        body(100_000, evidence={"id": "\U0001f4a5" * 5000}),
        body(100_000, evidence={"id": 7}),
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    ],
)
def test_whatever_the_long_body_is_its_leaf_fits_and_names_it(long):
    leaf = leaf_of(long)
    assert len(leaf) < ENTRY_BYTES // 4
    assert body_sha256(leaf) == hashlib.sha256(long).hexdigest()


@pytest.mark.parametrize(
    "leaf",
    [
        b"",
        b"[]",
        b"1",
        b"\xff",
        b"{",
        b"[" * 50_000,
        b'{"body": null}',
        b'{"body": {"bytes": 1}}',
        b'{"body": {"sha256": 1}}',
        b'{"body": {"sha256": "../../vkeys"}}',
        b'{"body": {"sha256": "' + b"A" * 64 + b'"}}',
        b'{"body": {"sha256": "' + b"a" * 64 + b'\\n"}}',
    ],
)
def test_what_is_no_leaf_is_refused(leaf):
    with pytest.raises(ValueError, match=r"leaf|Expecting|decode"):
        body_sha256(leaf)
