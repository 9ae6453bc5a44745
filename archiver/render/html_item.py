"""One item as its section of the page shows it: what a template has no words to work out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from archiver.domain.dossier import FileAccount, Happening, HashChange, Standing
from archiver.domain.evidence import FileRole
from archiver.domain.facts import Fact
from archiver.domain.text import printable
from archiver.render.words.vocabulary import Words

FILES_SHOWN: Final = 1000
"""Most files and hashes of an item that the page lists one by one; the JSON report has all."""

PROOF_SHOWN: Final = 64 * 1024
"""Longest proof that stands in the page; a longer one is a file of its own."""

_SIGN_FILE_SHOWN: Final = 256 * 1024
_LINE_SHOWN: Final = 20_000


class Verbatim(str):
    """Text that is printable already, and is not cut once more. It is escaped like any other."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """``told``: (fact, its value in words); ``missing``: (why, names of the facts), one line for each reason."""

    told: tuple[tuple[Fact, str], ...]
    missing: tuple[tuple[str, str], ...]


def facts_of(facts: Iterable[Fact], words: Words) -> Facts:
    """*facts* in their order, those without a value by the reason."""
    told: list[tuple[Fact, str]] = []
    missing: dict[str, list[str]] = {}
    for one in facts:
        if one.value is None:
            missing.setdefault(words.value(one), []).append(words.fact_name(one.name))
        else:
            told.append((one, words.value(one)))
    return Facts(tuple(told), tuple((why, words.text("join").join(names)) for why, names in missing.items()))


@dataclass(frozen=True, slots=True)
class Told:
    """A custody event. ``first``: files that it is the first to tell of; ``changes``: those that were other before;
    ``kept``: those that it found as they were.

    ``same_as``: the event in which the same hashes stand already, None where they stand here.
    """

    event: Happening
    sentence: str
    first: tuple[HashChange, ...]
    changes: tuple[HashChange, ...]
    kept: tuple[HashChange, ...]
    same_as: int | None


def told_events(history: Sequence[Happening], words: Words) -> Iterator[Told]:
    """Every event; hashes that stand in one already are named by its number, for ten years of audits repeat them."""
    shown: dict[bytes, int] = {}
    files: set[str] = set()
    for event in history:
        first = tuple(one for one in event.hashes if one.before is None and one.file not in files)
        told = [one for one in event.hashes if one.before is not None or one.file in files]
        files.update(one.file for one in first)
        kept = tuple(one for one in told if one.before == one.after)
        changes = tuple(one for one in told if one.before != one.after)
        same_as = None
        if event.hashes and not event.more_hashes:
            known = shown.setdefault(_hashes_digest(event.hashes), event.seq)
            same_as = known if known != event.seq and len(kept) == len(event.hashes) else None
        yield Told(event, words.sentence(event), first, changes, kept, same_as)


def _hashes_digest(hashes: Iterable[HashChange]) -> bytes:
    """Equal for events after which the same files have the same hashes."""
    digest = hashlib.sha256()
    for file, after in sorted((one.file, one.after or "") for one in hashes):
        data = file.encode("utf-8", "surrogatepass")
        digest.update(f"{len(data)} {len(after)} ".encode() + data + after.encode("utf-8", "surrogatepass"))
    return digest.digest()


def last_read(history: Iterable[Happening]) -> dict[str, tuple[str | None, int]]:
    """By archive path: the SHA-256 that the last event with one tells (None: not there, not readable), its number."""
    return {one.file: (one.after, event.seq) for event in history for one in event.hashes}


def tone_of(file: FileAccount) -> str:
    """The CSS class of a file's standing."""
    if file.standing.is_bad:
        return "failed"
    if file.standing is Standing.SIGNED:
        return "verified"
    return "plain" if file.role is FileRole.SIGN_FILE else "indeterminate"


def lines_of(text: str) -> list[Verbatim]:
    """*text* line by line, cut where it is too long to stand in a page; characters that do not print are escaped."""
    lines = text[:_SIGN_FILE_SHOWN].split("\n")
    shown = [Verbatim(printable(line, _LINE_SHOWN)) for line in lines]
    if len(text) > _SIGN_FILE_SHOWN:
        shown.append(Verbatim(f"… ({len(text)} characters)"))
    return shown


@dataclass(frozen=True, slots=True)
class ProofText:
    """The proof file: ``text`` is None where it is too long to stand here."""

    size: int
    sha256: str
    text: Verbatim | None


def proof_text(data: bytes | None) -> ProofText | None:
    """What the page shows of a proof file."""
    if data is None:
        return None
    text = None
    if len(data) <= PROOF_SHOWN:
        shown = data.decode("utf-8", "backslashreplace").rstrip("\n")
        text = Verbatim(printable(shown, len(shown)))
    return ProofText(len(data), hashlib.sha256(data).hexdigest(), text)
