"""A process beside this one that answers questions, and never outlives who asks: both ends of it.

Questions go to its standard input, answers come from its standard output: pickled, for both are this very program.
When its input closes, whoever asked is gone, and so is the process, whatever it was at.
"""

from __future__ import annotations

import gc
import io
import itertools
import json
import operator
import os
import pickle
import queue
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from typing import Any, BinaryIO, Final

from archiver.errors import HelperLostError, StoppedError

_BOOT: Final = (
    "import json, sys; given = json.loads(sys.stdin.buffer.readline()); sys.path[:] = given.pop('path');"
    "from archiver.{module} import main; main(**given)"
)
"""The path is handed on, so that a process runs the very same program; what is given may hold a password."""

_LENGTH_BYTES: Final = 8
_MOST_BYTES: Final = 1 << 28
"""Of an answer: more is something that was printed, or nonsense."""

_READ_BYTES: Final = 1 << 20
_LOOK_MS: Final = 100
"""How often somebody who waits for an answer looks whether to stop."""

_GARBAGE_EVERY: Final = 100
"""Answers after which memory is looked through for what goes in circles."""

_SECONDS_TO_END: Final = 2


class HelperProcess:
    """``audit_ports.Helper``. For one thread at a time."""

    def __init__(self, module: str, given: Mapping[str, Any], stopping: threading.Event) -> None:
        """Starts ``archiver.<module>.main(**given)``, which :func:`serve`\\ s. Raises HelperLostError.

        ``-I``: nothing of the folder that one happens to be in is run. A session of its own: Ctrl-C is not for it.
        """
        self._stopping = stopping
        self._ready = False
        self._pending = bytearray()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _BOOT.format(module=module)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise HelperLostError(f"no other process can be started: {error.strerror}") from error
        if self._process.stdin is None or self._process.stdout is None:
            raise HelperLostError("no other process can be talked to")
        self._in, self._out = self._process.stdin, self._process.stdout.fileno()
        with suppress(HelperLostError):  # told of when it is asked
            self._send(json.dumps({"path": sys.path, **given}).encode("ascii") + b"\n")

    def is_ready(self) -> bool:
        """See ``audit_ports.Helper``."""
        if not self._ready and self._can_be_read(0):
            self._ready = self._receive() is None
        return self._ready

    def ask(self, question: object) -> Any:
        """See ``audit_ports.Helper``."""
        self._send(_framed(question))
        return self._receive()

    def close(self) -> None:
        """See ``audit_ports.Helper``."""
        self._process.terminate()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        try:
            self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, data: bytes) -> None:
        try:
            self._in.write(data)
            self._in.flush()
        except OSError as error:
            raise HelperLostError(f"process {self._process.pid} takes no question any more") from error

    def _receive(self) -> Any:
        size = int.from_bytes(self._read(_LENGTH_BYTES), "big")
        if size > _MOST_BYTES:
            raise HelperLostError(f"process {self._process.pid} says what is no answer")
        try:
            answer = pickle.loads(self._read(size))  # noqa: S301 - of a process of our own
        except (HelperLostError, StoppedError):
            raise
        except Exception as error:
            raise HelperLostError(f"process {self._process.pid} gave what is no answer: {error}") from error
        if isinstance(answer, _Failed):
            raise HelperLostError(f"process {self._process.pid} cannot answer: {answer.why}")
        return answer

    def _read(self, size: int) -> bytes:
        while len(self._pending) < size:
            if self._stopping.wait(0):  # which is no sign of life of whoever waits here
                raise StoppedError("stopped while another process was at it")
            if not self._can_be_read(_LOOK_MS):
                continue
            part = os.read(self._out, _READ_BYTES)
            if not part:
                raise HelperLostError(f"process {self._process.pid} has ended, with status {self._process.wait()}")
            self._pending += part
        taken = bytes(self._pending[:size])
        del self._pending[:size]
        return taken

    def _can_be_read(self, within_ms: int) -> bool:
        poll = select.poll()
        poll.register(self._out, select.POLLIN)
        return bool(self._pending) or bool(poll.poll(within_ms))


class _Failed:
    """An answer that could not be given."""

    def __init__(self, why: str) -> None:
        self.why = why


class _Pickler(pickle.Pickler):
    """Takes dataclasses apart by their fields and has them made anew: their own way takes three times as long."""

    def reducer_override(self, value: Any) -> Any:
        """See ``pickle``."""
        kind = type(value)
        if kind not in _FIELDS:
            made_of = fields(kind) if is_dataclass(kind) else ()
            names = [field.name for field in made_of if field.init and not field.kw_only]
            whole = made_of and len(names) == len(made_of)
            _FIELDS[kind] = _parts_of(names) if whole else None
        parts = _FIELDS[kind]
        return NotImplemented if parts is None else (kind, parts(value))


_FIELDS: Final[dict[type, Callable[[Any], tuple[Any, ...]] | None]] = {}


def _parts_of(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) == 1:
        return lambda value: (getattr(value, names[0]),)
    return operator.attrgetter(*names)


def _framed(value: object) -> bytes:
    data = io.BytesIO()
    data.write(bytes(_LENGTH_BYTES))
    _Pickler(data, pickle.HIGHEST_PROTOCOL).dump(value)
    framed = data.getbuffer()
    framed[:_LENGTH_BYTES] = (len(framed) - _LENGTH_BYTES).to_bytes(_LENGTH_BYTES, "big")
    return bytes(framed)


def serve(answer: Callable[[Any], object]) -> None:
    """Answers questions until there is nobody any more who asks; then the process ends."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that is printed by chance comes between answers
    questions: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, questions), daemon=True).start()
    gc.disable()  # little here goes in circles, and looking for what does takes a tenth of the time
    gc.freeze()
    value: object = None
    for number in itertools.count(1):
        if number % _GARBAGE_EVERY == 0:
            gc.collect()
        out.write(_framed(value))
        out.flush()
        question = pickle.loads(questions.get())  # noqa: S301 - of the process that started this one
        try:
            value = answer(question)
        except Exception as error:
            value = _Failed(f"{type(error).__name__}: {error}")


def _listen(source: BinaryIO, questions: queue.SimpleQueue[bytes]) -> None:
    """Takes questions; ends the process where there is nobody any more who asks."""
    while size := source.read(_LENGTH_BYTES):
        questions.put(source.read(int.from_bytes(size, "big")))
    os._exit(1)
