"""The history that the published log tells by itself: its newest signed head, and every event below it.

Nothing else is asked. What is read is held against the head before anyone believes it; where the files do not lead to
it, :class:`LedgerAlteredError` says which.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from archiver.domain.log_records import StoredCheckpoint
from archiver.errors import LedgerAlteredError, MediumError, UsageError
from archiver.log.checkpoint import Checkpoint, read_checkpoint
from archiver.log.leaf import body_sha256, leaf_of
from archiver.log.names import CHECKPOINT, CHECKPOINTS, body_path
from archiver.log.note import Note, VerifierKey, format_note, signed_by
from archiver.log.tiles import WIDTH, checkpoint_path, entries_of, entries_path, size_of, tile_path
from archiver.log.tree import HASH_BYTES, Frontier, leaf_hash, node_hash
from archiver.log_ports import PublishedLog

REMEDY: Final = "put what is missing or altered below the archive's log folder back from a copy, then run this again"

_UNSIGNED: Final = "it is not signed with a key that is configured or trusted"

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Head:
    """A signed head as it lies at *path*. ``signatures``: whose, as they stand there."""

    checkpoint: Checkpoint
    note: Note
    path: str

    @property
    def size(self) -> int:
        return self.checkpoint.size

    def signed_with(self, keys: Sequence[VerifierKey]) -> bool:
        """True if one of *keys*, which is called as the log, signed it, and no signature by one of them is wrong."""
        own = [key for key in keys if key.name == self.checkpoint.origin]
        signed = [signed_by(self.note, key) for key in own]
        return True in signed and False not in signed

    def stored(self, keys: Sequence[VerifierKey]) -> StoredCheckpoint:
        """As a ledger keeps it: with the signatures of the log's own *keys* alone."""
        names = {(key.name, key.id) for key in keys}
        own = [one for one in self.note.signatures if (one.name, one.id) in names]
        return StoredCheckpoint(self.size, format_note(self.note.text, own))


def head_at(published: PublishedLog, path: str) -> Head | str:
    """The head at *path*, or why there is none that can be read."""
    try:
        data = published.read(path)
        if data is None:
            return "it is not there"
        checkpoint, note = read_checkpoint(data)
    except (MediumError, ValueError) as error:
        return str(error)
    if path != CHECKPOINT and checkpoint_path(checkpoint.size) != path:
        return f"it is the one of {checkpoint.size} leaves"
    return Head(checkpoint, note, path)


def head_sizes(published: PublishedLog) -> list[int]:
    """Sizes of the heads below ``checkpoints``, largest first; by their names. Raises MediumError."""
    sizes = [size_of(path) for path in published.files(CHECKPOINTS)]
    return sorted((size for size in sizes if size is not None), reverse=True)


def newest_head(published: PublishedLog, trusted: Sequence[VerifierKey], tell: Tell) -> Head:
    """The largest head that one of *trusted* signed; *tell* hears of each that would be larger and is not good.

    Raises UsageError where nothing is published, LedgerAlteredError where no head is good, MediumError.
    """
    newest = head_at(published, CHECKPOINT)
    sizes = head_sizes(published)
    if isinstance(newest, str) and not sizes:
        raise UsageError(f"{published.url}: no log is published there: {CHECKPOINT}: {newest}")
    if isinstance(newest, str):
        tell(f"{CHECKPOINT}: {newest}")
    elif not newest.signed_with(trusted):
        tell(f"{CHECKPOINT} ({newest.size} leaves): {_UNSIGNED}")
        newest = _UNSIGNED
    for size in sizes:
        if not isinstance(newest, str) and newest.size >= size:
            break
        path = checkpoint_path(size)
        head = head_at(published, path)
        if isinstance(head, Head) and head.signed_with(trusted):
            return head
        tell(f"{path}: {head if isinstance(head, str) else _UNSIGNED}")
    if isinstance(newest, str):
        raise LedgerAlteredError(
            f"{published.url}: no published checkpoint is signed with a key that is configured or trusted",
            "enter the log's verifier key (from a report, from paper) under [custody] trusted_keys",
        )
    return newest


