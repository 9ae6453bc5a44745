"""The process that goes through the rows of a large ledger, beside the one that asked for it.

It is handed the ledger's URL on its standard input, which then stays open: when it closes, whoever asked is gone, and
so is this. Problems leave on standard output as JSON, a line each, then the number of rows or what went wrong. They
are kept back to the end, in a file where they are many, for nobody reads them before.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
from contextlib import closing
from dataclasses import asdict
from typing import IO, Any, Final

from archiver.adapters.ledger.check_pass import check_all
from archiver.adapters.ledger.connection import connect, place_of
from archiver.domain.log_records import Problem
from archiver.errors import ArchiverError

_KEPT_BYTES: Final = 4 * 1024 * 1024


def main(url: str) -> None:
    """Checks the rows of the ledger at *url*."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C reaches both: the other one says so
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_whoever_asked, daemon=True).start()
    gc.disable()  # nothing here goes in circles, and looking for what does takes a tenth of the time
    with tempfile.SpooledTemporaryFile(max_size=_KEPT_BYTES) as found:
        last = _checked(url, found)
        found.write(_line(last))
        found.seek(0)
        shutil.copyfileobj(found, sys.stdout.buffer)
        sys.stdout.flush()


def _checked(url: str, found: IO[bytes]) -> dict[str, Any]:
    def tell(problem: Problem) -> None:
        found.write(_line(asdict(problem)))

    try:
        with closing(connect(place_of(url))) as database, database.snapshot() as connection:
            return {"rows": check_all(connection, tell)}
    except ArchiverError as error:
        return {"error": str(error), "remedy": error.remedy}


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode("ascii") + b"\n"


def _end_with_whoever_asked() -> None:
    while os.read(0, 4096):  # not by sys.stdin, whose lock would stand in the way of an end
        pass
    os._exit(1)
