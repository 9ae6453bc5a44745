"""Facts of a report: a value, whose word it is, or why there is none. What is not told is a hole in a report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from archiver.domain.keys import HeldKey


class Label(StrEnum):
    """Whose word a value is. A reader may believe one and doubt another, so no value goes without."""

    SIGNED = "signed_by_aws"
    """CloudTrail's signature covers it, and held when it was last checked: CloudTrail itself listed the key."""
    FITS_KEY = "signed_by_unproved_key"
    """A signature covers it and held, but with a key of which CloudTrail gave no copy at an endpoint of its own: an
    operator imported it, or another server listed it. Whose it is stays open."""
    OBSERVED = "observed_from_aws"
    """An AWS API, or the server that the configuration names in its place, answered it; it was written down here."""
    CLAIMED = "claimed"
    """It stands in the sign file or in the object's key, and nothing signs it."""
    RECORDED = "recorded_here"
    """This archive measured or decided it."""
    STATED = "stated_by_operator"
    """A person gave it on the command line or in the configuration."""


class Absent(StrEnum):
    """Why there is no value."""

    NOT_GIVEN = "not_given"
    """Nobody stated it."""
    NOT_S3 = "not_s3"
    """The source is a folder, which has no such thing."""
    NOT_ANSWERED = "not_answered"
    """S3 or CloudTrail did not say it in its answer."""
    NOT_ASKED = "not_asked"
    """It was not asked for when the delivery was acquired: an import, or an earlier version of this program."""
    REFUSED = "refused"
    """It was asked for, and the answer was an error; the custody event holds it."""
    TOO_LATE = "too_late"
    """CloudTrail answers about a query for seven days, and these were over."""
    NOT_READ = "not_read"
    """The files were not read for this report and never were for an earlier one."""
    NOT_THERE = "not_there"
    """The file that it would be read from is not there, or is not what was acquired."""
    NO_COLUMN = "no_column"
    """The result has no such column."""
    UNREADABLE = "unreadable"
    """It is there and does not have the form that it should have."""
    NO_KEY = "no_key"
    """No key is on record that it could be checked with."""
    NEVER = "never"
    """It has not happened yet."""
    NONE = "none"
    """There is none, and none is needed."""


Value = str | int | datetime


@dataclass(frozen=True, slots=True)
class Fact:
    """One value. ``name``: a word for programs, which each language of reports has words for.

    ``value`` is None where there is none, and ``absent`` says why; else ``absent`` is None. Texts may be hostile.
    """

    name: str
    value: Value | None
    label: Label
    absent: Absent | None = None

    def __post_init__(self) -> None:
        if (self.value is None) != (self.absent is not None):
            raise ValueError(f"fact {self.name}: a value or the reason that there is none")


def signed_label(keys: Iterable[HeldKey]) -> Label:
    """Whose word a value is that a signature covers which held with the key of which *keys* are all copies on record.

    A key that came beside the evidence proves only that the two fit together.
    """
    return Label.SIGNED if any(held.is_listed for held in keys) else Label.FITS_KEY


def fact(name: str, value: Value | None, label: Label, absent: Absent = Absent.NOT_ANSWERED) -> Fact:
    """The fact *name*; *absent*: why, where *value* is None or empty."""
    if value is None or value == "":
        return Fact(name, None, label, absent)
    return Fact(name, value, label)
