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
from contextlib import closing
from dataclasses import asdict
from typing import Any, Final

from archiver.adapters.ledger.check_claims import Claims
from archiver.adapters.ledger.check_pass import check_part, other_reader
from archiver.adapters.ledger.check_spool import Spool
from archiver.adapters.ledger.connection import connect, place_of
from archiver.domain.log_records import Problem
from archiver.errors import ArchiverError

_KEPT_BYTES: Final = 4 * 1024 * 1024


def main(url: str, claims: int, spool: int) -> None:
    """Checks rows of the ledger at *url*, as far as there are any to claim.

    *claims*, *spool*: file descriptors of what is shared out, and to lay down what the events say.
    """
    threading.Thread(target=_end_with_whoever_asked, daemon=True).start()
    gc.disable()  # nothing here goes in circles, and looking for what does takes a tenth of the time
    with tempfile.SpooledTemporaryFile(max_size=_KEPT_BYTES) as found:

        def tell(problem: Problem) -> None:
            found.write(_line(asdict(problem)))

        last: dict[str, Any]
        try:
            with (
                closing(connect(place_of(url))) as database,
                database.snapshot() as connection,
                os.fdopen(spool, "r+b") as file,
            ):
                check_part(other_reader(connection), Claims(claims).pieces(), Spool(file), tell)
            last = {"ended": True}
        except ArchiverError as error:
            last = {"error": str(error), "remedy": error.remedy}
        found.write(_line(last))
        found.seek(0)
        shutil.copyfileobj(found, sys.stdout.buffer)
        sys.stdout.flush()


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode("ascii") + b"\n"


def _end_with_whoever_asked() -> None:
    while os.read(0, 4096):  # not by sys.stdin, whose lock would stand in the way of an end
        pass
    os._exit(1)
