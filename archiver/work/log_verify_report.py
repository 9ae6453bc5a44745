"""What ``ledger verify`` finds: problems, told as they are found, and the report over all of them."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from archiver.domain.log_records import Problem
from archiver.errors import ArchiverError, LedgerError, MediumError, StoppedError
from archiver.log_ports import Tell

UNREADABLE: Final = "unreadable"
"""Kind of what says nothing about integrity: something gave an error instead of an answer."""

Unit = Callable[[int, int], str]
Where = Callable[[str, int], tuple[int | None, str | None]]
"""(kind, place) -> the ``seq`` and ``table`` of a problem there."""

KEPT: Final = 10_000
"""Most problems that a report holds; all are told."""

_NO_FILE: Final = frozenset({errno.ELOOP, errno.ENOTDIR, errno.ENAMETOOLONG})
"""What the system answers where a link or a file stands in the way."""

_SINGLY: Final = 20
"""Neighbours that are told one by one; what follows them without a gap is told as one range."""


@dataclass(frozen=True, slots=True)
class HeldHead:
    """A head that a reader kept, and whether the log leads to it: None where nobody can tell. ``root``: 64 hex."""

    place: str
    size: int
    root: str
    holds: bool | None


@dataclass(frozen=True, slots=True)
class LogReport:
    """One verification. ``size`` and ``root`` (64 hex): of the log as recomputed; None where it could not be.

    ``problems``: the first :data:`KEPT` of ``problem_count``. ``failed``: one of them is about integrity, not only
    unreadable. ``notes``: what was not checked, and why. ``unreached``: some of that could have been. ``heads_held``:
    those that a reader kept and gave. ``signer_checked``: False where no key was to be had that the log's must be.
    ``suspects``: numbers of events whose bodies are gone, altered or nobody's (at most :data:`KEPT`), and what each
    said; None where nobody has it.
    """

    size: int
    root: str | None
    events_checked: int
    rows_checked: int
    problems: tuple[Problem, ...]
    problem_count: int
    failed: bool
    unreached: bool
    notes: tuple[str, ...]
    keys: int
    checkpoints: int
    anchors: int
    anchors_unchecked: int
    seconds: float
    heads_held: tuple[HeldHead, ...] = ()
    signer_checked: bool = True
    suspects: Mapping[int, bytes | None] = field(default_factory=dict)

    @property
    def causes(self) -> int:
        """How many of ``problems`` follow from no other."""
        return sum(problem.because is None for problem in self.problems)


def nothing_but(problem: Problem) -> LogReport:
    """The report where there is no ledger to verify."""
    return LogReport(0, None, 0, 0, (problem,), 1, True, False, (), 0, 0, 0, 0, 0.0)


@dataclass
class Findings:
    """Takes problems, tells each at once, and keeps the first ones for the report.

    ``suspects``: numbers of events that something is wrong with, at most :data:`KEPT`, and which kind of problem.
    """

    told: Tell = lambda _problem: None
    problems: list[Problem] = field(default_factory=list)
    count: int = 0
    failed: bool = False
    unreached: bool = False
    notes: list[str] = field(default_factory=list)
    suspects: dict[int, str] = field(default_factory=dict)
    _stumbled: set[tuple[str, str]] = field(default_factory=set)

    def __call__(self, problem: Problem) -> None:
        """Takes *problem*."""
        self.count += 1
        if problem.kind == UNREADABLE:
            self.unreached = True
        else:
            self.failed = True
        if len(self.problems) < KEPT:
            self.problems.append(problem)
        self.told(problem)

    def add(self, kind: str, detail: str, seq: int | None = None, table: str | None = None) -> None:
        """Takes the problem that these make."""
        self(Problem(kind, detail, seq, table))

    def suspect(self, kind: str, seq: int) -> None:
        """Takes note that a problem of *kind* with the event *seq* is told, be it in a range."""
        if kind.startswith("event_") and len(self.suspects) < KEPT:
            self.suspects.setdefault(seq, kind)

    def unread(self, error: ArchiverError, table: str | None = None) -> None:
        """Something could not be read: *error* says what."""
        self.add(UNREADABLE, str(error), None, table)

    def blocked(self, error: MediumError, table: str) -> None:
        """The folder *table* of the log could not be listed: a problem where something else stands there."""
        if is_in_the_way(error):
            self.add("published_altered", str(error), None, table)
        else:
            self.unread(error, table)

    def section(self, name: str) -> Section:
        """One part of the verification, as a context."""
        return Section(self, name)

    def stumbled(self, name: str, error: Exception) -> None:
        """The part called *name* ended with *error*: told once for each kind of error."""
        stumbled = (name, type(error).__name__)
        if stumbled not in self._stumbled:
            self._stumbled.add(stumbled)
            detail = f"the check of {name} was not done to its end: {stumbled[1]}"
            self.add("check_failed", detail, None, name)

    def unasked(self, note: str) -> None:
        """Something was not checked and could have been."""
        self.unreached = True
        self.notes.append(note)


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the verification: whatever it stumbles over is told, and the other parts go on.

    What nobody foresaw is a problem: who can write to ledger or log may have made it. StoppedError passes.
    """

    findings: Findings
    name: str

    def __enter__(self) -> None:
        """Nothing is to be done before."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if isinstance(error, LedgerError | MediumError):
            self.findings.unread(error, self.name)
            return True
        if isinstance(error, Exception) and not isinstance(error, StoppedError):
            self.findings.stumbled(self.name, error)
            return True
        return False


def is_forged(error: MediumError) -> bool:
    """True where what lies at a path is no file of a log (a link, a folder, too large); False for a disk's error."""
    return not isinstance(error.__cause__, OSError) or error.__cause__.errno in _NO_FILE


