"""C2SP signed notes (c2sp.org/signed-note), verifier keys, and witnesses' cosignatures (c2sp.org/tlog-cosignature).

Bytes and texts that come from outside are hostile: what is not exactly as the formats want it is a ValueError, and
how much is read is bounded. A text means nothing before :func:`signed_by` said True for a key that is trusted.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from archiver.domain.text import printable
from archiver.log.lines import LARGEST, from_base64, head_of, no_controls, to_base64

ED25519: Final = 0x01
"""Signatures of the log itself, over the note's text."""

COSIGNATURE_ED25519: Final = 0x04
COSIGNATURE_ML_DSA_44: Final = 0x06
"""Signatures of witnesses: over a time and the note's text, or over a time and the head that it tells."""

NOTE_BYTES: Final = 1024 * 1024
SIGNATURES: Final = 64
"""Most bytes and most signatures of a note. The format asks for 16 signatures at least, of up to 5 kB each."""

_PUBLIC_BYTES: Final = {ED25519: 32, COSIGNATURE_ED25519: 32, COSIGNATURE_ML_DSA_44: 1312}
_KEY_CHARS: Final = 4096
_SHOWN: Final = 80
_KEY: Final = re.compile(r"([^+]*)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]*)")
_SIGNATURE: Final = re.compile(r"— ([^ ]*) ([^ ]*)")
_ID_BYTES: Final = 4
_TIME_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key and the name that goes with it. ``id``: 4 bytes that both determine; ``type``: of signature.

    ``public``: the raw key, 32 bytes for Ed25519, 1312 for ML-DSA-44. ``str()`` is the C2SP vkey.
    """

    name: str
    id: bytes
    type: int
    public: bytes

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{to_base64(bytes([self.type]) + self.public)}"


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line. ``signature``: what follows the 4 bytes of key ``id``."""

    name: str
    id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """``text``: what is signed, with its final newline."""

    text: str
    signatures: tuple[NoteSignature, ...]


def ed25519_key(name: str, public: bytes) -> VerifierKey:
    """The key of a log called *name* whose Ed25519 public half is *public*, 32 bytes (RFC 8032)."""
    return _key(name, ED25519, public)


def parse_key(text: str) -> VerifierKey:
    """Reads a C2SP vkey of the types 1, 4 and 6."""
    found = _KEY.fullmatch(text) if len(text) <= _KEY_CHARS else None
    if found is None:
        raise ValueError(f"not a verifier key: {printable(text, _SHOWN)}")
    name, identity, encoded = found.groups()
    data = from_base64(encoded)
    if not data:
        raise ValueError(f"a verifier key without key: {printable(text, _SHOWN)}")
    key = _key(name, data[0], data[1:])
    if key.id.hex() != identity:
        raise ValueError(f"the ID of the verifier key {printable(name, _SHOWN)} is {key.id.hex()}, not {identity}")
    return key


def _key(name: str, type_: int, public: bytes) -> VerifierKey:
    _check_name(name)
    if type_ not in _PUBLIC_BYTES:
        raise ValueError(f"the verifier key of {printable(name, _SHOWN)} is of type {type_}, which is not known here")
    if len(public) != _PUBLIC_BYTES[type_]:
        raise ValueError(f"a public key of type {type_} has {_PUBLIC_BYTES[type_]} bytes, not {len(public)}")
    _verifier(type_, public)
    identity = hashlib.sha256(name.encode("utf-8") + b"\n" + bytes([type_]) + public).digest()[:_ID_BYTES]
    return VerifierKey(name, identity, type_, public)


def _check_name(name: str) -> None:
    if not name or any(c == "+" or c.isspace() or unicodedata.category(c) in ("Cc", "Cs") for c in name):
        raise ValueError(f"not a key's name: {printable(name, _SHOWN)!r}")


