"""What ``archiver doctor`` asks of the log: can its key sign, and do ledger and published log tell one history?"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from archiver import custody_key
from archiver.adapters.files.log_folder import LogFolder
from archiver.domain.health import Health, HealthCheck
from archiver.domain.paths import LOG_FOLDER
from archiver.errors import ArchiverError
from archiver.last_head import last_head_of
from archiver.ports import Ledger
from archiver.settings import Settings
from archiver.wiring_log import signer_of
from archiver.work.checkpoint_heads import check_heads, check_memories, check_tree, state_of
from archiver.work.log_verify_last import NONE_KEPT

_PROBE: Final = b"archiver doctor asks whether this key signs\n"
"""Signed to see whether that works. No note's text: a note begins with the log's origin and its size."""

_ATTEMPTS: Final = 2
_ROTATE: Final = "name the log's own key, or bring this one in: archiver ledger rotate-key --to PLACE"


def key_check(settings: Settings, environ: Mapping[str, str], log_key: str | None) -> HealthCheck:
    """Signs something. *log_key*: the verifier key that signs the log by now, None where none does."""
    custody = settings.custody
    place = custody.signing_key
    try:
        signer = signer_of(custody, environ=environ, attempts=_ATTEMPTS)
        own = signer.key
        signer.sign(_PROBE)
        if custody_key.is_file(place) and custody_key.open_to_others(Path(place)):
            return HealthCheck("custody_key", Health.FAIL, f"{place} can be read by others", f"chmod 600 {place}")
    except ArchiverError as error:
        # a credential is there inside the unit only: its absence out here proves nothing
        absent = custody_key.is_credential(place) and "CREDENTIALS_DIRECTORY" not in environ
        return HealthCheck("custody_key", Health.SKIP if absent else Health.FAIL, str(error), error.remedy)
    called = (log_key or own).partition("+")[0]
    if called != custody.origin:
        detail = f"[custody] origin is {custody.origin!r}, and the log is called {called!r} since its first key"
        remedy = f"set origin back to {called!r}: a log's name cannot be changed"
        return HealthCheck("custody_key", Health.FAIL, detail, remedy)
    if log_key is not None and own != log_key:
        detail = f"{own} is not the log's key, which is {log_key}"
        return HealthCheck("custody_key", Health.FAIL, detail, _ROTATE)
    return HealthCheck("custody_key", Health.OK, f"signs as {own}")


def log_check(settings: Settings, ledger: Ledger) -> HealthCheck:
    """Whether the log folder can be written, and is in step with *ledger*. What lies in it is ``ledger verify``'s."""
    folder = settings.archive.path / LOG_FOLDER
    try:
        published = LogFolder(settings.archive.path)
        state = state_of(ledger.log, published)
        check_heads(state, published.url)
        check_tree(ledger.log, state.row)
        last = last_head_of(settings.custody)
        check_memories(ledger.log, [last] if last else [])
        since = ledger.log.size() - state.row_size
    except ArchiverError as error:
        return HealthCheck("log", Health.FAIL, str(error), error.remedy)
    if folder.exists() and not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        owner = f"chown -R --reference={settings.archive.path} {folder}"
        return HealthCheck("log", Health.FAIL, f"{folder} cannot be written", owner)
    if state.row is None:
        return HealthCheck("log", Health.WARN, "no checkpoint is signed yet", "archiver ledger checkpoint")
    told = f"checkpoint of {state.row_size} events, {since} since; published at {folder}"
    if last is not None and last.last() is None:
        remedy = "put it back if it was lost; otherwise the next head that is signed is kept there"
        return HealthCheck("log", Health.WARN, f"{told}; {last.place}: {NONE_KEPT}", remedy)
    if state.unfinished is not None:
        remedy = "the daemon finishes it, or: archiver ledger checkpoint"
        return HealthCheck("log", Health.WARN, f"{told}; another one was begun and is not finished", remedy)
    return HealthCheck("log", Health.OK, told)
