"""In which order the items of a selection are visited, and along which index: a page at a time from any place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from archiver.adapters.ledger.stored import stored_text, stored_time
from archiver.adapters.ledger.tables import evidence, evidence_state, judged_at
from archiver.domain.records import Selection
from archiver.domain.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Order:
    """By which pair of columns a walk goes, and where it is not to look."""

    moment: sa.ColumnElement[str]
    item: sa.ColumnElement[str]
    conditions: tuple[sa.ColumnElement[bool], ...]


def order_of(selection: Selection) -> Order:
    """Both tables know acquired_at and the ID: taken from the one whose index serves the conditions."""
    state = evidence_state.c
    most = selection.verdict in (None, Verdict.VERIFIED)  # of few, the index by verdict finds all at once
    by_place = most and (selection.source is not None or selection.account is not None)
    acquired, item = (evidence.c.acquired_at, evidence.c.id) if by_place else (state.acquired_at, state.evidence_id)
    conditions: list[sa.ColumnElement[bool]] = []
    if selection.verdict is not None:
        conditions.append(state.verdict == selection.verdict.value)
    if selection.source is not None:
        conditions.append(evidence.c.source == stored_text(selection.source))
    if selection.account is not None:
        conditions.append(evidence.c.account == stored_text(selection.account))
    if selection.since is not None:
        conditions.append(acquired >= stored_time(selection.since))
    if selection.until is not None:
        conditions.append(acquired < stored_time(selection.until))
    if selection.id_range is not None:
        conditions += [item >= selection.id_range[0], item < selection.id_range[1]]
    if selection.due_at is not None:
        conditions.append(_is_due(selection.due_at, selection.judged_before))
    return Order(acquired, item, tuple(conditions))


def _is_due(due_at: datetime, judged_before: datetime | None) -> sa.ColumnElement[bool]:
    """Due by its due time, or, whatever that says, judged too long ago or ahead of the clock."""
    judged = judged_at(evidence_state)
    moment = stored_time(due_at)
    due = [evidence_state.c.next_audit_at <= moment, judged > moment]
    return sa.or_(*due, *([] if judged_before is None else [judged <= stored_time(judged_before)]))


def orders_by_due_time(selection: Selection, last_seq: int) -> list[Order]:
    """Walks that come one after the other, each along an index, and share no item.

    First what is due by its own due time. Behind it what is due in spite of it: that was judged too long
    ago, then what was judged ahead of the clock. What was judged after event *last_seq* is in none of them.
    """
    state, judged = evidence_state.c, judged_at(evidence_state)
    others = order_of(replace(selection, due_at=None)).conditions
    others += (state.judged_seq <= last_seq,)
    if selection.due_at is None:
        return [Order(state.next_audit_at, state.evidence_id, others)]
    due_at, before = stored_time(selection.due_at), selection.judged_before
    not_due = (*others, state.next_audit_at > due_at)
    ahead = due_at if before is None else max(due_at, stored_time(before))
    orders = [Order(state.next_audit_at, state.evidence_id, (*others, state.next_audit_at <= due_at))]
    if before is not None:
        orders.append(Order(judged, state.evidence_id, (*not_due, judged <= stored_time(before))))
    return [*orders, Order(judged, state.evidence_id, (*not_due, judged > ahead))]
