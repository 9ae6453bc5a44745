"""Go judges what the command line publishes and proves: the archive's log folder, the files of ``ledger prove``."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from archiver.log.tiles import checkpoint_path
from tests.interop.conftest import Answer, Judge
from tests.support.cli import Home, files_below

pytestmark = pytest.mark.thorough

LONG = 300
"""Files of a delivery whose event is longer than an entry may be."""


@pytest.fixture
def filled(home: Home, key) -> Home:
    """An archive with three items, one of them of many files, and two heads or more of its log."""
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    for files in (1, 2):
        home.deliver(key, files=files)
    home.run("sync", status=0)
    home.run("ledger", "checkpoint", status=0)
    home.deliver(key, files=LONG, rows=1)
    home.run("sync", status=0)
    home.run("ledger", "checkpoint", status=0)
    return home


def log_of(home: Home) -> Path:
    return home.archive / "log"


def keys_of(home: Home) -> list[str]:
    return (log_of(home) / "vkeys").read_text("utf-8").splitlines()


def judged(judge: Judge, home: Home) -> Answer:
    return judge.ask("folder", *keys_of(home), folder=log_of(home))


def heads(home: Home) -> list[int]:
    """Sizes of the published heads."""
    return [int(path.name) for path in sorted((log_of(home) / "checkpoints").iterdir())]


def test_the_log_folder_is_one_tree_with_every_event_in_it(judge: Judge, filled: Home):
    answer = judged(judge, filled)
    assert answer.ok, answer
    assert answer.size == heads(filled)[-1]
    assert filled.ledger.query("SELECT count(*) FROM custody_events") == [(answer.size,)]
    assert len(list((log_of(filled) / "bodies").iterdir())) == 1


def test_the_log_folder_with_a_bit_changed_is_refused(judge: Judge, filled: Home):
    log, keys = log_of(filled), keys_of(filled)
    for path, data in files_below(log).items():
        file = log / path
        file.chmod(0o600)
        for place in sorted({0, len(data) // 3, len(data) - 1}):
            file.write_bytes(data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :])
            assert not judge.ask("folder", *keys, folder=log).ok, (path, place)
        file.unlink()
        assert path.startswith("checkpoints/") or not judge.ask("folder", *keys, folder=log).ok, path
        file.write_bytes(data)
    assert judge.ask("folder", *keys, folder=log).ok


def test_it_goes_on_under_a_second_key(judge: Judge, filled: Home):
    before = heads(filled)[-1]
    filled.run("ledger", "rotate-key", "--to", filled.root / "second-key", status=0)
    filled.write(filled.folder_source(), custody={"signing_key": str(filled.root / "second-key")})
    filled.run("audit", "--all", status=0)
    filled.run("ledger", "checkpoint", status=0)
    first, second = keys_of(filled)
    answer = judged(judge, filled)
    assert answer.ok, answer
    assert answer.size > before
    signed = {size: (log_of(filled) / checkpoint_path(size)).read_bytes() for size in heads(filled)}
    for size, note in signed.items():
        by_first, by_second = (judge.ask("checkpoint", one, note=note).ok for one in (first, second))
        assert by_first is (size <= min(one for one in signed if one > before))
        assert by_second is (size > before)


def test_proofs_of_an_items_events_hold(judge: Judge, filled: Home):
    for (identity,) in filled.ledger.query("SELECT id FROM evidence ORDER BY id"):
        folder = filled.root / f"proof-{identity}"
        filled.run("ledger", "prove", identity, "--dir", folder, status=0)
        proofs = sorted(folder.glob("*.tlog-proof"))
        assert len(proofs) == 2
        for path in proofs:
            proof, leaf = path.read_bytes(), path.with_suffix(".json").read_bytes()
            answer = judge.ask("inclusion", *keys_of(filled), proof=proof, leaf=leaf)
            assert (answer.ok, answer.size) == (True, heads(filled)[-1]), answer
            assert not judge.ask("inclusion", *keys_of(filled), proof=proof, leaf=leaf + b" ").ok


def test_proofs_that_the_log_only_grew_hold(judge: Judge, filled: Home):
    old, *_, new = heads(filled)
    out = filled.root / "grown.json"
    filled.run("ledger", "prove", "--consistency", old, new, "--out", out, status=0)
    told = json.loads(out.read_bytes())
    path = [base64.b64decode(one) for one in told["earlier"]["consistency"]]
    assert path
    given = {"old": told["earlier"]["checkpoint"], "new": told["checkpoint"], "path": path}
    answer = judge.ask("consistency", *keys_of(filled), **given)
    assert (answer.ok, answer.size) == (True, new), answer
    assert not judge.ask("consistency", *keys_of(filled), **{**given, "path": path[::-1] + path}).ok
