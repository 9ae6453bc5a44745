"""Start-up: milliseconds that a person or a script waits before anything is done."""

from __future__ import annotations

import sys

from benchmarks import runs, workload
from benchmarks.rows import Bench, Limit, Series, in_turns

_VERSION_MS = 150
_VERIFY_MS = 400


def limits(bench: Bench) -> list[Limit]:
    """``--version`` whole, and ``verify`` of one small folder beyond a bare interpreter."""
    made = workload.small(bench.place / "start" / "data", bench.key, 1)
    keys = str(made.key_list)
    version, verify, bare = Series("--version", 1), Series("verify", 1), Series("python -c pass", 1)
    in_turns(
        max(bench.rounds, 5),
        (version, lambda _: runs.run([*runs.ARCHIVER, "--version"]).seconds),
        (verify, lambda _: runs.run([*runs.ARCHIVER, "verify", "--keys", keys, str(made.root)]).seconds),
        (bare, lambda _: runs.run([sys.executable, "-c", "pass"]).seconds),
    )
    return [
        Limit("`archiver --version`", version.median * 1000, "ms", _VERSION_MS),
        Limit(
            "`archiver verify` of one small folder, beyond `python -c pass`",
            (verify.median - bare.median) * 1000,
            "ms",
            _VERIFY_MS,
        ),
    ]
