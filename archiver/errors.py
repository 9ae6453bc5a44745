"""One tree of errors. Each family carries the exit status that a command ends with when it escapes.

An error here means "could not judge" or "could not go on". That evidence is bad is never an error: it is a
verdict, a value (``archiver.domain.verdict``), and it is recorded like any other.

Exit statuses: 0 all judged is verified, 1 integrity failure, 2 usage or configuration, 3 something could not
be judged or reached, 4 the program could not go on.
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_INTEGRITY = 1
EXIT_USAGE = 2
EXIT_UNREACHED = 3
EXIT_STOPPED = 4


class ArchiverError(Exception):
    """Root of every error that reaches a user.

    ``str(error)`` says what happened and to what; ``remedy`` says what to do next ("" where there is nothing
    better to say than the message).
    """

    exit_status = EXIT_STOPPED

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class UsageError(ArchiverError):
    """The command, its arguments or the configuration are wrong; nothing was done."""

    exit_status = EXIT_USAGE


class SettingsError(UsageError):
    """The configuration cannot be used: unreadable, not TOML, an unknown key, a value out of range."""


class UnknownEvidenceError(UsageError):
    """No evidence has this ID, or several have."""


class SchemaError(UsageError):
    """The ledger's schema is not the one that this version works with, or there is no ledger yet."""


class NoLedgerError(SchemaError):
    """There is no ledger at the place that is named."""


class BusyError(UsageError):
    """Another process holds the job or the ledger; the message names it."""


class SourceError(ArchiverError):
    """A source (bucket, folder, API) could not be reached or read; the others go on."""

    exit_status = EXIT_UNREACHED


class SourceUnreachableError(SourceError):
    """Network, endpoint or credentials: nothing could be asked."""


class SourceDeniedError(SourceError):
    """The source answered that the caller may not; the message names the permission."""


class ObjectGoneError(SourceError):
    """The object that was listed is not there any more."""


class ObjectChangedError(SourceError):
    """The object is not the one that was listed: it was replaced between two requests."""


class MediumError(ArchiverError):
    """A read from the archive or a source folder gave an error instead of bytes (EIO, EACCES …)."""

    exit_status = EXIT_UNREACHED


class StoreError(ArchiverError):
    """The archive could not take or give what was asked."""


class StoreFullError(StoreError):
    """No room: what was being written is not archived; what was archived before stands."""


class StoreConflictError(StoreError):
    """Other bytes stand where these should go. The archive is write-once, so nothing was written."""


class LedgerError(ArchiverError):
    """The ledger could not be reached, or refused what was asked of it."""


class RowUnreadableError(LedgerError):
    """One row holds what was never written there. ``number``: its own, None where that is none."""

    def __init__(self, message: str, remedy: str = "", number: int | None = None) -> None:
        super().__init__(message, remedy)
        self.number = number


class LedgerAlteredError(LedgerError):
    """Ledger or published log are not what the log's signed heads say they are."""

    exit_status = EXIT_INTEGRITY


class LeaseLostError(LedgerError):
    """The lock that makes this the only daemon of its ledger is gone (the database restarted)."""


class StoppedError(ArchiverError):
    """Work was asked to stop (SIGTERM, SIGINT) and did; what was done before stands."""


class HelperLostError(ArchiverError):
    """A process that was to help cannot, or is gone; what it was at has to be done without it."""


class SigningError(ArchiverError):
    """The log's key cannot be used: not there, not readable, not the log's, or its service does not answer."""

    exit_status = EXIT_UNREACHED


class AnchorError(ArchiverError):
    """Somebody who vouches for checkpoints could not be reached, or answered what cannot be believed."""

    exit_status = EXIT_UNREACHED


class AnchorForkedError(AnchorError):
    """Somebody who vouches for checkpoints holds another history of this log than the ledger does."""

    exit_status = EXIT_INTEGRITY


class LogForkedError(ArchiverError):
    """Ledger and published log tell different histories: nothing is signed, for a log signs one history only."""

    exit_status = EXIT_INTEGRITY
