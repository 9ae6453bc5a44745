"""Whole processes, measured: seconds of the wall, CPU seconds, and memory of a process and all that it starts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CREDENTIALS: Final = {"AWS_ACCESS_KEY_ID": "benchmark-key", "AWS_SECRET_ACCESS_KEY": "benchmark-secret"}
ARCHIVER: Final = (sys.executable, "-m", "archiver.cli.main")
_SAMPLE_SECONDS: Final = 0.05


@dataclass(frozen=True)
class Took:
    """What a run took. ``out``: its stdout."""

    seconds: float
    cpu: float
    out: bytes


def environment() -> dict[str, str]:
    """The environment of every process: credentials of the benchmark, no configuration of anybody's."""
    nothing = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "RCLONE_CONFIG"), os.devnull)
    fixed = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_DEFAULT_REGION": "us-east-1", "NO_COLOR": "1"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ARCHIVER_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, **CREDENTIALS, **nothing, **fixed}


def run(*commands: Sequence[str], status: int = 0) -> Took:
    """Runs *commands* side by side until all have ended, each with *status*. Raises SystemExit if one has not."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        began, busy = time.perf_counter(), _children_cpu()
        running = [subprocess.Popen(c, stdout=out, stderr=errors, env=environment()) for c in commands]
        ended = [process.wait() for process in running]
        seconds, cpu = time.perf_counter() - began, _children_cpu() - busy
        out.seek(0)
        errors.seek(0)
        if any(one != status for one in ended):
            said = errors.read().decode("utf-8", "replace")[-2000:]
            raise SystemExit(f"{' '.join(commands[0])} ended with {ended}: {said}")
        return Took(seconds, cpu, out.read())


def archiver(config: Path, *arguments: str) -> Took:
    """One command of ours."""
    return run([*ARCHIVER, "--config", str(config), *arguments])


def _children_cpu() -> float:
    return sum(os.times()[2:4])


def peak_memory(command: Sequence[str], statuses: Sequence[int] = (0,)) -> int:
    """Most bytes that *command* and its children held at once, pages that they share counted once (PSS).

    Raises SystemExit where it ends with none of *statuses*.
    Sampled, which costs time: a run of which the memory is measured is not timed.
    """
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment()) as process:
        most = 0
        errors: list[bytes] = []
        reader = threading.Thread(target=lambda: errors.append(process.stderr.read() if process.stderr else b""))
        reader.start()
        while process.poll() is None:
            most = max(most, sum(map(_pss, _family(process.pid))))
            time.sleep(_SAMPLE_SECONDS)
        reader.join()
        if process.returncode not in statuses:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}: {errors[0].decode()[-2000:]}")
    return most


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        for thread in threads:
            for child in (thread / "children").read_text().split():
                yield from _family(int(child))
    except OSError:  # ended meanwhile
        return


def _pss(pid: int) -> int:
    """Proportional set size of anonymous and file pages, in bytes (proc(5), smaps_rollup)."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


@contextmanager
def s3(root: Path, latency_ms: int = 0, megabytes: int = 0) -> Iterator[str]:
    """The S3 server over *root* in a process of its own (see ``s3_server``); answers its URL."""
    command = [sys.executable, "-m", "benchmarks.s3_server", str(root), str(latency_ms), str(megabytes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as process:
        try:
            url = process.stdout.readline().decode().strip() if process.stdout else ""
            if not url:
                raise SystemExit("the S3 server did not start")
            yield url
        finally:
            process.terminate()


def config(home: Path, sources: Mapping[str, str], ledger: str = "") -> Path:
    """A configuration of an archive in *home*, with a ledger there or at the URL *ledger*.

    *sources*: name -> lines of its table.
    """
    tables = "".join(f'[[sources]]\nname = "{name}"\n{lines}\n' for name, lines in sources.items())
    path = home / "archiver.toml"
    path.write_text(
        f'[ledger]\nurl = "{ledger or f"sqlite:///{home}/ledger.db"}"\n'
        f'[archive]\nurl = "file://{home}/evidence"\nmin_free = "1MB"\n'
        f'[custody]\nsigning_key = "{home}/custody-key"\norigin = "bench.example.com/custody"\n{tables}',
        "utf-8",
    )
    return path


def initialised(home: Path, sources: Mapping[str, str], keys: Path) -> Path:
    """A new archive in *home* that holds the public keys in the file *keys*; answers its configuration."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    path = config(home, sources)
    archiver(path, "ledger", "upgrade")
    archiver(path, "keys", "import", str(keys))
    return path
