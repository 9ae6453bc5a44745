"""``FORKS``: the context of processes that are forked with everything imported, one server of them a test process.

Whoever asks first makes that server, and what it has imported is settled then: so it is settled here for all.
"""

from __future__ import annotations

import multiprocessing

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.support.preloaded"])
