"""Which of the problems follow from which, for ``ledger verify``: one altered event speaks against many rows.

Nothing is left out because of that. A row that somebody altered besides looks the same as one that contradicts the
altered event; whoever mends the cause and verifies again sees what is left.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from archiver.domain.log_records import Problem
from archiver.work.log_verify_report import Findings

_OF_ROWS: Final = ("row_altered", "row_missing", "row_added", "event_malformed")
"""What follows from an event that is not what it was."""

_NAMED: Final = re.compile(r"'([^']{1,300})'|\b([0-9a-f]{32})\b", re.ASCII)
"""What a problem's detail names: the parts of a row's key, with which it begins, or an item's ID."""

_SOURCES: Final = "sources"
_COUNTS: Final = "evidence_counts"
"""Its rows are named by days, and an item that is judged anew is counted on another day from then on."""

_HELD_BYTES: Final = 64 * 1024**2
"""Bytes of leaves that are kept for whoever asks what the events said that something is wrong with."""


class Causes:
    """Takes note of what the events were about that *findings* tells of, while the tree is walked.

    ``leaves_of``: what each of these events said, by its number; None where nobody has it any more.
    """

    def __init__(self, findings: Findings) -> None:
        self.leaves_of: dict[int, bytes | None] = {}
        self._findings = findings
        self._noted = 0
        self._held = 0
        self._about: dict[str, int] = {}

    def leaves(self, first: int, leaves: Sequence[bytes | None]) -> None:
        """*leaves*: those from *first* on that are believed. To be called when problems with them were told."""
        suspects = list(self._findings.suspects)[self._noted :] if self._noted < len(self._findings.suspects) else ()
        self._noted += len(suspects)
        for seq in suspects:
            leaf = leaves[seq - first] if 0 <= seq - first < len(leaves) else None
            self._hold(seq, leaf)
            for name in _names(leaf) if leaf is not None else ():
                self._about.setdefault(name, seq)

    def _hold(self, seq: int, leaf: bytes | None) -> None:
        self._held += len(leaf or b"")
        self.leaves_of[seq] = leaf if self._held <= _HELD_BYTES else None

    def marked(self, problems: Sequence[Problem]) -> tuple[Problem, ...]:
        """*problems* in their order, each that follows from another one with the event that it follows from."""
        roots = _roots(self._findings.suspects)
        parted = min(
            (p.seq for p in problems if p.kind == "checkpoint_inconsistent" and p.seq is not None), default=None
        )
        seen: set[str] = set()
        marked = []
        for problem in problems:
            because = self._because(problem, roots)
            if problem.kind == "checkpoint_inconsistent" and parted is not None:
                because = roots.get(parted, parted if problem.kind in seen or problem.seq != parted else None)
            elif problem.kind == "ledger_behind" and problem.kind in seen:
                because = problem.seq
            seen.add(problem.kind)
            marked.append(replace(problem, because=because))
        return tuple(marked)

    def _because(self, problem: Problem, roots: dict[int, int]) -> int | None:
        seq = problem.seq
        if problem.kind in _OF_ROWS:
            if seq in roots:
                return roots[seq]
            return self._named(problem, roots)
        if problem.kind.startswith("event_") and seq is not None and roots.get(seq, seq) != seq:
            return roots[seq]
        return None

    def _named(self, problem: Problem, roots: dict[int, int]) -> int | None:
        """By what the row is called, where it has no event's number."""
        is_row = problem.kind != "event_malformed"
        told = problem.detail.partition(": ")[0] if is_row else problem.detail
        names = [quoted or item for quoted, item in _NAMED.findall(told)]
        if problem.table == _SOURCES:
            names = [f"{_SOURCES} {name}" for name in names]
        elif problem.table == _COUNTS:
            names = [_COUNTS]
        found = next((self._about[name] for name in names if name in self._about), None)
        return None if found is None else roots.get(found, found)


def _roots(suspects: dict[int, str]) -> dict[int, int]:
    """Each event that something is wrong with -> the first one of the run of neighbours that it stands in."""
    roots: dict[int, int] = {}
    for seq in sorted(suspects):
        alike = suspects.get(seq - 1) == suspects[seq]
        roots[seq] = roots[seq - 1] if alike else seq
    return roots


def _names(leaf: bytes) -> Iterator[str]:
    """What rows that follow from the event in *leaf* are called by, where it is not the event's number."""
    try:
        body: Any = json.loads(leaf)
    except (ValueError, RecursionError):
        return
    if not isinstance(body, dict):
        return
    evidence = body.get("evidence")
    for item in (body, evidence if isinstance(evidence, dict) else {}):
        if isinstance(item.get("id"), str):
            yield item["id"]
        if isinstance(item.get("prefix"), str):
            yield hashlib.sha256(item["prefix"].encode("utf-8", "surrogatepass")).hexdigest()
    if isinstance(body.get("source"), str):
        yield f"{_SOURCES} {body['source']}"
    if "judgement" in body:
        yield _COUNTS
    key = body.get("key")
    if isinstance(key, dict) and isinstance(key.get("der"), str):
        try:
            yield hashlib.sha256(base64.b64decode(key["der"])).hexdigest()
        except ValueError:  # no key then: no row is called by it
            return