def is_in_the_way(error: MediumError) -> bool:
    """True where a link or a file stands where a folder should be."""
    return isinstance(error.__cause__, OSError) and error.__cause__.errno in _NO_FILE


class Runs:
    """Problems that lie side by side: the first ones singly, and all that follow without a gap as one range.

    Call :meth:`settle` now and then, so that ranges are told in time.
    """

    def __init__(self, findings: Findings, unit: Unit, where: Where) -> None:
        """*unit*: how (first, last) is called, such as ``event 7`` or ``events 7 to 9``; *where*: see there."""
        self._findings = findings
        self._unit = unit
        self._where = where
        self._open: dict[tuple[str, str], list[int]] = {}

    def add(self, kind: str, phrase: str, place: int) -> None:
        """A problem at *place*: what is called by that number, and *phrase*. Places come in order."""
        key = (kind, phrase)
        self._findings.suspect(kind, place)
        run = self._open.get(key)
        if run is None or run[1] != place - 1:
            if run is not None:
                self._close(key)
            self._open[key] = [place, place, -1]
            self._tell(key, place, place)
            return
        run[1] = place
        if place - run[0] < _SINGLY:
            self._tell(key, place, place)
        elif run[2] < 0:
            run[2] = place

    def settle(self, upto: int) -> None:
        """Tells the ranges that nothing at *upto* or later can continue."""
        for key in [key for key, run in self._open.items() if run[1] < upto - 1]:
            self._close(key)

    def finish(self) -> None:
        """Tells all that is left."""
        for key in list(self._open):
            self._close(key)

    def _close(self, key: tuple[str, str]) -> None:
        _first, last, rest = self._open.pop(key)
        if rest >= 0:
            self._tell(key, rest, last)

    def _tell(self, key: tuple[str, str], first: int, last: int) -> None:
        kind, phrase = key
        seq, table = self._where(kind, first)
        self._findings.add(kind, f"{self._unit(first, last)} {phrase}", seq, table)


def of_events(findings: Findings) -> Runs:
    """Runs of custody events, or of their rows in ``merkle_nodes``."""

    def unit(first: int, last: int) -> str:
        return f"event {first}:" if first == last else f"events {first} to {last}:"

    return Runs(findings, unit, lambda kind, seq: (seq, "merkle_nodes" if kind == "tree_altered" else None))


def of_files(findings: Findings, path: Callable[[int], str], leaves: int) -> Runs:
    """Runs of files that are numbered, each of *leaves* leaves."""

    def unit(first: int, last: int) -> str:
        return path(first) if first == last else f"{path(first)} to {path(last)}, {last - first + 1} files:"

    return Runs(findings, unit, lambda _kind, index: (index * leaves, path(index)))
