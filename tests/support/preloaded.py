"""What a process of the program has imported before it is forked: imported by the server of such forks alone.

The whole program but its demo, whose servers take a second, and the jobs of tests. All of it is then put out of the
garbage collector's sight: it would look through all of it in each fork, and so copy the pages that are shared.
"""

from __future__ import annotations

import gc
import importlib
import pkgutil

import archiver

_BESIDE = (
    "alembic.command",
    "encodings.ascii",
    "encodings.utf_8_sig",
    "psycopg",
    "tests.support.checkpoints",
    "tests.support.cli",
)
_OURS = (module.name for module in pkgutil.walk_packages(archiver.__path__, "archiver."))

for _name in (*_BESIDE, *(name for name in _OURS if not name.startswith(("archiver.demo.", "archiver._migrations")))):
    importlib.import_module(_name)
gc.collect()
gc.freeze()
