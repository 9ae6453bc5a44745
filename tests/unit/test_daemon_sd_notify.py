"""What systemd is told, over real sockets."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from archiver.daemon.sd_notify import Notifier, notifier
from tests.support.daemon import NotifySocket


@pytest.mark.parametrize("abstract", [True, False])
def test_every_message_arrives(abstract: bool, tmp_path: Path) -> None:
    listener = NotifySocket(abstract, tmp_path)
    told = notifier({"NOTIFY_SOCKET": listener.address})
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    told.ready()
    told.alive()
    told.status("two\nlines")
    told.reloading()
    told.stopping()
    *first, reloading, stopping = listener.read()
    assert first == ["READY=1", "WATCHDOG=1", "STATUS=two lines"]
    name, _, moment = reloading.partition("\nMONOTONIC_USEC=")
    assert name == "RELOADING=1"
    assert before <= int(moment) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert stopping == "STOPPING=1"
    listener.close()


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "@nobody-listens-here", "vsock:2:1234"])
def test_nobody_listening_is_no_trouble(address: str) -> None:
    notifier({"NOTIFY_SOCKET": address}).ready()


def test_a_listener_that_does_not_read_does_not_hold_the_daemon_up() -> None:
    listener = NotifySocket()
    told = notifier({"NOTIFY_SOCKET": listener.address})
    for _ in range(12):  # Linux queues ten datagrams
        told._send("x" * 1000)
    assert 0 < len(listener.read()) < 12
    listener.close()


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "300000000"}, 300.0),
        ({"WATCHDOG_USEC": "300000000", "WATCHDOG_PID": str(os.getpid())}, 300.0),
        ({"WATCHDOG_USEC": "300000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_interval(environ: dict[str, str], seconds: float | None) -> None:
    assert notifier(environ) == Notifier("", seconds)
