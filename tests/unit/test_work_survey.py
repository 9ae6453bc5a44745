"""The whole reading of archived items: recorded once, told where something differs, ended when asked to."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import BinaryIO

import pytest

from archiver.domain.custody_facts import EvidenceSurveyed
from archiver.domain.records import CustodyEvent
from archiver.errors import MediumError, StoppedError
from archiver.work.survey import Survey, SurveyResult, surveyed
from tests.support.dossier_events import (
    DELIVERED,
    NAMES,
    NOW,
    Made,
    MadeLedger,
    MadeStore,
    a_survey,
    an_acquisition,
    passed,
)


class _Progress:
    def __init__(self) -> None:
        self.bytes, self.items = 0, 0

    def begin(self, _what: str) -> None: ...

    def moved(self, size: int) -> None:
        self.bytes += size

    def item(self, _prefix: str) -> None:
        self.items += 1


def made() -> Made:
    one = Made()
    one.lies()
    one.tells(an_acquisition(one.evidence, passed()))
    return one


def run(
    one: Made, ledger: MadeLedger, store: MadeStore | None = None, *, limit: int | None = None, stop: int = 10**9
) -> tuple[SurveyResult, _Progress]:
    asked = iter(range(10**9))
    progress = _Progress()
    use_case = Survey(
        ledger,  # type: ignore[arg-type]
        store or MadeStore(one.files),  # type: ignore[arg-type]
        lambda: NOW,
        progress,  # type: ignore[arg-type]
        lambda: next(asked) >= stop,
        limit,
    )
    return use_case.run([one.evidence]), progress


def test_every_file_is_read_once_and_put_on_record() -> None:
    one = made()
    ledger = one.ledger()
    result, progress = run(one, ledger)
    assert result == SurveyResult(read=1, size=one.evidence.size, troubles=[])
    assert (progress.bytes, progress.items) == (one.evidence.size, 1)
    assert ledger.recorded == [a_survey(one.evidence)]
    again, _ = run(one, ledger)
    assert again == SurveyResult()
    assert len(ledger.recorded) == 1


def test_what_was_not_surveyed_before_is_surveyed_now() -> None:
    one = made()
    one.tells(a_survey(one.evidence, NAMES[:2]))
    ledger = one.ledger()
    run(one, ledger)
    (entry,) = ledger.recorded
    assert isinstance(entry, EvidenceSurveyed)
    assert [file.name for file in entry.files] == [NAMES[2]]


def test_other_bytes_than_were_acquired_are_told_and_not_recorded() -> None:
    one = made()
    first, second, third = (file.path for file in one.evidence.files)
    one.files[second] += b"x"
    del one.files[third]
    ledger = one.ledger()
    result, _ = run(one, ledger)
    assert result.troubles == [f"{second} is not what was acquired: run archiver audit", f"{third} is not there"]
    (entry,) = ledger.recorded
    assert isinstance(entry, EvidenceSurveyed)
    assert [file.name for file in entry.files] == [first.rpartition("/")[2]]


def test_where_nothing_could_be_read_nothing_is_recorded() -> None:
    one = made()
    one.files.clear()
    ledger = one.ledger()
    result, _ = run(one, ledger)
    assert len(result.troubles) == 3
    assert ledger.recorded == []


class _Broken(MadeStore):
    """A medium that gives some bytes and then an error, or none at all."""

    def open(self, path: str, *, from_medium: bool = False) -> BinaryIO:
        if path.endswith(NAMES[0]):
            raise MediumError(f"{path} cannot be opened")
        stream = super().open(path)
        if path.endswith(NAMES[1]):
            stream = _Torn(stream.read())
        return stream


class _Torn(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell():
            raise OSError(5, "Input/output error")
        return super().read(10)


def test_a_medium_that_fails_is_told_and_hides_no_other_file() -> None:
    one = made()
    ledger = one.ledger()
    result, _ = run(one, ledger, _Broken(one.files))
    first, second, _ = (file.path for file in one.evidence.files)
    assert result.troubles == [f"{first} cannot be opened", f"{second} cannot be read: Input/output error"]
    (entry,) = ledger.recorded
    assert isinstance(entry, EvidenceSurveyed)
    assert [file.name for file in entry.files] == [NAMES[2]]


def test_a_stop_ends_it_between_two_steps_of_a_large_file() -> None:
    one = made()
    large = one.evidence.files[1].path
    one.files[large] = bytes(200_000)
    ledger = one.ledger()
    with pytest.raises(StoppedError):
        run(one, ledger, stop=5)
    assert ledger.recorded == []


def test_no_more_bytes_are_read_than_were_allowed() -> None:
    one = made()
    ledger = one.ledger()
    assert run(one, ledger, limit=one.evidence.size - 1)[0] == SurveyResult()
    assert ledger.recorded == []
    assert run(one, ledger, limit=one.evidence.size)[0].read == 1


def test_only_the_latest_survey_that_can_be_read_counts() -> None:
    one = made()
    one.tells(a_survey(one.evidence))
    one.tells(replace(a_survey(one.evidence, [NAMES[1]]), files=(replace(a_survey(one.evidence).files[1], rows=7),)))
    body = one.events[-1].body.replace('"rows":7', '"rows":"many"')
    broken = CustodyEvent(99, NOW, EvidenceSurveyed.kind, one.evidence.id, body)
    found = surveyed([*one.events, broken, replace(broken, body="nonsense")])
    assert {name: file.rows for name, file in found.items()} == {NAMES[0]: None, NAMES[1]: 7, NAMES[2]: 1}
    assert set(found) == set(DELIVERED)
