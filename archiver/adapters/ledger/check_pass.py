"""The whole pass over a ledger's rows, in one snapshot.

The snapshot may be younger than the tree that is verified beside it, for the ledger goes on being written: rows that
change say what all events of the snapshot made of them, so all of these are gone through, and not only the first.
It is one long transaction, unlike all others here: SQLite's write-ahead log is folded back only after it.
"""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from sqlalchemy.engine import Connection

from archiver.adapters.ledger.check_events import EventCheck
from archiver.adapters.ledger.check_items import tell_strays
from archiver.adapters.ledger.check_reader import Part, Reader
from archiver.adapters.ledger.check_scratch import Scratch, scratch
from archiver.adapters.ledger.check_spool import ARCHIVED, ENTRY, KEY, STATES, Archived, Looked, Spool
from archiver.adapters.ledger.check_tables import GATHERED, hold_against, hold_revision
from archiver.adapters.ledger.check_upkeep import UpkeepFold
from archiver.adapters.ledger.tables import (
    alerts,
    anchors,
    custody_events,
    deliveries,
    evidence,
    evidence_counts,
    evidence_state,
    files,
    key_provenance,
    keys,
    log_keys,
    sources,
    verifications,
)
from archiver.domain.log_records import Problem
from archiver.log_ports import Tell

_KEPT_BYTES: Final = 8 * 1024 * 1024

_OF_ITEMS: Final = (evidence, files, evidence_state, deliveries)
_OWN_CHECK: Final = (*_OF_ITEMS, evidence_counts, keys, key_provenance, sources, alerts, log_keys, anchors)
"""Tables whose indexes SQLite's own check holds against them; it would take too long for those of all events."""

_PROBED: Final = (custody_events, verifications, *_OWN_CHECK)


def check_all(connection: Connection, tell: Tell) -> int:
    """Holds every row of every table against the custody events; answers how many rows were looked at.

    *connection* must see one moment throughout. Raises SQLAlchemyError where the database fails.
    """
    with spooled() as spool:
        reader = last_reader(connection, tell)
        check_part(reader, [(None, None)], spool, tell)
        return put_together(reader, [spool], tell)


@contextmanager
def spooled() -> Iterator[Spool]:
    """Room for what a part says that is put together in the same process."""
    with tempfile.SpooledTemporaryFile(max_size=_KEPT_BYTES) as file:
        yield Spool(file)


def last_reader(connection: Connection, tell: Tell) -> Reader:
    """For the part that ends last, which tells of tables and indexes as such, too."""
    reader = Reader(connection)
    reader.probe(_PROBED, tell)
    if not reader.is_broken(custody_events):
        for table in _OWN_CHECK:
            for said in reader.own_check(table):
                tell(Problem("row_altered", f"table {table.name}: {said}", table=table.name))
            for column, rows in reader.not_whole(table):
                said = f"{rows} rows with a number in {column} that is not kept as a whole number"
                tell(Problem("row_altered", f"table {table.name}: {said}", table=table.name))
    return reader


def other_reader(connection: Connection) -> Reader:
    """For a part that ends before the last does."""
    reader = Reader(connection)
    reader.probe(_PROBED, _ignore)
    return reader


def check_part(reader: Reader, pieces: Iterable[Part], spool: Spool, tell: Tell) -> None:
    """The first half of the pass: the events of *pieces*, one after the other, and rows that follow from one each."""
    if reader.is_broken(custody_events):
        spool.end(Looked())
        return
    with reader.quick():
        EventCheck(reader, spool, tell).run(pieces)


def put_together(reader: Reader, spools: Sequence[Spool], tell: Tell) -> int:
    """The second half: rows that follow from many events, once *spools* hold what all parts say.

    Answers how many rows were looked at in all. *reader*: of the part that ends last.
    """
    if reader.is_broken(custody_events):
        return 0
    before = reader.rows
    with scratch() as gathered, reader.quick():
        looked = _gather(reader, gathered, spools)
        _hold(reader, gathered, looked, tell)
    return looked.rows + reader.rows - before


def _gather(reader: Reader, gathered: Scratch, spools: Sequence[Spool]) -> Looked:
    """All states first: of which delivery an item is may stand in an earlier part."""
    for spool in spools:
        for _, rows in spool.told(STATES):
            gathered.fold_items(rows)
    upkeep = UpkeepFold(reader, gathered)
    looked = Looked()
    for spool in spools:
        for word, value in spool.told(ARCHIVED, ENTRY, KEY):
            if word == ARCHIVED:
                upkeep.archived(Archived(*one) for one in value)
            elif word == ENTRY:
                upkeep.take(value)
            else:
                gathered.put_key((value[0], value[1], base64.b64decode(value[2])))
        part = spool.looked()
        looked.rows += part.rows
        looked.items += part.items
        looked.evidence += part.evidence
        looked.files += part.files
        looked.revision = part.revision or looked.revision
    upkeep.flush()
    return looked


def _hold(reader: Reader, gathered: Scratch, looked: Looked, tell: Tell) -> None:
    for (count,) in reader.all(f"SELECT count(*) FROM {custody_events.name} WHERE seq IS NULL"):  # noqa: S608
        if count:
            tell(Problem("row_added", f"custody_events: {count} rows without a number", table=custody_events.name))
    tell_strays(reader, gathered, looked, tell)
    for table in GATHERED:
        hold_against(reader, gathered, table, tell)
    for seq, item in gathered.never_acquired():
        said = f"custody_events: evidence {item} is told of, and no event acquired it"
        tell(Problem("event_malformed", said, seq))
    hold_revision(reader, looked.revision, tell)


def _ignore(_problem: Problem) -> None:
    """For what another part tells."""
