"""What the transparency log costs a sync: small deliveries from a local S3, with the log and without it, in turns.

Without it the journal writes events as ever, but no tree, and no checkpoint is made. Small deliveries are the worst
case: of each some kilobytes are fetched and judged, and one event is recorded.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any
from unittest.mock import patch

from archiver.adapters.ledger import journal, projection
from archiver.adapters.ledger.projection import Projection
from archiver.demo.deliveries import SigningKey, make_signing_key, sample_delivery
from archiver.domain.keys import KeyProvenance
from archiver.log.tree import Frontier
from archiver.provision import provision
from archiver.render.progress import SilentProgress
from archiver.settings import Settings, parse_settings
from archiver.wiring import App, open_app
from benchmarks.common import Figure, Ratio, Results, main, measured, workplace
from benchmarks.ledgers import ACTOR

_MOST = 0.10
_REGION = "us-east-1"
_BUCKET = "deliveries"
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "benchmark-key", "AWS_SECRET_ACCESS_KEY": "benchmark-secret"}


def options(parser: argparse.ArgumentParser) -> None:
    """How much, and how often."""
    parser.add_argument("--deliveries", type=int, default=500, help="deliveries of one sync")
    parser.add_argument("--rounds", type=int, default=5, help="times that each is measured")


def run(given: argparse.Namespace) -> Results:
    """Measures rounds of two syncs, and takes the median of each."""
    results = Results(f"A sync of {given.deliveries} small deliveries over a local S3, with and without the log")
    with workplace(given.dir) as place:
        key = make_signing_key(_REGION, datetime.now(UTC) - timedelta(days=20))
        _deliver(place / "served" / _BUCKET, key, given.deliveries)
        with _server(place) as url, patch.dict(os.environ, _environment()):
            _sync(place / "warm-up", url, key, with_log=True)
            taken: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
            for number in range(given.rounds):
                for with_log in (number % 2 == 0, number % 2 != 0):
                    home = place / f"{number}-{with_log}"
                    taken[with_log].append(_sync(home, url, key, with_log=with_log, expect=given.deliveries))
                    shutil.rmtree(home)
    plain = _median(results, "without the log", given.deliveries, taken[False])
    logged = _median(results, "with the log, checkpoint included", given.deliveries, taken[True])
    cost = logged.seconds / plain.seconds - 1
    results.goal("what the log costs", cost, "{:+.1%}", f"under {_MOST:.0%}", cost < _MOST)
    if logged.cpu and plain.cpu:
        results.ratios.append(Ratio("the same in CPU seconds", logged.cpu / plain.cpu - 1, "{:+.1%}"))
    return results


def _median(results: Results, name: str, deliveries: int, taken: list[tuple[float, float]]) -> Figure:
    seconds, cpu = (statistics.median(values) for values in zip(*taken, strict=True))
    return results.add(name, deliveries, "deliveries", seconds, cpu)


def _deliver(bucket: Path, key: SigningKey, count: int) -> None:
    rng = random.Random(1)
    for _ in range(count):
        complete = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
        prefix, files = sample_delivery(key, rng, account="111122223333", complete_time=complete)
        folder = bucket / prefix
        folder.mkdir(parents=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)


@contextmanager
def _server(place: Path) -> Iterator[str]:
    """rclone serving S3 from a process of its own."""
    beside = Path(sys.executable).parent / "rclone"
    command = [
        str(beside) if beside.exists() else "rclone",
        *("serve", "s3", "--addr", "127.0.0.1:0", "--config", os.devnull),
        *("--auth-key", ",".join(_CREDENTIALS.values())),
        str(place / "served"),
    ]
    log = place / "rclone.log"
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            yield _url_in(log, process)
        finally:
            process.terminate()


def _url_in(log: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text("utf-8"))
        if found:
            return found[0]
        time.sleep(0.05)
    raise SystemExit(f"rclone did not start: {log.read_text('utf-8')}")


def _environment() -> dict[str, str]:
    nothing = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)
    return {**_CREDENTIALS, **nothing, "AWS_EC2_METADATA_DISABLED": "true"}


def _settings(home: Path, url: str) -> Settings:
    text = f"""
[ledger]
url = "sqlite:///{home}/ledger.db"
[archive]
url = "file://{home}/evidence"
min_free = "1MB"
[custody]
signing_key = "{home}/custody-key"
[[sources]]
name = "prod"
url = "s3://{_BUCKET}/"
region = "{_REGION}"
endpoint_url = "{url}"
cloudtrail_endpoint_url = "{url}"
"""
    return parse_settings(text, home / "archiver.toml", {})


def _sync(home: Path, url: str, key: SigningKey, *, with_log: bool, expect: int | None = None) -> tuple[float, float]:
    """Seconds and CPU seconds of a sync into a new archive and ledger; with a log its checkpoint is part of it."""
    home.mkdir()
    settings = _settings(home, url)
    provision(settings, ACTOR, datetime.now(UTC), {})
    with closing(open_app(settings, Event(), SilentProgress())) as app:
        provenance = KeyProvenance("import", "benchmark", None, datetime.now(UTC))
        app.keeper.admit([key.public], provenance)
        archived: list[int] = []
        with nullcontext() if with_log else _without_tree():
            taken = measured(lambda: archived.append(_one(app, with_log)))
    if expect is not None and archived != [expect]:
        raise SystemExit(f"{archived} deliveries were archived, not {expect}")
    return taken


def _one(app: App, with_log: bool) -> int:
    result = app.sync().run(app.plans(), lambda _item: None)
    if with_log:
        app.checkpoints().make()
    for trouble in result.troubles.kept:
        print(trouble, file=sys.stderr)
    return result.archived


class _NoTree(Frontier):
    """Counts leaves and hashes nothing."""

    def append(self, leaf: bytes) -> list[bytes]:  # noqa: ARG002 - Frontier's signature
        """Nothing is completed."""
        self.size += 1
        return []


class _NoRows(Projection):
    """Writes what follows from events, and no row of the tree."""

    def write(self) -> None:
        """All but the tree."""
        self._rows["merkle_nodes"].clear()
        super().write()


@contextmanager
def _without_tree() -> Iterator[None]:
    """The journal as it would be without the log."""

    def no_tree(_connection: Any, size: int) -> Frontier:
        tree = _NoTree()
        tree.size = size
        return tree

    with (
        patch.object(journal, "load_frontier", no_tree),
        patch.object(journal, "Projection", _NoRows),
        patch.object(projection, "leaf_of", lambda body: body),
        patch.object(projection, "leaf_hash", lambda _leaf: b""),
    ):
        yield


if __name__ == "__main__":
    main(run, options)
