"""The daemon as a process, and the world round it: its configuration, a notify socket, a receiver of alerts."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from archiver.demo.deliveries import SigningKey, make_delivery, make_signing_key, sample_delivery
from archiver.key_files import key_list_bytes, read_key_list
from archiver.provision import provision
from archiver.render.progress import SilentProgress
from archiver.settings import load_settings
from archiver.wiring import open_app
from tests.support.cli import ABOUT_THE_LOG, Forked
from tests.support.ledgers import ACTOR

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
"""Seconds after which a condition that should come true has failed; nothing waits longer than it must."""

_Answer = TypeVar("_Answer")
_numbers = itertools.count(1)


def eventually(what: Callable[[], _Answer], about: Callable[[], object] = lambda: "") -> _Answer:
    """The first true answer of *what*; fails, showing *about*, where none comes."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if answer := what():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"it never came true\n{about()}")


class NotifySocket:
    """What systemd would listen on; keeps every message."""

    def __init__(self, abstract: bool = True, folder: Path | None = None) -> None:
        name = f"archiver-test-{os.getpid()}-{next(_numbers)}"
        self.address = f"@{name}" if abstract else str((folder or Path("/tmp")) / name)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{name}" if abstract else self.address)
        self._socket.setblocking(False)
        self.messages: list[str] = []

    def read(self) -> list[str]:
        """All messages so far."""
        while True:
            try:
                self.messages.append(self._socket.recv(65536).decode())
            except BlockingIOError:
                return self.messages

    def count(self, message: str) -> int:
        return self.read().count(message)

    def close(self) -> None:
        self._socket.close()


