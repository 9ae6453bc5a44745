"""Custody entries about the daily round: passes over sources, listings dealt with, alerts, the ledger verified.

But for the last they hold what the tables ``sources``, ``deliveries`` and ``alerts`` say, so that no row of these
goes without an event that made it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from archiver.domain.custody import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSynced(Entry):
    """A pass over a source ended. ``full_objects``: objects listed where it listed all, else None."""

    kind: ClassVar[str] = "source_synced"
    source: str
    url: str
    full_objects: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryNoted(Entry):
    """A listing was dealt with and nothing was archived for it: what is known of the delivery now.

    ``evidence_of``: the evidence that stands for the delivery, None while it is pending.
    """

    kind: ClassVar[str] = "delivery_noted"
    source: str
    prefix: str
    listing_digest: str
    first_seen_at: datetime
    evidence_of: str | None
    revision: int
    gone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRaised(Entry):
    """A person must hear of this. The alert's number is that of this entry."""

    kind: ClassVar[str] = "alert_raised"
    cause: str
    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTold(Entry):
    """A message with the alert was sent. ``refused``: the addresses (without secrets) that did not take it.

    ``next_try_at``: when these are tried again, None where everybody has it.
    """

    kind: ClassVar[str] = "alert_told"
    alert: int
    refused: tuple[str, ...]
    next_try_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsRefused(Entry):
    """Messages with *alerts* were sent, and the addresses ``refused`` (without secrets) did not take them.

    One entry a round of tries, however many alerts wait. ``next_try_at``: when these addresses are tried again.
    """

    kind: ClassVar[str] = "alerts_refused"
    alerts: tuple[int, ...]
    refused: tuple[str, ...]
    next_try_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerVerified(Entry):
    """``ledger verify`` went through the ledger as it was before this entry.

    ``size`` and ``root`` (64 hex, None where it could not be told): of the log as recomputed. ``problems``: how many
    were found, of the kinds ``kinds``; ``failed``: one of them is about integrity. ``seconds``: it took, rounded up.
    ``not_checked``: what was left out and why, each cut to 300 characters, at most 20.
    """

    kind: ClassVar[str] = "ledger_verified"
    size: int
    root: str | None
    problems: int
    kinds: tuple[str, ...]
    failed: bool
    seconds: int
    not_checked: tuple[str, ...]
