"""The tree's files: recomputed from the events' bodies, held against the ledger's tree, then published."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from archiver.domain.log_records import LogEntry
from archiver.errors import LogForkedError, StoppedError, StoreConflictError
from archiver.log.growth import GrowingTiles, LogFile, body_file
from archiver.log.leaf import leaf_of
from archiver.log.tiles import WIDTH
from archiver.log_ports import CustodyLog, PublishedLog
from archiver.ports import ShouldStop
from archiver.work.checkpoint_heads import REMEDY, hashes_of

Put = Callable[[LogFile], None]


def check_growth(log: CustodyLog, old: int, old_root: bytes, new: int, should_stop: ShouldStop) -> bytes:
    """The root of the first *new* events, recomputed from the bodies of those from *old* on.

    Raises LogForkedError at the first event that is not as ``merkle_nodes`` has it, and where the tree does not
    continue the one of *old* leaves with *old_root*; StoppedError.
    """
    return grow(log, lambda _file: None, old, old_root, new, should_stop)


def publish_growth(
    log: CustodyLog, published: PublishedLog, old: int, old_root: bytes, new: int, should_stop: ShouldStop
) -> bytes:
    """:func:`check_growth`, and publishes what the tree of *new* leaves has and that of *old* had not.

    Raises LogForkedError where other bytes stand in the place of a file, and StoreError.
    """

    def put_file(file: LogFile) -> None:
        put(published, file.path, file.data)

    return grow(log, put_file, old, old_root, new, should_stop)


def put(published: PublishedLog, path: str, data: bytes) -> None:
    """Publishes a file. Raises LogForkedError where other bytes stand at *path*, and StoreError."""
    try:
        published.put(path, data)
    except StoreConflictError as error:
        raise LogForkedError(
            f"{path} in the published log is not this ledger's ({error})",
            f"{REMEDY}; what no signed head covers may be moved out of the log's folder",
        ) from error


def grow(log: CustodyLog, put: Put, old: int, old_root: bytes, new: int, should_stop: ShouldStop) -> bytes:
    """:func:`check_growth`; *put* gets every file that the tree of *new* leaves has and that of *old* had not."""
    start = old - old % WIDTH
    try:
        tree = GrowingTiles(start, hashes_of(log))
    except ValueError as error:
        raise LogForkedError(f"table merkle_nodes contradicts itself: {error}", REMEDY) from error
    for entry in log.entries(start, new):
        if not entry.seq % WIDTH and should_stop():
            raise StoppedError("stopped while a checkpoint was made; the next one goes on")
        if entry.seq == old:
            _check_base(tree, old_root)
        body, leaf = _leaf(entry)
        nodes, full = tree.append(leaf)
        if nodes != entry.hashes:
            raise LogForkedError(
                f"event {entry.seq}: its body is not what the tree in the ledger was made of", REMEDY
            )
        long = body_file(body) if entry.seq >= old else None
        for file in ([long] if long else []) + full:
            put(file)
    if new == old:
        _check_base(tree, old_root)
    for file in tree.partial(old):
        put(file)
    return tree.root()


def _leaf(entry: LogEntry) -> tuple[bytes, bytes]:
    if entry.body is None or entry.hashes is None:
        table = "custody_events" if entry.body is None else "merkle_nodes"
        raise LogForkedError(f"event {entry.seq}: its row in table {table} is not there or cannot be read", REMEDY)
    return entry.body, leaf_of(entry.body)


def _check_base(tree: GrowingTiles, root: bytes) -> None:
    if tree.root() != root:
        raise LogForkedError(f"the ledger's first {tree.size} events are not those that were signed", REMEDY)


def vkeys_file(keys: Sequence[str]) -> bytes:
    """The verifier keys of a log, oldest first, one a line."""
    return "".join(f"{key}\n" for key in keys).encode("utf-8")


def is_older_list(there: bytes, wanted: bytes) -> bool:
    """True if *there*, a published list of keys, is a whole beginning of *wanted*: a log's keys only become more."""
    return there.endswith(b"\n") and wanted.startswith(there)
