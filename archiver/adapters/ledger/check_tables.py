"""Tables whose rows change, and others of few rows, held against what the events say of them."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

import sqlalchemy as sa

from archiver.adapters.ledger.check_reader import Reader
from archiver.adapters.ledger.check_scratch import Scratch
from archiver.adapters.ledger.check_told import added, altered, key_of, missing, names
from archiver.adapters.ledger.tables import alerts, deliveries, evidence_counts, evidence_state, keys, sources
from archiver.domain.log_records import Problem
from archiver.domain.text import printable
from archiver.log_ports import Tell

Row = tuple[Any, ...]

GATHERED: Final = (keys, evidence_state, evidence_counts, sources, deliveries, alerts)
"""Tables that the scratch holds in full."""

_REVISION: Final = "alembic_version"


def hold_against(reader: Reader, scratch: Scratch, table: sa.Table, tell: Tell) -> None:
    """Tells how the rows of *table* differ from those that the scratch holds."""
    if reader.is_broken(table) or _is_same(reader, scratch, table):
        return
    for page in reader.each(table, names(table)):
        expected = scratch.expected(table, [key_of(table, row) for row in page])
        for row, (number, wanted, again) in zip(page, expected, strict=True):
            if number is None:
                tell(added(table, row))
            elif again:
                tell(added(table, row, "a second row of that name"))
            elif wanted != row:
                tell(altered(table, wanted, row, _event_of(table, wanted)))
    for row in scratch.unseen(table):
        tell(missing(table, row, _event_of(table, row)))


def _is_same(reader: Reader, scratch: Scratch, table: sa.Table) -> bool:
    """The usual case, quickly: the same rows on both sides. Where they are not, what was read is not counted."""
    before, wanted = reader.rows, scratch.in_order(table)
    for page in reader.in_order(table):
        if page != list(islice(wanted, len(page))):
            break
    else:
        if next(wanted, None) is None:
            return True
    reader.rows = before
    return False


def _event_of(table: sa.Table, row: Row) -> int | None:
    """The event that *row* names."""
    name = {alerts.name: "id", evidence_state.name: "judged_seq"}.get(table.name)
    found = row[names(table).index(name)] if name else None
    return found if isinstance(found, int) else None


def hold_revision(reader: Reader, revision: str | None, tell: Tell) -> None:
    """Tells how ``alembic_version`` differs from *revision*, which the last migration left."""
    rows = reader.all(f"SELECT version_num FROM {_REVISION}")  # noqa: S608 - our own name
    found = [row[0] for row in rows]
    wanted = [] if revision is None else [revision]
    if found == wanted:
        return
    kind = "row_altered" if len(found) == len(wanted) else "row_added" if len(found) > len(wanted) else "row_missing"
    said = printable(f"{_REVISION}: the rows are {found!r}, events say {wanted!r}", 300)
    tell(Problem(kind, said, table=_REVISION))
