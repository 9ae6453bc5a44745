"""An archive with one item of each kind, for the commands that read: filled once a module, by a real sync."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

from archiver import wiring
from archiver.actor import current_actor
from archiver.demo.deliveries import SigningKey, gzip_bytes, make_signing_key, sample_delivery
from archiver.domain.keys import KeyProvenance
from archiver.provision import provision
from archiver.render.progress import SilentProgress
from archiver.settings import Settings, load_settings
from tests.support.cli import Ran, run

COMPLETE = datetime(2026, 1, 10, 12, tzinfo=UTC)
SCRIPT_NAME = "<script>alert(1)<_script>.txt"
CONTROL_NAME = "a\x1b[2J\u202e\n\"'&.txt"
NOT_UTF8_NAME = os.fsdecode(b"bad\xff.bin")


@dataclass(frozen=True)
class Place:
    """An archive with its configuration. ``prefixes``: what is in it, by what it is."""

    folder: Path
    prefixes: Mapping[str, str]
    key: SigningKey
    listed: list[dict[str, Any]] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        return load_settings(self.folder / "archiver.toml", {})

    def run(self, *arguments: str, status: int = 0) -> Ran:
        """``archiver`` with *arguments*; it must end with *status*."""
        return run(*arguments, cwd=self.folder, status=status)

    def lines(self, *arguments: str) -> list[dict[str, Any]]:
        """What ``list --json`` prints."""
        return self.run("list", "--json", *arguments).lines

    def item(self, what: str) -> dict[str, Any]:
        """The list's line of the item that is *what*, as it was listed first."""
        if not self.listed:
            self.listed.extend(self.lines())
        return next(line for line in self.listed if line["prefix"] == self.prefixes[what])

    def shown(self, what: str) -> dict[str, Any]:
        """What ``show --json`` prints of it."""
        return self.run("show", self.item(what)["id"], "--json").json

    def app(self) -> wiring.App:
        return wiring.open_app(self.settings, Event(), SilentProgress())


def fill(folder: Path) -> Place:
    """Good (below a folder with a hostile name), tampered, unsigned, key unavailable, with unlisted files."""
    source = folder / "in"
    rng = random.Random(7)
    key = make_signing_key("us-east-1", COMPLETE - timedelta(days=5))
    other = make_signing_key("eu-west-1", COMPLETE - timedelta(days=5))
    prefixes = {}

    def deliver(
        what: str, signing: SigningKey = key, account: str = "111122223333", lead: str = "", files: int = 1
    ) -> Path:
        prefix, contents = sample_delivery(
            signing, rng, account=account, complete_time=COMPLETE, lead=lead, files=files, rows=3
        )
        at = source / prefix
        at.mkdir(parents=True)
        for name, data in contents.items():
            (at / name).write_bytes(data)
        prefixes[what] = prefix
        return at

    deliver("good", lead='it\'s $(touch owned) "here"/', files=2)
    (deliver("tampered") / "result_1.csv.gz").write_bytes(gzip_bytes(b"tampered"))
    (deliver("unsigned") / "result_sign.json").unlink()
    deliver("keyless", other, account="444455556666")
    unlisted = deliver("unlisted")
    for name in (SCRIPT_NAME, CONTROL_NAME, NOT_UTF8_NAME):
        (unlisted / name).write_bytes(b"not evidence")
    (folder / "archiver.toml").write_text(
        f"""
        [ledger]
        url = "sqlite:///{folder}/ledger.db"
        [archive]
        url = "file://{folder}/archive"
        [[sources]]
        name = "prod"
        url = "file://{source}"
        region = "us-east-1"
        grace = "0s"
        [custody]
        signing_key = "{folder}/custody-key"
        origin = "example.com/custody"
        """
    )
    place = Place(folder, prefixes, key)
    provision(place.settings, current_actor(), datetime.now(UTC), {})
    app = place.app()
    provenance = KeyProvenance("import", "/media/keys.json", "operator", datetime.now(UTC), None)
    app.keeper.admit([key.public], provenance)
    app.sync().run(app.plans(), lambda _item: None)
    app.close()
    return place
