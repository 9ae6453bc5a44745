"""The whole pass over a ledger's rows, in one snapshot.

The snapshot may be younger than the tree that is verified beside it, for the ledger goes on being written: rows that
change say what all events of the snapshot made of them, so all of these are gone through, and not only the first.
"""

from __future__ import annotations

from sqlalchemy.engine import Connection

from archiver.adapters.ledger.check_events import EventCheck
from archiver.adapters.ledger.check_items import tell_strays
from archiver.adapters.ledger.check_reader import Reader
from archiver.adapters.ledger.check_scratch import Scratch, scratch
from archiver.adapters.ledger.check_tables import GATHERED, hold_against, hold_revision
from archiver.adapters.ledger.tables import (
    alerts,
    anchors,
    custody_events,
    deliveries,
    evidence,
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

_OWN_CHECK = (evidence, files, keys, key_provenance, evidence_state, deliveries, sources, alerts, log_keys, anchors)
"""Tables that are looked up by their indexes, which must name the rows that there are: so they are looked at."""


def check_all(connection: Connection, tell: Tell) -> int:
    """Holds every row of every table against the custody events; answers how many rows were looked at.

    *connection* must see one moment throughout. Raises SQLAlchemyError where the database fails.
    """
    reader = Reader(connection)
    reader.probe((custody_events, verifications, *_OWN_CHECK), tell)
    if reader.is_broken(custody_events):
        return 0
    for table in _OWN_CHECK:
        for said in reader.own_check(table):
            tell(Problem("unreadable", f"table {table.name}: {said}", table=table.name))
    with scratch() as gathered, reader.quick():
        _check(reader, gathered, tell)
    return reader.rows


def _check(reader: Reader, gathered: Scratch, tell: Tell) -> None:
    for (count,) in reader.all(f"SELECT count(*) FROM {custody_events.name} WHERE seq IS NULL"):  # noqa: S608
        if count:
            tell(Problem("row_added", f"custody_events: {count} rows without a number", table=custody_events.name))
    events = EventCheck(reader, gathered, tell)
    events.run()
    tell_strays(reader, gathered, events.items, tell)
    for table in GATHERED:
        hold_against(reader, gathered, table, tell)
    for seq, item in gathered.never_acquired():
        said = f"custody_events: evidence {item} is told of, and no event acquired it"
        tell(Problem("event_malformed", said, seq))
    hold_revision(reader, events.revision, tell)
