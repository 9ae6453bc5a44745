"""The command ``archiver``: global options, commands by name, and the one place that maps errors to exit statuses."""

from __future__ import annotations

import difflib
import errno
import gc
import importlib
import os
import sys
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from archiver.cli.context import Cli, pass_cli
from archiver.domain.text import printable
from archiver.errors import EXIT_OK, EXIT_STOPPED, EXIT_USAGE, ArchiverError
from archiver.version import __version__

EXIT_INTERRUPTED: Final = 130
"""128 + SIGINT, as shells have it."""

EXIT_PIPE: Final = 141
"""128 + SIGPIPE: whoever read our answer stopped reading, so no status of ours would be true."""

_SEARCH_AFTER: Final = 50_000
"""Objects more than before, after which Python looks for what goes in circles: 700 is a tenth of any start."""

COMMANDS: Final = {
    "demo": ("demo", "Show the whole job on an embedded default, with no AWS account."),
    "init": ("init", "Write a commented config; create ledger, archive and signing key."),
    "doctor": ("doctor", "Check all that a run needs, and say how to mend what is wrong."),
    "run": ("run", "Run the daemon in the foreground."),
    "sync": ("sync", "Fetch, judge and archive what is new at the sources: one pass."),
    "audit": ("audit", "Read archived evidence again and judge it anew: one pass."),
    "verify": ("verify", "Judge folders where they lie; records nothing."),
    "import": ("import_", "Archive folders that were fetched by other means."),
    "list": ("list_", "List archived evidence, one line each."),
    "show": ("show", "Show one item whole: files, key, checks, custody history."),
    "status": ("status", "Show counts by verdict, bytes, last sync, what is overdue."),
    "report": ("report", "Write a chain-of-custody report."),
    "export": ("export", "Write a package that proves itself without this program."),
    "keys": ("keys", "List, fetch, import or export the harvested public keys."),
    "ledger": ("ledger", "Verify, sign, prove, rebuild or upgrade the tamper-evident ledger."),
}
"""Command -> (module of ``archiver.cli`` with a ``command``, one line of help)."""

EPILOG: Final = """\b
Examples:
  archiver demo                                    see it work, nothing needed
  archiver init --source s3://my-bucket/prefix     then: archiver doctor
  archiver sync && archiver audit                  one pass each; or: archiver run
  archiver verify ./folder --keys keys.json        offline, records nothing

\b
Exit status:
  0  all that was judged is verified
  1  at least one integrity failure (evidence, archive or ledger)
  2  usage or configuration error: nothing was done
  3  no failure, but something could not be judged or reached
  4  the program could not go on; what was done before stands
  130  stopped by a signal; what was done before stands
  141  whoever read the answer stopped reading

Settings come from --config, else $ARCHIVER_CONFIG, ./archiver.toml, /etc/archiver/archiver.toml; each key
also from a variable such as ARCHIVER_LEDGER__URL.
"""


class _PipeClosedError(Exception):
    """stdout was closed by its reader. Not an OSError: click would make that exit status 1, which is taken."""


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is called, and not for ``--help``."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _PipeClosedError from error

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            close = difflib.get_close_matches(cmd_name, COMMANDS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            ctx.fail(f"No such command {printable(cmd_name, 60)!r}.{hint}")
        module = importlib.import_module(f"archiver.cli.{COMMANDS[cmd_name][0]}")
        command = module.command
        assert isinstance(command, click.Command)  # noqa: S101 - a promise among our own files
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="The configuration file.")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", help="Form of the log on stderr.")
@click.option("-v", "--verbose", count=True, help="Say more on stderr.")
@click.option("-q", "--quiet", is_flag=True, help="Say only what is wrong on stderr.")
@click.version_option(__version__, prog_name="archiver")
@pass_cli
def archiver(cli: Cli, config: Path | None, log_format: str, verbose: int, quiet: bool) -> None:
    """Archive, prove and go on proving AWS CloudTrail Lake query results as evidence.

    Fetches each delivery once, verifies CloudTrail's signature and every hash, keeps the files with the public
    key, records each judgement, and reads everything again for ever after, with or without AWS.
    """
    if verbose and quiet:
        raise click.UsageError("-v and -q exclude each other")
    cli.config, cli.log_format, cli.verbosity = config, log_format, -1 if quiet else verbose


def main() -> NoReturn:
    """Entry point: runs the command line of this process and exits with its status."""
    gc.set_threshold(_SEARCH_AFTER, *gc.get_threshold()[1:])
    _open_closed()
    sys.exit(run(sys.argv[1:]))


def _open_closed() -> None:
    """Opens each standard stream that we were started without, on nothing.

    Otherwise the next file, which may be the ledger, gets the number that a library writes its complaints to.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))


def run(arguments: list[str]) -> int:
    """Runs *arguments* and answers the exit status; whatever went wrong is said in one line on stderr."""
    cli = Cli()
    try:
        status = _status(archiver.main(arguments, prog_name="archiver", standalone_mode=False, obj=cli))
        sys.stdout.flush()
    except ArchiverError as error:
        _complain(str(error))
        if error.remedy:
            click.echo(f"  {printable(error.remedy, most=2000)}", err=True)
        status = error.exit_status
    except click.ClickException as error:
        error.show()
        _hint(error)
        status = EXIT_USAGE
    except (KeyboardInterrupt, click.Abort):
        _complain("interrupted; what was done before stands")
        status = EXIT_INTERRUPTED
    except (BrokenPipeError, _PipeClosedError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter complains at its end
        status = EXIT_PIPE
    except Exception as error:
        status = _unexpected(error, cli.verbosity > 0)
    return status


def _hint(error: click.ClickException) -> None:
    """An option of ``archiver`` itself was given to a command, which does not know it."""
    if not isinstance(error, click.NoSuchOption) or error.ctx is None or error.ctx.command is archiver:
        return
    name = error.option_name
    if any(name in option.opts for option in archiver.params):
        click.echo(f"  {name} goes before the command: archiver {name} … {error.ctx.info_name}", err=True)


def _status(answer: Any) -> int:
    """A command's return value, or what it gave to ``ctx.exit``: its exit status; None is 0."""
    return int(answer) if isinstance(answer, int) else EXIT_OK


def _complain(message: str) -> None:
    click.echo(f"archiver: {printable(message, most=4000)}", err=True)


def _unexpected(error: Exception, verbose: bool) -> int:
    if isinstance(error, OSError):
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        _complain(f"no room on the device: {error}" if full else str(error))
    else:
        _complain(f"unexpected {type(error).__name__}: {error}")
        click.echo("  This is a fault of archiver itself; archiver -v … shows where it happened.", err=True)
    if verbose:
        import traceback

        for line in "".join(traceback.format_exception(error)).splitlines():
            click.echo(printable(line), err=True)
    return EXIT_STOPPED


if __name__ == "__main__":
    main()
