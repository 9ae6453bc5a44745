"""What ``report`` never replaces, and what it says where the log cannot be gone on with."""

from __future__ import annotations

from pathlib import Path

import pytest

from archiver.demo.deliveries import SigningKey
from tests.support.cli import Home


@pytest.mark.parametrize(
    "name", ["ledger.db", "ledger.db-wal", "custody-key", "custody-key.last-head", "archiver.toml"]
)
def test_no_file_of_the_program_is_replaced(home: Home, key: SigningKey, name: str) -> None:
    home.configure(home.folder_source())
    home.deliver(key)
    home.run("sync")
    target = home.root / name
    before = target.read_bytes() if target.exists() else None
    ran = home.run("report", "--all", "--out", target, "--format", "html", "--force", status=2)
    assert "belongs to the program" in ran.stderr
    assert (target.read_bytes() if target.exists() else None) == before


def test_the_key_that_signs_the_report_is_not_replaced(home: Home, key: SigningKey, tmp_path: Path) -> None:
    home.configure(home.folder_source())
    own = tmp_path / "k.pem"
    own.write_text("no key at all")
    ran = home.run("report", "--all", "--out", own, "--format", "pdf", "--sign", own, "--force", status=2)
    assert own.read_text() == "no key at all"
    assert "Traceback" not in ran.stderr


def test_a_fork_stands_in_the_report(home: Home, key: SigningKey) -> None:
    home.configure(home.folder_source())
    home.deliver(key)
    home.run("keys", "import", home.list_keys(key))
    home.run("sync")
    (home.archive / "log/checkpoint").unlink()
    out = home.root / "report.html"
    ran = home.run("report", "--all", "--out", out, status=1)
    assert "contradict each other" in ran.stderr
    assert "Ledger and published log contradict each other" in out.read_text()
