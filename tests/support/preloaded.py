"""What a process of the program has imported before it is forked: imported by the server of such forks alone.

Everything the commands and the jobs of tests import, so that no fork does it again. What is there is then put out of
the garbage collector's sight: it would look through all of it in each fork, and so copy the pages that are shared.
"""

from __future__ import annotations

import gc
import importlib

from archiver.cli.main import COMMANDS

for _name in (
    "alembic.command",
    "archiver.adapters.aws.cloudtrail",
    "archiver.adapters.aws.describe",
    "archiver.adapters.aws.s3_source",
    "archiver.adapters.ledger.upgrade",
    "archiver.cli.main",
    "archiver.key_files",
    "archiver.logs",
    "archiver.provision",
    "archiver.wiring_ledger",
    "archiver.wiring_verify",
    "psycopg",
    "tests.support.checkpoints",
    "tests.support.cli",
    "archiver.adapters.log_messenger",
    "encodings.ascii",
    "encodings.utf_8_sig",
    *(f"archiver.cli.{module}" for module, _ in COMMANDS.values()),
):
    importlib.import_module(_name)
gc.collect()
gc.freeze()
