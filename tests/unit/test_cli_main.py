"""The command's frame: what it imports, which error ends with which status, and what people get to read."""

from __future__ import annotations

import errno
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import click
import pytest

from archiver import errors
from archiver.cli.context import Cli, pass_cli
from archiver.cli.main import COMMANDS, archiver, run
from archiver.version import __version__

ROOT = Path(__file__).parents[2]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Cli], object]], None]:
    """Registers a command ``probe`` that does what the test says: the frame finds it like any other."""

    def register(body: Callable[[Cli], object]) -> None:
        module = ModuleType("archiver.cli.probe")
        module.command = click.command("probe")(pass_cli(body))  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "archiver.cli.probe", module)
        monkeypatch.setitem(COMMANDS, "probe", ("probe", "For this test."))

    return register


def raising(error: BaseException) -> Callable[[Cli], object]:
    def body(_cli: Cli) -> None:
        raise error

    return body


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_and_version_import_nothing_slow() -> None:
    for option in ("--help", "--version"):
        done = python(
            f"""
            import sys
            from archiver.cli.main import run
            status = run([{option!r}])
            slow = {{"pydantic", "boto3", "sqlalchemy", "alembic", "structlog", "rich"}} & set(sys.modules)
            ours = [name for name in sys.modules if name.startswith("archiver.cli.")]
            print(status, sorted(slow), sorted(ours), file=sys.stderr)
            """
        )
        assert done.stderr == "0 [] ['archiver.cli.context', 'archiver.cli.main']\n"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.split()[-1] == __version__


def test_help_names_every_command_and_every_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    for name in COMMANDS:
        assert re.search(rf"(?m)^  {name} +\S", out), name
    for status in (*range(5), 130, 141):
        assert re.search(rf"(?m)^ +{status}  ", out), status


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_is_there_and_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"Usage: archiver {name} ")


def test_an_unknown_command_is_a_usage_error_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["snyc"]) == 2
    assert "Did you mean 'sync'?" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--nope"], ["--log-format", "xml", "list"], ["-v", "-q", "init"]])
def test_wrong_usage_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Usage:" in captured.err


@pytest.mark.parametrize(("answer", "status"), [(None, 0), (0, 0), (1, 1), (3, 3), ("text", 0)])
def test_what_a_command_returns_is_the_status(command: Callable[..., None], answer: object, status: int) -> None:
    command(lambda _cli: answer)
    assert run(["probe"]) == status


def test_ctx_exit_is_the_status(command: Callable[..., None]) -> None:
    command(lambda _cli: click.get_current_context().exit(3))
    assert run(["probe"]) == 3


def _families() -> list[type[errors.ArchiverError]]:
    found, todo = [], [errors.ArchiverError]
    while todo:
        family = todo.pop()
        found.append(family)
        todo.extend(family.__subclasses__())
    return found


