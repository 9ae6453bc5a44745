"""Random histories with heads at random places, and a random change anywhere: clean before, found after."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.domain.log_records import Problem
from tests.support.ledgers import LedgerPlace
from tests.support.log_stand import LogStand, shown
from tests.support.tampering import OPERATIONS, TABLES, Forger, overwrite

_TABLES = sorted(set(TABLES) - {"alembic_version"})
"""An altered schema table is for the command: no ledger is opened with it."""


@dataclass(frozen=True)
class History:
    """``parts``: (seed, events, is a head signed after them, is that anchored)."""

    parts: tuple[tuple[int, int, bool, bool], ...]


histories = st.builds(
    History,
    st.lists(
        st.tuples(st.integers(0, 2**16), st.integers(1, 90), st.booleans(), st.booleans()), min_size=1, max_size=5
    ).map(tuple),
)


@contextmanager
def stand(history: History) -> Iterator[LogStand]:
    """A ledger and a log to which *history* happened."""
    folder = Path(tempfile.mkdtemp())
    made = LogStand(folder, LedgerPlace(f"sqlite:///{folder}/ledger.db")).make()
    try:
        for seed, events, signs, anchors in history.parts:
            made.record(events, seed)
            if signs:
                made.sign()
                if anchors:
                    made.anchor()
        yield made
    finally:
        made.close()
        shutil.rmtree(folder)


@pytest.mark.thorough
@settings(max_examples=25)
@given(history=histories)
def test_what_nobody_touched_is_clean(history: History) -> None:
    with stand(history) as made:
        report = made.verify()
        assert list(shown(report.problems)) == []
        assert report.events_checked == report.size == made.ledger.log.size()
        assert not report.failed
        assert not report.unreached


@pytest.mark.thorough
@settings(max_examples=60)
@given(history=histories, table=st.sampled_from(_TABLES), operation=st.sampled_from(OPERATIONS), seed=st.integers())
def test_a_change_of_rows_is_found_and_located(history: History, table: str, operation: str, seed: int) -> None:
    with stand(history) as made:
        forged = Forger(made.place, random.Random(seed)).do(operation, table)
        report = made.verify()
        if forged is None:
            assert report.problem_count == 0
            return
        assert report.failed
        located = [one for one in report.problems if forged.is_located_by(one.kind, one.seq, one.table, one.detail)]
        assert located, (forged, list(shown(report.problems))[:5])


@pytest.mark.thorough
@settings(max_examples=60)
@given(
    history=histories, which=st.integers(0, 2**16), how=st.sampled_from(["flip", "cut", "append", "remove", "copy"])
)
def test_a_change_of_files_is_found_and_located(history: History, which: int, how: str) -> None:
    with stand(history) as made:
        files = sorted(path for path in made.log.rglob("*") if path.is_file()) if made.log.exists() else []
        if not files:
            return
        path = files[which % len(files)]
        name = path.relative_to(made.log).as_posix()
        data = path.read_bytes()
        needless = is_partial_and_old(made, name)
        if how == "flip":
            at = which % len(data)
            overwrite(path, data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        elif how == "cut":
            overwrite(path, data[: which % len(data)])
        elif how == "append":
            overwrite(path, data + b"\0")
        elif how == "remove":
            path.unlink()
        else:
            name += "x"
            overwrite(path.with_name(f"{path.name}x"), data)
        problems = made.verify().problems
        if how == "remove" and needless:
            assert problems == ()
        else:
            assert names(problems, name), (name, how, list(shown(problems))[:5])
            assert {one.table for one in problems} == {name}, list(shown(problems))[:5]


def is_partial_and_old(made: LogStand, name: str) -> bool:
    """True for a partial tile of a head before the newest: it may be taken away."""
    newest = made.ledger.log.latest_checkpoint()
    assert newest is not None
    if ".p/" not in name:
        return False
    width = int(name.rpartition("/")[2])
    level = 0 if "entries" in name else int(name.split("/")[1])
    return width != newest.size // 256**level % 256


def names(problems: tuple[Problem, ...], name: str) -> bool:
    return any(one.table == name for one in problems)
