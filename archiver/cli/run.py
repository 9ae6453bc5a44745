"""``archiver run``: the daemon, in the foreground."""

from __future__ import annotations

import click

from archiver.cli.context import Cli, pass_cli

_EPILOG = """\b
Examples:
  archiver run                                     with the configuration found in the usual places
  archiver --config /etc/archiver/archiver.toml --log-format json run
  systemctl reload archiver                        SIGHUP: read the configuration again

\b
Exit status: 0 ended by SIGTERM or SIGINT, 2 the configuration cannot be used or a daemon runs on this ledger
already, 4 the ledger is out of reach at the start, or its lock was lost.
"""


@click.command("run", epilog=_EPILOG)
@pass_cli
def command(cli: Cli) -> int:
    """Run the daemon in the foreground.

    It syncs, harvests keys, audits what is due and delivers alerts, on the schedule in the configuration, and logs
    to stderr. One daemon runs on a ledger; every other command may be used beside it. SIGTERM ends it within ten
    seconds, also in the midst of a download, which the next start resumes. SIGHUP makes it read the configuration
    again; a configuration that cannot be used changes nothing. Under systemd it reports readiness, a status line
    and signs of life (Type=notify, WatchdogSec).
    """
    import faulthandler

    from archiver.daemon.runtime import serve
    from archiver.render.progress import SilentProgress
    from archiver.wiring import open_app

    cli.configure_logs(structured=True)
    faulthandler.enable()  # the watchdog's SIGABRT then shows where each thread hung
    app = open_app(cli.settings(), cli.stop, SilentProgress())
    try:
        return serve(app, cli.read_settings, cli.environ)
    finally:
        app.close()
