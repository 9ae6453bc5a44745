"""Progress: something on a terminal, nothing anywhere else."""

from __future__ import annotations

import io
import os
import pty

from archiver.render.progress import SilentProgress, TerminalProgress, progress_on


def test_silence_off_a_terminal_and_when_asked_for() -> None:
    stream = io.StringIO()
    progress = progress_on(stream)
    progress.begin("syncing")
    progress.item("a")
    progress.moved(5)
    assert isinstance(progress, SilentProgress)
    assert stream.getvalue() == ""


def test_a_terminal_shows_what_is_done_and_no_raw_names() -> None:
    main, other = pty.openpty()
    try:
        with os.fdopen(other, "w") as stream:
            assert isinstance(progress_on(stream, quiet=True), SilentProgress)
            progress = progress_on(stream)
            assert isinstance(progress, TerminalProgress)
            progress.item("before any beginning")
            progress.begin("syncing prod")
            progress.item("evil\x1b]0;title\x07 [red]name")
            progress.moved(2048)
            progress.stop()
            shown = os.read(main, 65536).decode()
    finally:
        os.close(main)
    assert "syncing prod" in shown
    assert "2.0" in shown
    assert "\\x1b]0;title\\x07 [red]name" in shown
    assert "\x1b]0;" not in shown
