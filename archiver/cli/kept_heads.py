"""Heads of the log that a reader kept, as options of a command: in files of several kinds, or as size and root."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from archiver.cli.new_file import read_file
from archiver.errors import UsageError

if TYPE_CHECKING:
    from archiver.work.log_verify_kept import KeptHead

_MOST_BYTES: Final = 256 * 1024 * 1024
"""Of a file that carries a head: a report tells of it above its items, and must still be read whole."""

_NOTES: Final = (
    ("checkpoint",),
    ("earlier", "checkpoint"),
    ("acquired_under", "checkpoint"),
    ("log", "checkpoint", "note"),
)
"""Where signed notes stand in proofs and reports."""

_FIGURES: Final[Sequence[Sequence[str]]] = ((), ("log",), ("ledger",), ("earlier",))
"""Where size and root stand side by side: in reports, and in what status, ledger verify and ledger check print."""

_EXPECTED: Final = re.compile(r"(0|[1-9][0-9]{0,18}):(?:([0-9A-Fa-f]{64})|([A-Za-z0-9+/]{43}=))", re.ASCII)
_IN_A_PAGE: Final = re.compile(rb"--expect ([0-9]{1,19}:[0-9a-f]{64})\b")
_SHAPE: Final = (
    "SIZE:ROOT is the number of leaves and the root as 64 hex digits, or in base64 as a checkpoint has it."
)


def kept_heads(files: Sequence[Path], expected: Sequence[str]) -> list[KeptHead]:
    """The heads in *files* and *expected* (``SIZE:ROOT``). Raises UsageError for what carries none."""
    found = [head for file in files for head in _in_file(file)]
    return [*found, *(_expected(text, "--expect") for text in expected)]


def _expected(text: str, place: str) -> KeptHead:
    from archiver.log.lines import LARGEST, hash_of
    from archiver.work.log_verify_kept import KeptHead

    parts = _EXPECTED.fullmatch(text.strip())
    if parts is None or int(parts[1]) > LARGEST:
        raise UsageError(f"--expect {text}: no head", _SHAPE)
    try:
        root = bytes.fromhex(parts[2]) if parts[2] else hash_of(parts[3])
    except ValueError as error:
        raise UsageError(f"--expect {text}: {error}", _SHAPE) from error
    return KeptHead(int(parts[1]), root, place)


def _in_file(file: Path) -> list[KeptHead]:
    data = read_file(file, _MOST_BYTES)
    place = "stdin" if str(file) == "-" else str(file)
    heads = _in_text(data, place) or list(dict.fromkeys(_in_json(data, place))) or _in_page(data, place)
    if not heads:
        raise UsageError(
            f"{place}: no head of a log is in it",
            "FILE is a checkpoint, a proof, or a report (HTML or JSON); for a head on paper: --expect SIZE:ROOT",
        )
    return heads


def _in_text(data: bytes, place: str) -> list[KeptHead]:
    """A signed note, or a C2SP proof that holds one."""
    from archiver.log.proof import PROOF_BYTES, parse_proof

    try:
        return [_signed(data, place)]
    except ValueError:
        pass  # no note: it may be a proof
    try:
        return [_signed(parse_proof(data).checkpoint.encode("utf-8"), place)] if len(data) <= PROOF_BYTES else []
    except ValueError:
        return []


def _signed(data: bytes, place: str) -> KeptHead:
    from archiver.log.checkpoint import read_checkpoint
    from archiver.work.log_verify_kept import KeptHead

    head, note = read_checkpoint(data)
    return KeptHead(head.size, head.root, place, head.origin, note)


def _in_json(data: bytes, place: str) -> Iterator[KeptHead]:
    """Every head in a proof file, a report, or what a command printed with ``--json``."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return
    for within in _NOTES:
        note = _at(value, within)
        if isinstance(note, str):
            try:
                yield _signed(note.encode("utf-8"), place)
            except ValueError as error:
                raise UsageError(f"{place}: {'.'.join(within)} is no checkpoint: {error}") from error
    for beside in _FIGURES:
        size, root = _at(value, (*beside, "size")), _at(value, (*beside, "root"))
        if type(size) is int and isinstance(root, str):
            yield _expected(f"{size}:{root}", place)


def _in_page(data: bytes, place: str) -> list[KeptHead]:
    """Those that an HTML report tells how to check."""
    return [_expected(text.decode("ascii"), place) for text in dict.fromkeys(_IN_A_PAGE.findall(data))]


def _at(value: Any, path: Sequence[str]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
