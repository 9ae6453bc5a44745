"""The log's keys, for ``ledger verify``: which there are, which must have signed a head, and who vouches for them.

Trust begins outside of the ledger: with the key that the configured signer has, which must be the newest, and with
the older keys that the configuration or a paper names. A key that signed the same head as a trusted one, as the
ledger says it did when it was adopted, is vouched for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from archiver.domain.log_records import AdoptedKey
from archiver.domain.text import printable
from archiver.errors import LedgerError, MediumError
from archiver.log.names import VKEYS
from archiver.log.note import Note, VerifierKey, parse_key, signed_by
from archiver.log_ports import CustodyLog, PublishedLog
from archiver.work.log_verify_report import Findings, is_forged

_TABLE: Final = "log_keys"


@dataclass(frozen=True, slots=True)
class LogKey:
    """A key of the log: the entry *seq* adopted it. ``vouched``: the key before signs the next head, too."""

    seq: int
    key: VerifierKey
    vouched: bool


@dataclass
class LogKeys:
    """The log's keys, oldest first. ``trusted``: those that the world outside vouches for, of this log or not.

    ``listed``: the lines of the published list, None where it cannot be had; ``exact``: it is these, to the byte.
    ``is_listed``: False where there is no list. ``configured``: the signer's own key, None where that cannot be had.
    """

    keys: Sequence[LogKey]
    trusted: Sequence[VerifierKey]
    listed: Sequence[str] | None = None
    exact: bool = True
    configured: VerifierKey | None = None
    is_listed: bool = True
    _vouching: set[int] = field(default_factory=set)

    def signer(self, note: Note) -> VerifierKey | None:
        """Some key of the log, or a trusted one, that signed *note*."""
        known = [*(key.key for key in reversed(self.keys)), *self.trusted]
        return next((key for key in known if signed_by(note, key)), None)

    def complaint(self, note: Note, size: int, before: int) -> str | None:
        """What is wrong with the signatures of the head of *size* leaves, the one after that of *before* leaves.

        It must be signed with the newest key that it covers, and by the key before each that it is the first to
        cover and that is said to be vouched for; and by nobody else.
        """
        covered = [number for number, key in enumerate(self.keys) if key.seq < size]
        if not covered:
            return "the log had no key yet that could have signed it"
        own = self.keys[covered[-1]].key
        wrong = self._complaint(note, own)
        if wrong is not None:
            return wrong
        needed: list[VerifierKey] = []
        for number in covered:
            if number and self.keys[number].seq >= before and self.keys[number].vouched:
                needed.append(self.keys[number - 1].key)
                wrong = self._complaint(note, needed[-1])
                if wrong is not None:
                    return f"{wrong}, which was to vouch for the one after it"
                if signed_by(note, self.keys[number].key):
                    self._vouching.add(number)
        lines = [(line.name, line.id) for line in note.signatures]
        if lines != [(key.name, key.id) for key in dict.fromkeys([*needed, own])]:
            return "it has other signature lines than the log's own, each once, that it needs"
        return None

    def _complaint(self, note: Note, key: VerifierKey) -> str | None:
        holds = signed_by(note, key)
        if holds:
            return None
        return (
            f"its signature by {_shown(key)} does not hold"
            if holds is False
            else f"it is not signed by {_shown(key)}"
        )

    def judge(self, has_heads: bool, findings: Findings) -> None:
        """Tells each key that nobody vouches for. To be called when all heads were looked at, if there are any."""
        newest = self.keys[-1].key if self.keys else None
        if self.configured not in (None, newest) and (self.keys or has_heads):
            self._tell_replaced(findings)
        trusted = {number for number, key in enumerate(self.keys) if key.key in (*self.trusted, self.configured)}
        links = sorted(self._vouching)
        for number in links:
            if number - 1 in trusted:
                trusted.add(number)
        for number in reversed(links):
            if number in trusted:
                trusted.add(number - 1)
        for number, key in enumerate(self.keys):
            if number in trusted:
                continue
            if number == len(self.keys) - 1:
                if self.configured is None:
                    detail = f"the log's newest key {_shown(key.key)} is not trusted"
                    findings.add("key_replaced", detail, key.seq, _TABLE)
            else:
                findings.add(
                    "key_unvouched",
                    f"the log's key {_shown(key.key)} is neither trusted nor vouched for by a later one",
                    key.seq,
                    _TABLE,
                )

    def _tell_replaced(self, findings: Findings) -> None:
        if self.keys:
            newest = self.keys[-1]
            detail = f"the log's newest key {_shown(newest.key)} is not the configured one"
            findings.add("key_replaced", detail, newest.seq, _TABLE)
        else:
            findings.add(
                "key_replaced", "no event adopted any key for the log, the configured one neither", None, _TABLE
            )

    def check_list(self, newest: int, findings: Findings) -> None:
        """Holds the published list against the keys. One that no head (*newest*: leaves) covers may be missing."""
        wanted = [str(key.key) for key in self.keys]
        needed = sum(key.seq < newest for key in self.keys)
        listed = self.listed
        if listed is None:
            return
        if list(listed) == wanted[: len(listed)] and len(listed) >= needed:
            if not self.exact:
                detail = "the published verifier keys are not one a line, each with a newline, and nothing else"
                findings.add("key_replaced", detail, None, VKEYS)
            return
        number = next((n for n, pair in enumerate(zip(listed, wanted, strict=False)) if pair[0] != pair[1]), None)
        if number is not None:
            detail = f"{_line_shown(listed, number)}, and the log's key is {wanted[number]}"
        elif len(listed) > len(wanted):
            detail = f"{_line_shown(listed, len(wanted))}, and the log has no more than {len(wanted)}"
        else:
            detail = f"{len(listed)} verifier keys are published, and the log has {len(wanted)}"
        findings.add("key_replaced", detail, None, VKEYS)


def _line_shown(listed: Sequence[str], number: int) -> str:
    """What stands in a line of the published list, and whether it is a key at all."""
    line = printable(listed[number], 200)
    try:
        parse_key(listed[number])
    except ValueError:
        return f"line {number + 1} of the published verifier keys is {line!r}, which is no verifier key"
    return f"line {number + 1} of the published verifier keys is {line}"


def keys_of(
    log: CustodyLog,
    published: PublishedLog | None,
    trusted: Sequence[str],
    configured: str | None,
    findings: Findings,
) -> LogKeys:
    """The keys of *log* as most of its witnesses have them: events, table, and the published list."""
    told = _from_events(log, findings)
    rows = _from_table(log, findings)
    data, is_listed = _listed(published, findings) if published is not None else (None, True)
    listed = None if data is None else _lines(data)
    keys = []
    own = None if configured is None else parse_key(configured)
    # a row that no event made and nobody published is no key of the log; the check of rows tells of it
    by_events = {key.key for key in told.values()}
    known = {seq for seq, row in rows.items() if row.key in (listed or ()) and row.key not in by_events}
    for number, seq in enumerate(sorted({*told, *known})):
        held = [one.key for one in (told.get(seq), rows.get(seq)) if one is not None]
        if listed is not None and number < len(listed):
            held.append(listed[number])
        text = max(held, key=held.count)
        chosen = next((one for one in (told.get(seq), rows.get(seq)) if one is not None and one.key == text), None)
        vouched = chosen.vouched if chosen is not None else False
        try:
            keys.append(LogKey(seq, parse_key(text), vouched))
        except ValueError as error:
            findings.add("key_replaced", f"the log's key in entry {seq} is none: {error}", seq, _TABLE)
    exact = data is None or data == "".join(f"{line}\n" for line in listed or ()).encode("utf-8", "replace")
    return LogKeys(keys, [parse_key(text) for text in dict.fromkeys(trusted)], listed, exact, own, is_listed)


def _from_events(log: CustodyLog, findings: Findings) -> Mapping[int, AdoptedKey]:
    try:
        return {key.seq: key for key in _adopted(log)}
    except LedgerError as error:
        findings.unread(error, "custody_events")
        return {}


def _adopted(log: CustodyLog) -> Iterator[AdoptedKey]:
    """Those that can be read: one that cannot is an event that was altered, and told as such elsewhere."""
    for seq, body in log.of_kind("log_key_adopted"):
        try:
            told = json.loads(body)
        except (ValueError, RecursionError):
            continue
        if isinstance(told, dict) and isinstance(told.get("key"), str):
            yield AdoptedKey(seq, told["key"], None, told.get("vouched") is True)


def _from_table(log: CustodyLog, findings: Findings) -> Mapping[int, AdoptedKey]:
    try:
        rows = log.keys()
        return {row.seq: row for row in rows}
    except LedgerError as error:
        findings.unread(error, _TABLE)
        return {}


def _lines(data: bytes) -> Sequence[str]:
    """The lines of a list; the newline alone ends one."""
    lines = data.decode("utf-8", "replace").split("\n")
    return lines if lines[-1] else lines[:-1]


def _listed(published: PublishedLog, findings: Findings) -> tuple[bytes | None, bool]:
    """(the published list, None where there is none to be read; False where there is none at all)."""
    try:
        data = published.read(VKEYS)
    except MediumError as error:
        if is_forged(error):
            findings.add("key_replaced", str(error), None, VKEYS)
        else:
            findings.unread(error, VKEYS)
        return None, True
    return data, data is not None


def _shown(key: VerifierKey) -> str:
    return printable(f"{key.name}+{key.id.hex()}", 300)
