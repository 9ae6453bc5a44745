"""What an audit asks of the ledger: which items there are, and all that is to be known of a few of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from archiver.domain.records import Outline, Selection, WholeItem

Unreadable = Callable[[str, str], None]
"""Takes the ID of an item whose rows hold what was never written there, and what is wrong with them."""


class AuditIndex(Protocol):
    """A part of ``ports.EvidenceIndex``."""

    def outlines(
        self, selection: Selection, oldest_due_first: bool = False, unreadable: Unreadable | None = None
    ) -> Iterator[Outline]:
        """The items of ``EvidenceIndex.select``, in its order, without reading them.

        What cannot be visited goes to *unreadable*, as there.
        """
        ...

    def whole(self, evidence_ids: Sequence[str], unreadable: Unreadable) -> Sequence[WholeItem]:
        """The items *evidence_ids* in their order, all of one moment, in few queries.

        Memory is that of all their rows. What cannot be read, or lacks a row, goes to *unreadable*.
        """
        ...


class Helper(Protocol):
    """Another process, started already, that answers questions. For one thread at a time."""

    def is_ready(self) -> bool:
        """True once it can be asked, and would not be waited for. Raises HelperLostError, StoppedError."""
        ...

    def ask(self, question: object) -> Any:
        """Its answer. Raises HelperLostError where it has died or cannot answer, StoppedError.

        After any error it must not be asked again.
        """
        ...

    def close(self) -> None:
        """Ends it, whatever it is at. Never raises."""
        ...
