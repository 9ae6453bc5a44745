"""How fast the archiver is, beside the programs that do a part of its work: the table of ``make bench``.

``python -m benchmarks.table --peers FOLDER`` runs everything; ``--only small-audit,verify`` what is named so. Every
ratio compares whole commands, start-up included, that ran in turns in this run; medians. ``--part 0.05`` is for a
quick look, not for a figure.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks import million, row_audit, row_import, row_memory, row_start, row_sync, row_verify, runs, workload
from benchmarks.common import Results, machine, told, workplace
from benchmarks.rows import Bench, Limit, Row, limits_table, table

_ROWS: Final[dict[str, Callable[[Bench], list[Row]]]] = {
    "large-audit": row_audit.large,
    "small-audit": row_audit.small,
    "verify": row_verify.small,
    "small-sync": row_sync.small,
    "large-sync": row_sync.large,
    "import": row_import.small,
}
_MILLION: Final = "million"
_LIMITS: Final[dict[str, Callable[[Bench], list[Limit]]]] = {
    "start": row_start.limits,
    "memory": row_memory.limits,
}


def _aws_2(named: str) -> str | None:
    """The AWS CLI *named*, or in PATH; None where it is not version 2."""
    found = named or shutil.which("aws")
    if found is None or not runs.run([found, "--version"]).out.startswith(b"aws-cli/2"):
        return None
    return found


def main() -> None:
    """Exits with 1 where something that was to be reached is not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", type=Path, required=True, help="the folder with aws and rclone")
    parser.add_argument("--aws", default="", help="the AWS CLI, version 2; found by itself where it is in PATH")
    parser.add_argument("--dir", type=Path, help="where to work: a folder on the disk to measure, 60 GB free")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every measurement as JSON, beside the table")
    parser.add_argument("--rounds", type=int, default=5, help="times that each is measured")
    parser.add_argument("--part", type=float, default=1, help="of the full amounts, for a quick look")
    parser.add_argument("--only", default="", help=f"of {', '.join([*_ROWS, *_LIMITS, _MILLION])}")
    given = parser.parse_args()
    names = [*_ROWS, *_LIMITS, _MILLION]
    wanted = [name for name in given.only.split(",") if name] or names
    unknown = set(wanted) - set(names)
    if unknown:
        parser.error(f"no such rows: {', '.join(sorted(unknown))}")
    facts = machine()
    rows: list[Row] = []
    limits: list[Limit] = []
    many: Results | None = None
    with workplace(given.dir) as place:
        bench = Bench(place, given.peers, _aws_2(given.aws), given.rounds, given.part, workload.make_key())
        for name in wanted:
            print(name, file=sys.stderr)
            if name in _ROWS:
                rows += _ROWS[name](bench)
            elif name in _LIMITS:
                limits += _LIMITS[name](bench)
            else:
                many = million.run(argparse.Namespace(dir=place, items=bench.amount(1_000_000), kept=None))
    parts = [table(rows) if rows else "", limits_table(limits) if limits else "", many.table() if many else ""]
    print("\n\n".join(part for part in [*parts, told(facts)] if part))
    if given.json:
        found = {"machine": facts, "rows": [r.as_json() for r in rows], "limits": [x.as_json() for x in limits]}
        found |= {_MILLION: many.as_json()} if many else {}
        given.json.write_text(json.dumps(found, indent=1), "utf-8")
    missed = [one.work for one in [*rows, *limits] if not one.is_met]
    missed += [one.name for one in many.ratios if one.met is False] if many else []
    if missed:
        sys.exit("not reached: " + "; ".join(missed))


if __name__ == "__main__":
    main()