class Receiver:
    """Takes what apprise posts to a ``json://`` address. ``status``: what it answers."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.attempts = 0
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.attempts += 1
                if outer.status == 200:
                    outer.received.append(json.loads(body))
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.url = f"json://someone:secret-word@127.0.0.1:{self.port}/hook"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def titles(self) -> list[str]:
        return [message["title"] for message in self.received]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Site:
    """One installation in *folder*: configuration, key, a source folder, a ledger at *ledger_url*."""

    def __init__(self, folder: Path, ledger_url: str = "") -> None:
        self.folder = folder
        self.source = folder / "source"
        self.source.mkdir()
        self.archive = folder / "evidence"
        self.config = folder / "archiver.toml"
        self.ledger_url = ledger_url or f"sqlite:///{folder}/ledger.db"
        self.source_lines = f'url = "{self.source.as_uri()}"'
        self.sections: dict[str, str] = {}
        self.environ: dict[str, str] = {}
        self.key: SigningKey = make_signing_key("us-east-1", datetime.now(UTC) - timedelta(days=5))
        self._rng = random.Random(str(folder.name))
        self._processes: list[Daemon] = []
        self.write()

    def write(self, **sections: str) -> None:
        """Writes the configuration; *sections*: lines of a section, kept for the next time."""
        self.sections.update(sections)
        fixed = {
            "ledger": f'url = "{self.ledger_url}"',
            "archive": f'url = "{self.archive.as_uri()}"\nmin_free = "1MiB"',
            "custody": f'signing_key = "{self.folder}/custody-key"',
        }
        text = "".join(f"[{name}]\n{lines}\n" for name, lines in {**fixed, **self.sections}.items())
        self.config.write_text(f'{text}[[sources]]\nname = "src"\n{self.source_lines}\n')

    def environment(self, **more: str) -> dict[str, str]:
        kept = {
            n: v for n, v in os.environ.items() if not n.startswith(("AWS_", "ARCHIVER_", "NOTIFY_", "WATCHDOG_"))
        }
        return {**kept, "PYTHONPATH": str(ROOT), "AWS_EC2_METADATA_DISABLED": "true", **self.environ, **more}

    def command(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end."""
        given = ("--config", str(self.config), *arguments)
        ran = Forked(given, self.folder, self.environment(**environ)).wait()
        return subprocess.CompletedProcess(given, ran.status, ran.stdout, ran.stderr)

    def prepare(self, with_key: bool = True) -> None:
        """Makes ledger and archive, and imports the key; in this process, for the sake of speed."""
        provision(load_settings(self.config, {}), ACTOR, datetime.now(UTC), {})
        if with_key:
            self.import_key()

    def import_key(self) -> None:
        keys = self.folder / "keys.json"
        keys.write_bytes(key_list_bytes([self.key.public]))
        app = open_app(load_settings(self.config, {}), threading.Event(), SilentProgress())
        try:
            app.keeper.admit(*read_key_list(str(keys)))
        finally:
            app.close()

    def delivery(self, results: Sequence[bytes] = ()) -> tuple[str, dict[str, bytes]]:
        """A new honest delivery (of *results*): its prefix, its files."""
        complete = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
        prefix, files = sample_delivery(self.key, self._rng, account="111122223333", complete_time=complete)
        return prefix, make_delivery(self.key, complete_time=complete, results=results) if results else files

    def deliver(self, damaged: bool = False) -> str:
        """Puts one into the source folder; its prefix."""
        prefix, files = self.delivery()
        if damaged:
            files["result_1.csv.gz"] += b"!"
        folder = self.source / prefix
        folder.mkdir(parents=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
        return prefix

    def start(self, **environ: str) -> Daemon:
        """Starts the daemon."""
        daemon = Daemon(self, environ)
        self._processes.append(daemon)
        return daemon

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows straight from the ledger's database."""
        if self.ledger_url.startswith("sqlite"):
            file = self.ledger_url.removeprefix("sqlite:///")
            with closing(sqlite3.connect(file, timeout=30)) as connection, connection:
                return connection.execute(statement).fetchall()
        with psycopg.connect(self.ledger_url) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def verdicts(self) -> list[str]:
        return sorted(verdict for (verdict,) in self.query("SELECT verdict FROM evidence_state"))

    def kinds(self) -> list[str]:
        """Kinds of the custody events, in order; without those that serve the log alone."""
        told = [kind for (kind,) in self.query("SELECT kind FROM custody_events ORDER BY seq")]
        return [kind for kind in told if kind not in ABOUT_THE_LOG]

    def close(self) -> None:
        for process in self._processes:
            process.close()


class Daemon:
    """``archiver run`` as a process, its log in JSON."""

    def __init__(self, site: Site, environ: Mapping[str, str]) -> None:
        self.notify = NotifySocket()
        self._log = site.folder / f"log-{next(_numbers)}"
        command = [
            sys.executable,
            "-m",
            "archiver.cli.main",
            "--config",
            str(site.config),
            "--log-format",
            "json",
            "run",
        ]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                env=site.environment(NOTIFY_SOCKET=self.notify.address, **environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def text(self) -> str:
        return self._log.read_text()

    def log(self) -> list[dict[str, Any]]:
        """The lines of the log so far."""
        return [json.loads(line) for line in self.text().splitlines() if line.startswith("{")]

    def events(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.log() if line["event"] == event]

    def until(self, what: Callable[[], _Answer]) -> _Answer:
        """:func:`eventually`, which ends early where the process does."""

        def look() -> _Answer:
            answer = what()
            assert answer or self.process.poll() is None, f"the daemon ended\n{self.text()}"
            return answer

        return eventually(look, self.text)

    def until_ready(self) -> Daemon:
        self.until(lambda: self.notify.count("READY=1"))
        return self

    def until_logged(self, event: str, times: int = 1) -> dict[str, Any]:
        return self.until(lambda: self.events(event)[times - 1 : times])[0]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self) -> int:
        """Its exit status."""
        return self.process.wait(PATIENCE)

    def stop(self) -> int:
        """Ends it by SIGTERM; its exit status."""
        self.signal(signal.SIGTERM)
        return self.ended()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.notify.close()