class PublishedHistory:
    """The log below *head*, as files tell it."""

    def __init__(self, published: PublishedLog, head: Checkpoint) -> None:
        self._published = published
        self._head = head

    def check(self, step: Callable[[int], None], sizes: Collection[int] = ()) -> Mapping[int, bytes]:
        """Holds every entry and every tile against the head; *step* is called with the bytes of each bundle.

        Answers the roots of the first so many leaves, for those of *sizes* that the log reaches. Raises
        LedgerAlteredError where the files are not what was signed, saying which; MediumError.
        """
        tree = Frontier()
        levels: list[list[bytes]] = []
        roots: dict[int, bytes] = {}
        for first, entries in self.bundles():
            hashes = [leaf_hash(entry) for entry in entries]
            for leaf in hashes:
                tree.append(leaf)
                if tree.size in sizes:
                    roots[tree.size] = tree.root()
            self._push(levels, 0, first // WIDTH, hashes)
            step(sum(map(len, entries)))
        for level, hashes in enumerate(levels):
            if level and hashes:
                self._hold(level, self._head.size // WIDTH ** (level + 1), hashes)
        if tree.root() != self._head.root:
            raise self._altered(
                "tile", f"entries and tiles agree with each other and not with the head of {tree.size}"
            )
        return roots

    def bundles(self) -> Iterator[tuple[int, list[bytes]]]:
        """(number of the first, leaves) of each bundle. Raises as :meth:`check`; nothing is held against the head."""
        for first in range(0, self._head.size, WIDTH):
            index, width = first // WIDTH, min(WIDTH, self._head.size - first)
            yield first, self.entries(index, width)

    def entries(self, index: int, width: int) -> list[bytes]:
        """The first *width* leaves of a bundle."""
        path, data = self._file(lambda wide: entries_path(index, wide), width)
        try:
            entries = entries_of(data)
        except ValueError as error:
            raise self._altered(path, str(error)) from error
        if len(entries) < width:
            raise self._altered(path, f"it holds {len(entries)} entries, not {width}")
        return entries[:width]

    def hashes(self, level: int, index: int, width: int) -> bytes:
        """The first *width* hashes of a tile, in one piece."""
        path, data = self._file(lambda wide: tile_path(level, index, wide), width)
        if len(data) < width * HASH_BYTES or len(data) % HASH_BYTES:
            raise self._altered(path, f"it has {len(data)} bytes, which are not {width} hashes")
        return data[: width * HASH_BYTES]

    def body(self, seq: int, leaf: bytes) -> bytes:
        """The body of the event whose leaf is *leaf*. Raises as :meth:`check`."""
        if b'"body"' not in leaf:  # a quick look: whatever else says so is no leaf of a body, and no body
            return leaf
        try:
            digest = body_sha256(leaf)
        except ValueError as error:
            raise self._altered(entries_path(seq // WIDTH), f"entry {seq}: {error}") from error
        if digest is None:
            return leaf
        path = body_path(digest)
        body = self._read(path)
        if body is None:
            raise self._altered(path, f"the body of event {seq} is not there")
        if hashlib.sha256(body).hexdigest() != digest or leaf_of(body) != leaf:
            raise self._altered(path, f"it is not the body that entry {seq} tells the hash of")
        return body

    def _push(self, levels: list[list[bytes]], level: int, index: int, hashes: Sequence[bytes]) -> None:
        """Takes the hashes of a tile, whole or the last one; what a full one folds to goes one level up."""
        if len(levels) == level:
            levels.append([])
        self._hold(level, index, hashes)
        if len(hashes) < WIDTH:
            return
        if len(levels) == level + 1:
            levels.append([])
        above = levels[level + 1]
        above.append(_folded(hashes))
        if len(above) == WIDTH:
            full = above[:]
            above.clear()
            self._push(levels, level + 1, index // WIDTH, full)

    def _hold(self, level: int, index: int, hashes: Sequence[bytes]) -> None:
        found = self.hashes(level, index, len(hashes))
        if found == b"".join(hashes):
            return
        wrong = next(n for n, one in enumerate(hashes) if found[n * HASH_BYTES : (n + 1) * HASH_BYTES] != one)
        first = (index * WIDTH + wrong) * WIDTH**level
        whose = "the entry" if level == 0 else "the entries below"
        raise self._altered(tile_path(level, index), f"hash {wrong} is not that of {whose}, from event {first} on")

    def _file(self, path_of: Callable[[int], str], width: int) -> tuple[str, bytes]:
        """(path, bytes) of the file of *width*, or of a wider one: a full one replaces the partial ones before it."""
        for wide in dict.fromkeys((width, WIDTH)):
            data = self._read(path_of(wide))
            if data is not None:
                return path_of(wide), data
        for wide in range(width + 1, WIDTH):
            data = self._read(path_of(wide))
            if data is not None:
                return path_of(wide), data
        raise self._altered(path_of(width), "it is not there")

    def _read(self, path: str) -> bytes | None:
        return self._published.read(path)

    def _altered(self, path: str, what: str) -> LedgerAlteredError:
        return LedgerAlteredError(f"{self._published.url}: {path}: {what}", REMEDY)


def _folded(hashes: Sequence[bytes]) -> bytes:
    """The node over a full tile."""
    while len(hashes) > 1:
        hashes = [node_hash(*pair) for pair in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]
