"""Which items: the options that commands about archived evidence share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from archiver.domain.text import printable
from archiver.domain.times import parse_time
from archiver.domain.verdict import Verdict

if TYPE_CHECKING:
    from archiver.domain.records import Selection

JUDGED: Final = tuple(verdict.value for verdict in Verdict if verdict is not Verdict.PENDING)
"""The verdicts that archived evidence can have."""


def parse_moment(text: str, *, end: bool) -> datetime:
    """The start of the UTC day *text* (its end where *end*), or the RFC 3339 time. Raises ``ValueError``."""
    if len(text) == 10:
        try:
            start = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
            return start + timedelta(days=1) if end else start
        except (ValueError, OverflowError) as error:
            raise ValueError("no such day") from error
    try:
        return parse_time(text)
    except ValueError as error:
        raise ValueError("a day such as 2026-01-31 or a time such as 2026-01-31T12:00:00Z is wanted") from error


def _since(_context: click.Context, _parameter: click.Parameter, value: str | None) -> datetime | None:
    return None if value is None else _moment(value, end=False)


def _until(_context: click.Context, _parameter: click.Parameter, value: str | None) -> datetime | None:
    return None if value is None else _moment(value, end=True)


def _moment(text: str, *, end: bool) -> datetime:
    """For a click callback, which knows the option's name."""
    try:
        return parse_moment(text, end=end)
    except ValueError as error:
        raise click.BadParameter(f"{printable(text, 60)!r}: {error}") from error


@dataclass(frozen=True, slots=True)
class Conditions:
    """What items must meet; None where nothing was asked. ``since``, ``until``: acquired_at, half open."""

    verdict: str | None
    source: str | None
    account: str | None
    since: datetime | None
    until: datetime | None

    @property
    def timed(self) -> bool:
        """True where a time was given."""
        return self.since is not None or self.until is not None

    @property
    def of_a_kind(self) -> bool:
        """True where a verdict, source or account was given."""
        return any(kind is not None for kind in (self.verdict, self.source, self.account))

    def selection(self, ids: Sequence[str] | None = None) -> Selection:
        """For the ledger; *ids*: evidence IDs."""
        from archiver.domain.records import Selection

        verdict = Verdict(self.verdict) if self.verdict is not None else None
        return Selection(ids, verdict, self.source, self.account, self.since, self.until)


def condition_options(command: Callable[..., int]) -> Callable[..., int]:
    """``--verdict``, ``--source``, ``--account``, ``--since``, ``--until``, given to *command* as ``conditions``."""

    @functools.wraps(command)
    def with_conditions(*args: Any, **options: Any) -> int:
        given = {field.name: options.pop(field.name) for field in fields(Conditions)}
        return command(*args, conditions=Conditions(**given), **options)

    options = (
        click.option("--verdict", type=click.Choice(JUDGED), help="Only items with this verdict now."),
        click.option("--source", metavar="S", help="Only items of the source called S."),
        click.option(
            "--since", callback=_since, metavar="D", help="Archived at D or later: a day (UTC) or an RFC 3339 time."
        ),
        click.option("--until", callback=_until, metavar="D", help="Archived before D; of a day, before its end."),
        click.option("--account", metavar="A", help="Only items whose path claims account A."),
    )
    for option in reversed(options):
        with_conditions = option(with_conditions)
    return with_conditions


def codes_of(reasons: Sequence[str], findings: Sequence[str]) -> str:
    """Reasons and findings for people: ``hash_mismatch +unlisted_file``; a finding changes no verdict."""
    return " ".join([*reasons, *(f"+{finding}" for finding in findings)])
