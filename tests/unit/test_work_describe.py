"""When CloudTrail is asked about a query, how its answer is kept, and that nothing of it can stop an acquisition."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archiver.adapters.files.store import FolderStore
from archiver.domain.custody import EvidenceAcquired
from archiver.domain.custody_facts import QueryFigures
from archiver.domain.described import is_too_late
from archiver.domain.verdict import Reason
from archiver.errors import StoreFullError
from archiver.query_ports import QueryAnswer
from archiver.work.describe import PAUSE, Describer
from tests.support.ledgers import acquired, item, told

NOW = datetime(2026, 1, 8, 23, 59, tzinfo=UTC)
"""The seventh day after that of ``item``'s path."""

DATA = b'{"QueryId": "\xe3\x81\x82"}'
FIGURES = QueryFigures("FINISHED", *[None] * 9)
ANSWER = QueryAnswer(DATA, FIGURES, "", True, "https://cloudtrail", "arn:aws:iam::1:user/x", "r1")


def refused(text: str, *, is_about_query: bool) -> QueryAnswer:
    return replace(ANSWER, data=None, figures=None, refusal=text, is_about_query=is_about_query)


class Cloud:
    """Answers *answers* in turn, the last one for ever; ``asked``: (source, Region, query)."""

    def __init__(self, *answers: QueryAnswer | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, str]] = []

    def authority(self, source: str, region: str):
        outer = self

        class Authority:
            def describe(self, query_id: str) -> QueryAnswer:
                outer.asked.append((source, region, query_id))
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                if isinstance(answer, Exception):
                    raise answer
                return answer

        return Authority()


class From:
    """As much of a source as is looked at."""

    def __init__(self, name: str = "prod", region: str | None = "us-east-1") -> None:
        self.name, self.region = name, region


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore.create(tmp_path / "archive")


def entry(number: int = 1, **changes) -> EvidenceAcquired:
    return acquired(item(number, acquired_at=NOW, **changes))


def describer(store: FolderStore, cloud: Cloud, clock: Clock | None = None) -> Describer:
    return Describer(store, cloud.authority, clock or Clock())


def test_an_answer_is_in_the_archive_and_its_hash_in_the_entry(store, tmp_path):
    cloud, made = Cloud(ANSWER), entry()
    found = describer(store, cloud).describe(From(), made)
    assert cloud.asked == [("prod", "us-east-1", made.evidence.query_id)]
    assert (found.id, found.query_id, found.at) == (made.evidence.id, made.evidence.query_id, NOW)
    assert found.path == f"described/{made.evidence.id}.json"
    assert (tmp_path / "archive" / found.path).read_bytes() == DATA
    assert found.sha256 == hashlib.sha256(DATA).hexdigest()
    assert (found.figures, found.refusal, found.request_id) == (FIGURES, "", "r1")
    assert (found.endpoint, found.caller) == (ANSWER.endpoint, ANSWER.caller)


def test_a_refusal_is_an_entry_without_a_file(store, tmp_path):
    found = describer(store, Cloud(refused("no", is_about_query=True))).describe(From(), entry())
    assert (found.path, found.sha256, found.figures, found.refusal) == (None, None, None, "no")
    assert not (tmp_path / "archive/described").exists()


@pytest.mark.parametrize(
    ("made", "source"),
    [
        (acquired(item(acquired_at=NOW), by_import=True), From()),
        (entry(query_id=None), From()),
        (acquired(item(acquired_at=NOW + timedelta(minutes=1))), From()),
        (acquired(item(acquired_at=NOW), told([Reason.KEY_UNAVAILABLE])), From(region=None)),
    ],
)
def test_nobody_is_asked_where_there_can_be_no_answer(store, made, source):
    cloud = Cloud(ANSWER)
    assert describer(store, cloud).describe(source, made) is None
    assert cloud.asked == []


def test_nobody_is_asked_where_nobody_is_to_be(store):
    assert Describer(store, lambda *_: None, Clock()).describe(From(), entry()) is None


