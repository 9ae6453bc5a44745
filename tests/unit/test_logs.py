"""The log: three forms, one line an event, and nothing from outside that forges one."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog

from archiver import logs
from archiver.adapters.log_messenger import LogMessenger
from archiver.domain.times import parse_time
from archiver.logs_structured import configure

HOSTILE = "x\n2026-01-01T00:00:00Z error    forged\x1b[2J"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure("text", 0, {})
    structlog.get_logger().warning("synced", source="prod", seconds=1.5, empty="", spaced="a b")
    captured = capsys.readouterr()
    assert captured.out == ""
    line = r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ warning  synced source=prod seconds=1.5 empty="" spaced="a b"\n'
    assert re.fullmatch(line, captured.err)


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json", 0, {})
    structlog.get_logger().error("failed", key=HOSTILE, number=3, odd=object)
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["level"], told["event"], told["key"], told["number"]) == ("error", "failed", HOSTILE, 3)
    assert parse_time(told["time"])


def test_journald_gets_priorities_and_no_times(capsys: pytest.CaptureFixture[str]) -> None:
    configure("text", 1, {"JOURNAL_STREAM": "8:1"})
    log = structlog.get_logger()
    log.debug("d")
    log.info("i")
    log.warning("w")
    log.error("e")
    log.critical("c")
    assert capsys.readouterr().err == "<7>d\n<6>i\n<4>w\n<3>e\n<2>c\n"


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("journal", [{}, {"JOURNAL_STREAM": "8:1"}])
def test_no_line_can_be_forged(form: str, journal: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    configure(form, 0, journal)
    structlog.get_logger().info(HOSTILE, key=HOSTILE)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()


def test_each_line_of_a_traceback_has_its_priority(capsys: pytest.CaptureFixture[str]) -> None:
    configure("text", 0, {"JOURNAL_STREAM": "8:1"})
    try:
        raise RuntimeError(HOSTILE)
    except RuntimeError:
        structlog.get_logger().exception("odd")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "<3>odd"
    assert lines[1].startswith("<3>Traceback")
    assert all(line.startswith("<3>") and line.isprintable() for line in lines)


@pytest.mark.parametrize(
    ("verbosity", "levels"), [(-1, ["warning"]), (0, ["info", "warning"]), (1, ["debug", "info", "warning"])]
)
def test_verbosity(verbosity: int, levels: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    configure("json", verbosity, {})
    log = structlog.get_logger()
    log.debug("x")
    log.info("x")
    log.warning("x")
    assert [json.loads(line)["level"] for line in capsys.readouterr().err.splitlines()] == levels


def test_warnings_of_libraries_arrive_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json", 0, {})
    logging.getLogger("botocore").info("unheard")
    logging.getLogger("botocore").warning("heard %s", "this")
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["level"], told["event"], told["logger"]) == ("warning", "heard this", "botocore")


@pytest.mark.parametrize(("verbosity", "events"), [(0, ["alert: failed"]), (1, ["alert: failed", "  one", "  two"])])
def test_alerts_without_an_address_are_logged_as_nothing_else(
    verbosity: int, events: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("json", verbosity, {})
    assert LogMessenger().send("failed", "one\ntwo") == ()
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in told] == events
    assert all("logger" not in line for line in told)


def test_an_error_that_a_library_logs_comes_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text", 0, {"JOURNAL_STREAM": "8:1"})
    try:
        raise RuntimeError(HOSTILE)
    except RuntimeError:
        logging.getLogger("urllib3").exception("odd")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "<3>odd logger=urllib3"
    assert lines[1].startswith("<3>Traceback")
    assert all(line.startswith("<3>") and line.isprintable() for line in lines)


def test_commands_that_do_one_pass_need_no_structlog() -> None:
    modules = "archiver.wiring, archiver.logs, archiver.adapters.log_messenger"
    script = f"import sys, {modules}; print('structlog' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert told.stdout == "False\n"
