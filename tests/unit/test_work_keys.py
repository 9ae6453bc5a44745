"""The ring of keys: what is found again without asking, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from archiver.domain.keys import HeldKey, KeyProvenance, PublicKey
from archiver.work.keys import KeyRing

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def held(number: int) -> HeldKey:
    key = PublicKey(b"%d" % number, f"{number:032x}", "us-east-1")
    return HeldKey(key, (KeyProvenance("ListPublicKeys", "https://x", None, NOW),))


def test_a_key_that_was_found_is_not_looked_for_again_for_a_moment() -> None:
    asked, clock = [], Clock()
    keys = {"one": [held(1)]}

    def on_hand(fingerprint: str) -> list[HeldKey]:
        asked.append(fingerprint)
        return keys.get(fingerprint, [])

    ring = KeyRing(on_hand, lambda *_: None, lambda _region: None, clock)
    for _ in range(5):
        assert ring.seek("one", (), NOW) == [held(1)]
    assert asked == ["one"]
    keys["one"] = [held(1), held(2)]
    clock.now += timedelta(seconds=1)
    assert ring.seek("one", (), NOW) == [held(1), held(2)]
    clock.now -= timedelta(days=1)
    assert ring.seek("one", (), NOW) == [held(1), held(2)]
    assert asked == ["one"] * 3, "a clock that was set back makes nothing last"


def test_a_key_that_was_not_found_is_looked_for_each_time() -> None:
    asked = []
    ring = KeyRing(lambda name: asked.append(name) or [], lambda *_: None, lambda _region: None, Clock())
    assert [list(ring.seek("none", (), NOW)) for _ in range(3)] == [[], [], []]
    assert asked == ["none"] * 3


def test_a_million_claims_are_not_kept() -> None:
    ring = KeyRing(lambda name: [held(int(name))], lambda *_: None, lambda _region: None, Clock())
    for number in range(3000):
        assert ring.seek(str(number), (), NOW) == [held(number)]
    assert len(ring._found) <= 1000