def test_the_region_is_the_one_that_signed_and_never_a_mere_claim(store):
    cloud = Cloud(ANSWER)
    describer(store, cloud).describe(From(region="eu-west-1"), entry(1))
    claimed = acquired(item(2, acquired_at=NOW, region="mx-claimed-1"), told([Reason.SIGNATURE_INVALID]))
    describer(store, cloud).describe(From(region="eu-west-1"), claimed)
    describer(store, cloud).describe(From(region=None), entry(3))
    assert [region for _, region, _ in cloud.asked] == ["us-east-1", "eu-west-1", "us-east-1"]


def test_age_is_the_paths_day_and_else_that_of_the_newest_object():
    day = item(acquired_at=NOW)
    assert not is_too_late(day)
    assert is_too_late(replace(day, acquired_at=NOW + timedelta(minutes=1)))
    assert not is_too_late(replace(day, acquired_at=datetime(2025, 1, 1, tzinfo=UTC))), "a path of a day to come"
    plain = replace(day, prefix="some/folder/")
    written = plain.files[0].origin.last_modified
    assert not is_too_late(replace(plain, acquired_at=written + timedelta(days=7)))
    assert is_too_late(replace(plain, acquired_at=written + timedelta(days=7, seconds=1)))
    untold = replace(
        plain, files=tuple(replace(f, origin=replace(f.origin, last_modified=None)) for f in plain.files)
    )
    assert not is_too_late(untold)


def test_who_does_not_answer_is_left_alone_for_a_while(store, caplog):
    """A Region of a source; others are asked."""
    clock, cloud = Clock(), Cloud(refused("access denied", is_about_query=False))
    asking = describer(store, cloud, clock)
    assert asking.describe(From(), entry(1)).refusal == "access denied"
    assert asking.describe(From(), entry(2)) is None
    clock.now += PAUSE - timedelta(seconds=1)
    assert asking.describe(From(), entry(3)) is None
    assert len(cloud.asked) == 1
    assert asking.describe(From("other"), entry(4)) is not None
    assert asking.describe(From(), entry(5, region="eu-west-1")) is not None
    clock.now += timedelta(seconds=1)
    assert asking.describe(From(), entry(6)) is not None
    assert len(caplog.records) == 4
    clock.now -= timedelta(days=1)
    assert asking.describe(From(), entry(7)) is not None, "the clock was put back"


def test_a_query_that_is_not_known_silences_nobody(store, caplog):
    cloud = Cloud(refused("QueryIdNotFoundException", is_about_query=True), ANSWER)
    asking = describer(store, cloud)
    assert asking.describe(From(), entry(1)).refusal == "QueryIdNotFoundException"
    assert asking.describe(From(), entry(2)).refusal == ""
    assert caplog.records == []


def test_what_an_interrupted_run_left_is_set_aside(store, tmp_path):
    made, archive = entry(), tmp_path / "archive"
    other = replace(ANSWER, data=b'{"QueryId": "later"}')
    describer(store, Cloud(ANSWER)).describe(From(), made)
    found = describer(store, Cloud(other)).describe(From(), made)
    assert (archive / found.path).read_bytes() == other.data
    assert found.sha256 == hashlib.sha256(other.data).hexdigest()
    (aside,) = [path for path in (archive / "set-aside").rglob("*") if path.is_file()]
    assert aside.read_bytes() == DATA
    assert list((archive / ".staging").iterdir()) == []
    again = describer(store, Cloud(other)).describe(From(), made)
    assert again.sha256 == found.sha256


def test_an_answer_that_cannot_be_kept_is_a_refusal(store):
    class Full:
        def put(self, path: str, data: bytes) -> None:
            raise StoreFullError("no room for SELECT secret")

    found = Describer(Full(), Cloud(ANSWER).authority, Clock()).describe(From(), entry())
    assert (found.path, found.sha256, found.figures) == (None, None, None)
    assert found.refusal == "not kept: StoreFullError"


def test_nothing_that_goes_wrong_gets_out_nor_what_it_says(store, caplog):
    caplog.set_level(logging.DEBUG)
    assert describer(store, Cloud(RuntimeError("SELECT secret"))).describe(From(), entry()) is None
    assert "unexpected RuntimeError" in caplog.text
    assert "secret" not in caplog.text
