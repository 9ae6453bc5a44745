"""The daemon's job that has the log's newest head signed, published and vouched for."""

from __future__ import annotations

from structlog.typing import FilteringBoundLogger

from archiver.domain.times import format_optional
from archiver.errors import BusyError
from archiver.wiring import App, utc_now


def checkpoint(app: App, log: FilteringBoundLogger) -> None:
    """A head, where anything was recorded or time stamps are to be renewed; then everybody under ``[anchors]``."""
    anchors = app.anchors()
    try:
        made = app.checkpoints().make(force=anchors.due_for_renewal(utc_now()), wait=False)
    except BusyError:
        log.info("another process makes a checkpoint")
        return
    if made is not None:
        log.info("checkpoint signed", size=made.size)
    for result in anchors.run():
        bound = log.bind(method=result.method, name=result.name, size=result.size)
        if result.error is None:
            bound.info("checkpoint vouched for", proved_at=format_optional(result.proved_at))
        else:
            bound.warning("checkpoint not vouched for", error=str(result.error), remedy=result.error.remedy)


def last_checkpoint(app: App, log: FilteringBoundLogger) -> None:
    """The head that covers the daemon's end. Raises any ArchiverError; nobody is asked to vouch for it."""
    made = app.checkpoints().make(wait=False)
    if made is not None:
        log.info("checkpoint signed", size=made.size)
