"""A process that goes through a part of a large ledger's rows, beside the one that asked for it.

It is handed what to do on its standard input, which then stays open: when it closes, whoever asked is gone, and so is
this. Problems leave on standard output as JSON, a line each, then the number of rows or what went wrong. They are
kept back to the end, in a file where they are many, for nobody reads them before.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy.engine import Connection

from archiver.adapters.ledger.check_pass import check_part, put_together
from archiver.adapters.ledger.check_spool import Spool
from archiver.adapters.ledger.connection import connect, place_of
from archiver.domain.log_records import Problem
from archiver.errors import ArchiverError, LedgerError
from archiver.log_ports import Tell

_KEPT_BYTES: Final = 4 * 1024 * 1024


def main(url: str, part: Sequence[int | None], spools: Sequence[int], ends: Sequence[int]) -> None:
    """Checks the rows of *part* of the ledger at *url*.

    Of a part that ends before the log does: *spools* is one file descriptor to lay down what it says, *ends* the one
    to say so. Of the last part: those of the others, to be waited for and put together.
    """
    threading.Thread(target=_end_with_whoever_asked, daemon=True).start()
    gc.disable()  # nothing here goes in circles, and looking for what does takes a tenth of the time
    start, end = part
    with tempfile.SpooledTemporaryFile(max_size=_KEPT_BYTES) as found:

        def tell(problem: Problem) -> None:
            found.write(_line(asdict(problem)))

        last: dict[str, Any]
        try:
            with closing(connect(place_of(url))) as database, database.snapshot() as connection:
                if end is None:
                    last = {"rows": _last(connection, start, spools, ends, tell)}
                else:
                    last = {"rows": _one(connection, (start, end), spools[0], tell)}
                    os.write(ends[0], b".")
        except ArchiverError as error:
            last = {"error": str(error), "remedy": error.remedy}
        for descriptor in ends:
            os.close(descriptor)
        found.write(_line(last))
        found.seek(0)
        shutil.copyfileobj(found, sys.stdout.buffer)
        sys.stdout.flush()


def _one(connection: Connection, part: tuple[int | None, int], spool: int, tell: Tell) -> int:
    with os.fdopen(spool, "r+b") as file:
        return check_part(connection, part, Spool(file), tell).rows


def _last(connection: Connection, start: int | None, spools: Sequence[int], ends: Sequence[int], tell: Tell) -> int:
    with tempfile.TemporaryFile() as file:
        own = Spool(file)
        reader = check_part(connection, (start, None), own, tell)
        if any(os.read(end, 1) != b"." for end in ends):
            raise LedgerError("a part of the check of the ledger's rows ended early")
        return put_together(reader, [*(Spool(os.fdopen(spool, "r+b")) for spool in spools), own], tell)


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode("ascii") + b"\n"


def _end_with_whoever_asked() -> None:
    while os.read(0, 4096):  # not by sys.stdin, whose lock would stand in the way of an end
        pass
    os._exit(1)
