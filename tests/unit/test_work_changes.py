"""What became of archived deliveries: the difference of two listings, and the roll call."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from archiver.domain.delivery import Delivery, SourceObject
from archiver.domain.evidence import EvidenceFile, FileRole, Origin
from archiver.domain.records import KnownDelivery
from archiver.work.changes import Roll, difference
from tests.support.ledgers import item

PREFIX = "p/"
WHEN = datetime(2026, 1, 1, tzinfo=UTC)
SIGN, ONE, NOTE = "result_sign.json", "result_1.csv.gz", "note.txt"


def held(*names):
    roles = {SIGN: FileRole.SIGN_FILE, NOTE: FileRole.UNLISTED}
    files = [
        EvidenceFile(
            name,
            roles.get(name, FileRole.RESULT),
            f"x/{name}",
            3,
            "a" * 64,
            None,
            Origin(PREFIX + name, "e", None, WHEN),
        )
        for name in names
    ]
    return item(files=tuple(files))


def listed(*names, **changes):
    objects = []
    for name in names:
        size, etag, when = changes.get(name.partition(".")[0], (3, "e", WHEN))
        objects.append(SourceObject(PREFIX + name, size, etag, when))
    return Delivery(PREFIX, tuple(objects))


def test_nothing_changed():
    found = difference(held(SIGN, ONE), listed(SIGN, ONE))
    assert (found.changed, found.removed, found.added, found.content) == ((), (), (), False)
    assert str(found) == ""


@pytest.mark.parametrize("other", [(4, "e", WHEN), (3, "f", WHEN), (3, "e", None)])
def test_size_etag_or_time_of_a_result_is_content(other):
    found = difference(held(SIGN, ONE), listed(SIGN, ONE, result_1=other))
    assert found.changed == (ONE,)
    assert found.content
    assert str(found) == f"changed: {ONE}"


def test_a_new_result_or_sign_file_is_content():
    assert difference(held(SIGN), listed(SIGN, "result_2.csv.gz")).changed == ("result_2.csv.gz",)
    assert difference(held(ONE), listed(SIGN, ONE)).changed == (SIGN,)


def test_what_no_signature_can_cover_is_no_content():
    found = difference(held(SIGN, ONE, NOTE), listed(SIGN, ONE, NOTE, "more.txt", note=(9, "x", WHEN)))
    assert (found.content, found.added) == (False, (NOTE, "more.txt"))
    assert str(found) == f"added: {NOTE}, more.txt"


def test_a_lost_file_is_no_content():
    found = difference(held(SIGN, ONE), listed(SIGN))
    assert (found.content, found.removed) == (False, (ONE,))
    assert str(found) == f"no longer there: {ONE}"


def test_names_are_made_printable_and_few():
    names = [f"\x1b{number}" for number in range(30)]
    text = str(difference(held(), listed(*names)))
    assert "\x1b" not in text
    assert text.count(",") == 9


def known(prefix):
    return KnownDelivery(prefix, "d", WHEN, "e", 1)


def call(archived, listing):
    roll = Roll(known(prefix) for prefix in archived)
    for prefix in listing:
        roll.present(prefix)
    return [delivery.prefix for delivery in roll.absent()]


def test_the_roll_finds_who_is_absent():
    assert call(["a/", "b/", "c/"], ["a/", "c/"]) == ["b/"]
    assert call(["a/", "b/"], []) == ["a/", "b/"]
    assert call([], ["a/"]) == []
    assert call(["c/"], ["a/", "b/", "d/"]) == ["c/"]


def test_a_folder_round_another_ends_after_it():
    """Folders are told as they end: the inner one first, though its key is the greater."""
    assert call(["a/", "a/b/", "a/c/"], ["a/b/", "a/c/", "a/"]) == []
    assert call(["", "a/", "a/b/"], ["a/b/", ""]) == ["a/"]


def test_any_tree_and_any_losses():
    rng = random.Random(1)
    for _ in range(200):
        prefixes = {"/".join(rng.choice("abé") for _ in range(rng.randint(1, 4))) + "/" for _ in range(12)}
        ordered = sorted(prefixes, key=lambda prefix: prefix.encode())
        there = {prefix for prefix in prefixes if rng.random() < 0.7}
        ends = sorted(there, key=lambda prefix: (prefix + "\U0010ffff").encode())
        assert sorted(call(ordered, ends)) == sorted(prefixes - there)
