"""Makes the vectors: ``python -m tests.vectors.make [DIR]``. The same bytes each time."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from tests.vectors import crafted, honest, judged, sign_files
from tests.vectors.bricks import Case

HERE = Path(__file__).parent


def all_cases() -> Iterator[Case]:
    """Every vector, names once each."""
    for module in (honest, sign_files, judged, crafted):
        yield from module.cases()


def write(case: Case, root: Path) -> None:
    """Writes *case* to ``root/<its name>``, which must not be there yet."""
    folder = root / case.name
    folder.mkdir(parents=True)
    for path, data in case.files.items():
        file = folder / "delivery" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    _write_json(folder / "keys.json", {"PublicKeyList": list(case.keys)})
    _write_json(folder / "expected.json", {path: asdict(answer) for path, answer in case.expected.items()})


def _write_json(path: Path, value: object) -> None:
    path.write_bytes(json.dumps(value, indent=2).encode("ascii") + b"\n")


def main() -> None:
    """Makes all vectors anew, in this folder or in the one that is named."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    for answers in root.glob("*/expected.json"):
        shutil.rmtree(answers.parent)
    for case in all_cases():
        write(case, root)


if __name__ == "__main__":
    main()
