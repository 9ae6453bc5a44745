"""The whole reading of archived items: recorded once, told where something differs, ended when asked to."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import BinaryIO

import pytest

from archiver.domain.custody_facts import EvidenceSurveyed
from archiver.domain.records import CustodyEvent
from archiver.domain.survey import Look
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
    sha256,
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
    one: Made,
    ledger: MadeLedger,
    store: MadeStore | None = None,
    *,
    limit: int | None = None,
    stop: int = 10**9,
    again: bool = True,
    recording: bool = True,
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
        again,
        recording,
    )
    return use_case.run([one.evidence]), progress


def test_what_is_in_every_file_is_put_on_record_once() -> None:
    one = made()
    ledger = one.ledger()
    result, progress = run(one, ledger)
    assert result == SurveyResult(read=1, size=one.evidence.size, troubles=[])
    assert (progress.bytes, progress.items) == (one.evidence.size, 1)
    assert ledger.recorded == [a_survey(one.evidence)]
    assert result.look(one.evidence.id) == Look()
    again, _ = run(one, ledger)
    assert (again, again.look(one.evidence.id)) == (result, Look())
    assert len(ledger.recorded) == 1
    left, _ = run(one, ledger, again=False)
    assert (left, left.look(one.evidence.id)) == (SurveyResult(), None)


def test_files_are_read_and_nothing_is_recorded_where_nothing_is_to_be() -> None:
    one = made()
    ledger = one.ledger()
    result, _ = run(one, ledger, recording=False)
    assert (result.read, result.look(one.evidence.id), ledger.recorded) == (1, Look(), [])


def test_a_file_that_was_surveyed_and_has_other_bytes_since_is_told() -> None:
    one = made()
    one.tells(a_survey(one.evidence))
    path = one.evidence.files[1].path
    one.files[path] = one.files[path][:-1] + b"?"
    result, _ = run(one, one.ledger())
    look = result.look(one.evidence.id)
    assert look is not None
    assert list(look.altered) == [path]
    assert f"it has SHA-256 {sha256(one.files[path])}, and " in look.altered[path]


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
    assert result.troubles == [
        f"{second} is NOT what was acquired: "
        f"it has more than the {one.evidence.files[1].size} bytes that are on record",
        f"{third} is NOT what was acquired: it is not there",
    ]
    look = result.look(one.evidence.id)
    assert look is not None
    assert (set(look.altered), look.unread) == ({second, third}, {})
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
    look = result.look(one.evidence.id)
    assert look is not None
    assert (look.altered, set(look.unread)) == ({}, {first, second})
    (entry,) = ledger.recorded
    assert isinstance(entry, EvidenceSurveyed)
    assert [file.name for file in entry.files] == [NAMES[2]]


def test_a_stop_ends_it_between_two_steps_of_a_large_file() -> None:
    one = made()
    first, large, *rest = one.evidence.files
    one.evidence = replace(one.evidence, files=(first, replace(large, size=200_000), *rest))
    one.files[large.path] = bytes(200_000)
    ledger = one.ledger()
    with pytest.raises(StoppedError):
        run(one, ledger, stop=5)
    assert ledger.recorded == []


def test_no_more_bytes_are_read_than_were_allowed() -> None:
    one = made()
    ledger = one.ledger()
    assert run(one, ledger, limit=one.evidence.size - 1)[0] == SurveyResult(left=1)
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
