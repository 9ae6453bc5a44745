"""``archiver doctor``: is everything there that a run needs, and how is what is not mended?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from archiver.cli.context import Cli, pass_cli
from archiver.cli.output import coloured, print_json, say
from archiver.domain.text import printable
from archiver.errors import EXIT_OK, EXIT_UNREACHED

if TYPE_CHECKING:
    from archiver.domain.health import HealthCheck

_COLOURS: Final = {"ok": "green", "warn": "yellow", "fail": "red", "skip": None}


_EPILOG: Final = """\b
Examples:
  archiver doctor                                    before the first sync, and after each change of the config
  archiver --config /etc/archiver/archiver.toml doctor --json | jq .

\b
Exit status: 0 nothing failed (warnings may stand), 3 a check failed, 2 the config is wrong.
"""


@click.command("doctor", epilog=_EPILOG)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@pass_cli
def command(cli: Cli, as_json: bool) -> int:
    """Check all that a run needs, and say how to mend what is wrong.

    Config, ledger, archive and its free space, signing key, alerts; for each bucket the credentials, each
    permission, versioning, encryption, public access, Object Lock and policy, and whether CloudTrail's public
    keys can be had; and whether everybody under [anchors] would vouch for the log. Nothing is changed: what is
    tried is removed again.
    """
    from archiver.actor import current_actor
    from archiver.checkup import Checkup
    from archiver.settings_input import find_config

    settings = cli.settings()
    file = find_config(cli.config, cli.environ)
    checkup = Checkup(settings, file, current_actor(), lambda: datetime.now(UTC), cli.environ)
    checks: list[HealthCheck] = []
    for check in checkup.checks():
        checks.append(check)
        if not as_json:
            _show(check)
    counts = _counts(checks)
    if as_json:
        print_json({"ok": not counts["fail"], "counts": counts, "checks": [_plain(check) for check in checks]})
    else:
        say()
        say(f"{counts['ok']} ok, {counts['warn']} to look at, {counts['fail']} failed, {counts['skip']} skipped")
    return EXIT_UNREACHED if counts["fail"] else EXIT_OK


def _show(check: HealthCheck) -> None:
    """One line as soon as it is known: what comes next may take a while."""
    status = f"{check.status:<4}"
    shown = click.style(status, fg=_COLOURS[check.status]) if coloured() else status
    name = f"{check.source}: {check.id}" if check.source else check.id
    click.echo(f"{shown}  {printable(name):<24}  {printable(check.detail, 1000)}")
    if check.remedy and check.status != "ok":
        click.echo(f"{'':32}{printable(check.remedy, 1000)}")


def _counts(checks: Sequence[HealthCheck]) -> dict[str, int]:
    return {status: sum(check.status == status for check in checks) for status in _COLOURS}


def _plain(check: HealthCheck) -> dict[str, Any]:
    return {
        "id": check.id,
        "source": check.source,
        "status": check.status.value,
        "detail": check.detail,
        "remedy": check.remedy,
    }