def parse_note(data: bytes) -> Note:
    """Reads a signed note; nothing is verified."""
    if len(data) > NOTE_BYTES:
        raise ValueError(f"a note of {len(data)} bytes is too long")
    try:
        whole = no_controls(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError("a note that is not UTF-8") from error
    # the last empty line parts text and signatures; the text keeps its own newline
    text, parted, lines = whole.rpartition("\n\n")
    if not parted or not lines.endswith("\n"):
        raise ValueError("a note without signatures")
    if lines.count("\n") > SIGNATURES:
        raise ValueError(f"a note with more than {SIGNATURES} signatures")
    return Note(text + "\n", tuple(_parse_signature(line) for line in lines[:-1].split("\n")))


def _parse_signature(line: str) -> NoteSignature:
    found = _SIGNATURE.fullmatch(line)
    if found is None:
        raise ValueError(f"not a signature line: {printable(line, _SHOWN)}")
    name, encoded = found.groups()
    _check_name(name)
    data = from_base64(encoded)
    if len(data) <= _ID_BYTES:
        raise ValueError(f"a signature by {printable(name, _SHOWN)} that is too short")
    return NoteSignature(name, data[:_ID_BYTES], data[_ID_BYTES:])


def format_note(text: str, signatures: Iterable[NoteSignature]) -> str:
    """The note of *text*, which ends in a newline, and its signatures, at least one."""
    kept = tuple(signatures)
    lines = [f"— {one.name} {to_base64(one.id + one.signature)}\n" for one in kept]
    note = f"{text}\n{''.join(lines)}"
    if parse_note(no_controls(note).encode("utf-8")) != Note(text, kept):
        raise ValueError("a text that cannot be a note's")
    return note


def signature_line(key: VerifierKey, signature: bytes) -> NoteSignature:
    """The line that tells of *key*'s *signature*: for a cosignature with its 8 bytes of time in front."""
    return NoteSignature(key.name, key.id, signature)


def signed_by(note: Note, key: VerifierKey) -> bool | None:
    """True if the log's *key* signed *note*; False where a signature by it is wrong; None where there is none.

    Raises ValueError for a witness's key.
    """
    if key.type != ED25519:
        raise ValueError(f"{printable(key.name, _SHOWN)} is a witness's key, not a log's")
    found = _by(note, key)
    if not found:
        return None
    return all(_holds(key, one, note.text.encode("utf-8")) for one in found)


def cosigned_at(note: Note, key: VerifierKey) -> datetime | None:
    """When the witness's *key* says it saw the checkpoint *note*, in UTC; None where it says nothing.

    The earliest time where it says several. Raises ValueError for a cosignature by it that is wrong, or without time,
    and for a log's key.
    """
    if key.type == ED25519:
        raise ValueError(f"{printable(key.name, _SHOWN)} is a log's key, not a witness's")
    times = []
    for one in _by(note, key):
        time = int.from_bytes(one[:_TIME_BYTES], "big")
        if len(one) <= _TIME_BYTES or not 0 < time <= LARGEST:
            raise ValueError(f"a cosignature by {printable(key.name, _SHOWN)} without a time")
        if not _holds(key, one[_TIME_BYTES:], cosigned_message(key, time, note.text)):
            raise ValueError(f"a cosignature by {printable(key.name, _SHOWN)} that does not hold")
        times.append(time)
    try:
        return datetime.fromtimestamp(min(times), UTC) if times else None
    except (OverflowError, OSError) as error:
        raise ValueError(f"a cosignature by {printable(key.name, _SHOWN)} at a time that no calendar has") from error


def cosigned_message(key: VerifierKey, time: int, text: str) -> bytes:
    """What a witness signs with *key* of the checkpoint *text* at *time*, seconds since 1970.

    c2sp.org/tlog-cosignature, "Ed25519 signed message" and "ML-DSA-44 signed message".
    """
    origin, size, root = head_of(text)
    if key.type == COSIGNATURE_ED25519:
        return f"cosignature/v1\ntime {time}\n{text}".encode()
    stamp, start, end = (number.to_bytes(8, "big") for number in (time, 0, size))
    return b"subtree/v1\n\0" + _short(key.name) + stamp + _short(origin) + start + end + root


def _short(text: str) -> bytes:
    """``opaque<1..2^8-1>`` of RFC 8446 section 3.4."""
    data = text.encode("utf-8")
    if not 0 < len(data) <= 0xFF:
        raise ValueError(f"a name of {len(data)} bytes is too long to be cosigned")
    return bytes([len(data)]) + data


def _by(note: Note, key: VerifierKey) -> Sequence[bytes]:
    """The signatures under *key*'s name and ID. All must hold: one that does not makes the note malformed."""
    return [one.signature for one in note.signatures if (one.name, one.id) == (key.name, key.id)]


def _holds(key: VerifierKey, signature: bytes, message: bytes) -> bool:
    try:
        _verifier(key.type, key.public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


class _Verifier(Protocol):
    def verify(self, signature: bytes, data: bytes) -> None: ...


def _verifier(type_: int, public: bytes) -> _Verifier:
    """What checks signatures of *type_*. Raises ValueError where this build of cryptography cannot."""
    if type_ != COSIGNATURE_ML_DSA_44:
        return Ed25519PublicKey.from_public_bytes(public)
    try:
        # older releases of cryptography are without it
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey  # noqa: PLC0415

        return MLDSA44PublicKey.from_public_bytes(public)
    except (ImportError, UnsupportedAlgorithm) as error:
        raise ValueError("ML-DSA-44 keys are not known to the installed cryptography package") from error