@pytest.mark.parametrize("family", _families())
def test_our_errors_end_with_their_own_status(
    family: type[errors.ArchiverError], command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    command(raising(family("the thing is\nbroken\x1b[2J", "mend it")))
    assert run(["probe"]) == family.exit_status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "archiver: the thing is\\nbroken\\x1b[2J\n  mend it\n"


@pytest.mark.parametrize(
    ("error", "status", "part"),
    [
        (KeyboardInterrupt(), 130, "interrupted; what was done before stands"),
        (OSError(errno.ENOSPC, "No space left on device"), 4, "no room on the device"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 4, "Permission denied: '/x'"),
        (RuntimeError("odd"), 4, "unexpected RuntimeError: odd"),
        (click.FileError("x", "cannot be read"), 2, "cannot be read"),
    ],
)
def test_other_errors(
    error: BaseException, status: int, part: str, command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    command(raising(error))
    assert run(["probe"]) == status
    err = capsys.readouterr().err
    assert part in err
    assert "Traceback" not in err


def test_a_traceback_is_for_those_who_ask(command: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    command(raising(RuntimeError("odd\x1b[2J")))
    assert run(["-v", "probe"]) == 4
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "\x1b" not in err


def test_a_closed_pipe_is_quiet_and_no_integrity_failure() -> None:
    code = """
    import sys, types, click
    from archiver.cli.main import COMMANDS, run
    module = types.ModuleType("archiver.cli.probe")
    def body():
        sys.stdin.readline()
        for _ in range(100_000):
            click.echo("x" * 80)
    module.command = click.command("probe")(body)
    sys.modules["archiver.cli.probe"] = module
    COMMANDS["probe"] = ("probe", "")
    sys.exit(run(["probe"]))
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        process.stdin.write(b"go\n")
        process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


def test_global_options_reach_the_command(command: Callable[..., None], tmp_path: Path) -> None:
    seen: list[Cli] = []
    command(seen.append)
    assert run(["--config", str(tmp_path / "c.toml"), "--log-format", "json", "-vv", "probe"]) == 0
    assert run(["-q", "probe"]) == 0
    assert (seen[0].config, seen[0].log_format, seen[0].verbosity) == (tmp_path / "c.toml", "json", 2)
    assert (seen[1].config, seen[1].log_format, seen[1].verbosity) == (None, "text", -1)


def test_settings_are_read_once_and_again_on_request(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[workers]\nthreads = 1")
    cli = Cli(config=file, environ={})
    assert cli.settings().workers.threads == 1
    file.write_text("[workers]\nthreads = 2")
    assert cli.settings().workers.threads == 1
    assert cli.read_settings().workers.threads == 2


def signalled(body: str) -> subprocess.CompletedProcess[str]:
    """*body* in a process of its own, in which ``cli`` catches signals and ``kill`` sends one."""
    lines = (
        "import os, signal, socket, sys",
        "from archiver.cli import context",
        "def kill(number): os.kill(os.getpid(), number)",
        "cli = context.Cli(environ={})",
        body,
    )
    command = [sys.executable, "-c", "\n".join(lines)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=ROOT, check=False)


def test_the_first_signal_asks_and_the_second_interrupt_insists() -> None:
    ran = signalled("""
should_stop = cli.catch_signals()
assert not should_stop()
kill(signal.SIGTERM)
assert should_stop()
kill(signal.SIGTERM)
try:
    kill(signal.SIGINT)
except KeyboardInterrupt:
    sys.exit(7)
""")
    assert (ran.returncode, ran.stderr) == (7, "")


@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_a_command_that_hangs_is_broken_off(name: str, status: int) -> None:
    ran = signalled(f"""
context.ENDING_SECONDS = 0.2
cli.catch_signals()
kill(signal.{name})
ours, theirs = socket.socketpair()
ours.recv(1)
""")
    assert ran.returncode == status
    assert ran.stderr == f"archiver: broken off 0.2 s after {name}, for it hangs; what was done before stands\n"


def test_every_command_of_the_group_is_lazy() -> None:
    """Naming the commands imports none of them."""
    with archiver.make_context("archiver", ["--config", "x", "list"], resilient_parsing=True) as context:
        assert archiver.list_commands(context) == list(COMMANDS)


@pytest.mark.parametrize("closed", [">&-", "<&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_fault(closed: str, tmp_path: Path) -> None:
    """What is opened later must not get their numbers: a library's complaint would go into the ledger."""
    code = """
    import os, sys
    from archiver.cli import main
    main.run = lambda _: open(sys.argv[1], "w").write(str(os.open(os.devnull, os.O_RDONLY))) and 0
    main.main()
    """
    number = tmp_path / "number"
    command = f'"$0" -c "$1" "$2" {closed}'
    ran = subprocess.run(["sh", "-c", command, sys.executable, textwrap.dedent(code), number], cwd=ROOT, check=False)
    assert ran.returncode == 0
    assert int(number.read_text()) > 2
    whole = f'"$0" -m archiver.cli.main --help {closed}'
    assert (
        subprocess.run(["sh", "-c", whole, sys.executable], cwd=ROOT, capture_output=True, check=False).returncode
        == 0
    )


def test_a_global_option_after_the_command_is_sent_to_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "--config", "x"]) == 2
    assert "--config goes before the command: archiver --config … list" in capsys.readouterr().err
    assert run(["list", "--nope"]) == 2
    assert "goes before" not in capsys.readouterr().err
