"""``archiver init``: a commented configuration, and everything it names made ready."""

from __future__ import annotations

import os
import pwd
import re
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from pwd import struct_passwd
from typing import TYPE_CHECKING

import click

from archiver.cli.context import Cli, pass_cli
from archiver.cli.log_head import sign_head_of
from archiver.cli.output import say, warn
from archiver.errors import UsageError

if TYPE_CHECKING:
    from archiver.settings import Settings
    from archiver.settings_sample import SampleSource

_SYSTEM_CONFIG = Path("/etc/archiver")
_SYSTEM_STATE = Path("/var/lib/archiver")
_SERVICE_USER = "archiver"
"""As in config/systemd; its group has the same name."""


_EPILOG = """\b
Examples:
  archiver init --source s3://my-results-bucket            ./archiver.toml, and beside it all that it names
  archiver init --source s3://one --source /mnt/exports    several buckets and folders
  archiver --config /etc/archiver/archiver.toml init       as root: for the service, state in /var/lib/archiver,
                                                           which the user archiver gets if there is one

\b
Exit status: 0 done, 2 nothing was done (the config is there already, a bad URL).
"""


@click.command("init", epilog=_EPILOG)
@click.option("--source", "sources", multiple=True, metavar="URL", help="s3://bucket/prefix or a folder; repeatable.")
@click.option("--force", is_flag=True, help="Replace the config (the old one stays as *.old); nothing else, ever.")
@pass_cli
def command(cli: Cli, sources: Sequence[str], force: bool) -> None:
    """Write a commented config; create ledger, archive and signing key.

    The config goes to --config (else $ARCHIVER_CONFIG, else ./archiver.toml); ledger, archive and key lie beside
    it, or in /var/lib/archiver for root's config in /etc/archiver. What exists of the three is left as it is.
    """
    from archiver.actor import current_actor
    from archiver.provision import provision
    from archiver.settings import parse_settings
    from archiver.settings_input import CONFIG_VARIABLE
    from archiver.settings_sample import sample_config

    target = (cli.config or Path(cli.environ.get(CONFIG_VARIABLE) or "archiver.toml")).absolute()
    if os.path.lexists(target) and not force:
        raise UsageError(
            f"{target} is there already; nothing was done",
            "edit it, or replace it with --force; archiver ledger upgrade makes what it names and is missing",
        )
    text = sample_config(_samples(sources, cli.environ), _base(target), f"{_host()}/custody")
    settings = parse_settings(text, target, cli.environ)
    service = _service(target)
    _write(target, text, service)
    say(f"wrote {target}")
    if service is not None:
        _prepare_state(service)
    for line in provision(settings, current_actor(), datetime.now(UTC), cli.environ, warn):
        say(f"made {line}")
    sign_head_of(cli, settings)
    _next_steps(target, has_sources=bool(sources))
    _keep(settings)


def _base(target: Path) -> Path:
    """Where ledger, archive and key go."""
    return _SYSTEM_STATE if _is_service(target) else target.parent


def _is_service(target: Path) -> bool:
    return os.geteuid() == 0 and target.is_relative_to(_SYSTEM_CONFIG)


def _service(target: Path) -> struct_passwd | None:
    """The user that the units run as, where root makes its configuration; None elsewhere and where it is not made."""
    if not _is_service(target):
        return None
    try:
        return pwd.getpwnam(_SERVICE_USER)
    except KeyError:
        warn(
            f"there is no user {_SERVICE_USER} yet, so that {target} is for everybody to read and the state is"
            f" root's. For the service, first: useradd --system --user-group --home-dir {_SYSTEM_STATE}"
            f" --shell /usr/sbin/nologin {_SERVICE_USER}; afterwards: chgrp {_SERVICE_USER} {target},"
            f" chmod 640 {target}, chown -R {_SERVICE_USER}: {_SYSTEM_STATE}"
        )
        return None


def _prepare_state(user: struct_passwd) -> None:
    """The state's folder as systemd's StateDirectory would make it. One that holds something stays as it is."""
    try:
        _SYSTEM_STATE.mkdir(mode=0o750, exist_ok=True)
        if not any(_SYSTEM_STATE.iterdir()):
            os.chown(_SYSTEM_STATE, user.pw_uid, user.pw_gid)
    except OSError as error:
        raise UsageError(f"{_SYSTEM_STATE}: cannot be made: {error.strerror}") from error


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname()) or "localhost"


def _samples(urls: Sequence[str], environ: Mapping[str, str]) -> list[SampleSource]:
    from archiver.settings_sample import SampleSource

    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    samples: list[SampleSource] = []
    for given in urls:
        url = _url(given)
        name = _name(url, {sample.name for sample in samples})
        samples.append(SampleSource(name, url, region if url.startswith("s3://") else None))
    return samples


def _url(given: str) -> str:
    """*given* as a URL of the configuration. Raises UsageError."""
    from archiver.settings_values import check_source_url

    if "://" not in given:
        folder = Path(given).absolute()
        if not folder.is_dir():
            raise UsageError(f"--source {given}: there is no such folder", "a bucket is written s3://bucket/prefix")
        given = Path(os.path.normpath(folder)).as_uri()
    try:
        return check_source_url(given)
    except ValueError as error:
        raise UsageError(f"--source {given}: {error}") from error


def _name(url: str, taken: set[str]) -> str:
    """A name for the source: its bucket's or its folder's, made fit, numbered where it is taken."""
    from archiver.domain.paths import RESERVED_NAMES
    from archiver.settings_values import file_path, s3_place

    raw = s3_place(url)[0] if url.startswith("s3://") else Path(file_path(url)).name
    fit = re.sub(r"[^a-z0-9._-]+", "-", raw.lower()).strip("._-")[:50] or "source"
    number = 1
    name = fit
    while name in taken or name in RESERVED_NAMES:
        number += 1
        name = f"{fit}-{number}"
    return name


def _write(target: Path, text: str, service: struct_passwd | None) -> None:
    """Writes the config whole or not at all. The service's is for its group to read, others' are private."""
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(draft, "x", encoding="utf-8", opener=_private) as stream:
            stream.write(text)
            stream.flush()
            if service is not None:
                os.fchown(stream.fileno(), 0, service.pw_gid)
                os.fchmod(stream.fileno(), 0o640)
            elif _is_service(target):
                os.fchmod(stream.fileno(), 0o644)
            os.fsync(stream.fileno())
        if os.path.lexists(target):
            old = target.with_name(f"{target.name}.old")
            os.replace(target, old)
            say(f"kept the old configuration as {old}")
        os.replace(draft, target)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise UsageError(f"{target}: cannot be written: {error.strerror}") from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _keep(settings: Settings) -> None:
    """What cannot be made up for later."""
    from archiver import custody_key

    custody = settings.custody
    say()
    say("Keep:")
    say(f"  the log is called {custody.origin} ([custody] origin) from its first checkpoint on: that is permanent")
    if custody_key.is_file(custody.signing_key):
        say(f"  a copy of {custody.signing_key} off this host, and not in the archive: without it nothing is")
        say("  signed, nothing else brings it back, and whoever has it can sign in the log's name")


def _next_steps(target: Path, has_sources: bool) -> None:
    option = "" if target == Path("archiver.toml").absolute() else f"--config {target} "
    say()
    say("Next:")
    if not has_sources:
        say(f"  edit {target}: add where deliveries arrive, as [[sources]]")
    say(f"  archiver {option}doctor    checks credentials, permissions, bucket, archive, ledger")
    say(f"  archiver {option}sync      fetches, verifies and archives what is there")
    say(f"  archiver {option}run       does that for ever, on the schedule in the config")
