"""The log's key in reports, ``status`` and proofs is the configuration's, whatever a row of the ledger says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archiver.log.item_proof import decode
from archiver.log.note import format_note, parse_key, parse_note, signature_line
from tests.support.cli import Home, Snapshot, archived_home
from tests.support.log_stand import MemorySigner

STRANGER = "NOT the configured key"


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """A delivery, archived; the ledger's head is signed."""
    made, _folders = archived_home(tmp_path_factory.mktemp("archived"), {})
    return made


@pytest.fixture
def synced(home: Home, archived: Snapshot) -> Home:
    """The same, one's own."""
    archived.restore(home)
    return home


def own(home: Home) -> str:
    return (home.archive / "log/vkeys").read_text().splitlines()[0]


def foreign(home: Home, number: int = 66) -> str:
    """A key of somebody else's, called as the log."""
    return stranger(home, number).key


def stranger(home: Home, number: int = 66) -> MemorySigner:
    """Somebody who signs with a key of their own, called as the log."""
    return MemorySigner(number, own(home).partition("+")[0])


def replace_key(home: Home, key: str) -> None:
    home.ledger.forge(f"UPDATE log_keys SET key = '{key}'")


def reported(home: Home, status: int) -> tuple[str, dict]:
    """The report as a page, and the log in the one in JSON."""
    page, data = home.root / "page.html", home.root / "data.json"
    home.run("report", "--all", "--out", page, "--force", status=status)
    home.run("report", "--all", "--out", data, "--force", status=status)
    return page.read_text(), json.loads(data.read_text())["log"]


def text_of(key: str) -> str:
    """As it stands in HTML."""
    return key.replace("+", "&#43;")


def has(page: str, key: str) -> bool:
    return key in page or text_of(key) in page


def test_a_good_log_is_shown_with_its_key_and_a_verified_head(synced):
    page, log = reported(synced, status=0)
    assert has(page, own(synced))
    assert STRANGER not in page
    assert "verified: signed with the configured key" in page
    assert (log["keys"], log["keys_not_asked"]) == ([own(synced)], None)
    assert log["ledger_keys"] == [{"key": own(synced), "standing": "configured"}]
    assert (log["checkpoint"]["verified"], log["checkpoint"]["trouble"]) == (True, None)


def test_a_report_shows_the_configured_key_and_marks_the_one_of_the_row(synced):
    evil = foreign(synced)
    replace_key(synced, evil)
    page, log = reported(synced, status=1)
    assert has(page, own(synced))
    assert page.index("NOT the configured key") < page.index("<dt>Verifier key</dt>")
    assert log["keys"] == [own(synced)]
    assert log["ledger_keys"] == [{"key": evil, "standing": "not_configured"}]
    assert log["checkpoint"]["verified"], "the head itself is as it was"
    ran = synced.run("report", "--all", "--out", "-", status=1)
    assert STRANGER in ran.stderr


def test_status_shows_the_configured_key_and_marks_the_one_of_the_row(synced):
    evil = foreign(synced)
    replace_key(synced, evil)
    told = synced.run("status", "--json", status=0).json
    assert told["ledger"]["key"] == told["custody"]["key"] == own(synced)
    assert told["ledger"]["claimed_keys"] == [{"key": evil, "standing": "not_configured"}]
    assert STRANGER in told["custody"]["trouble"]
    said = synced.run("status", status=0).stdout
    assert own(synced) in said
    assert f"{evil}, which is {STRANGER}" in said


def test_a_proof_is_refused(synced, tmp_path: Path):
    item = synced.run("list", "--json", status=0).lines[0]["id"]
    proof = decode(synced.run("ledger", "prove", item, status=0).stdout.encode())
    assert proof.keys == (own(synced),)
    replace_key(synced, foreign(synced))
    ran = synced.run("ledger", "prove", item, "--out", tmp_path / "proof.json", status=1)
    assert STRANGER in ran.stderr
    assert not (tmp_path / "proof.json").exists()
    head = synced.run("status", "--json").json["ledger"]["checkpoint_size"]
    assert synced.run("ledger", "prove", "--consistency", head, status=1).stdout == ""


def test_an_added_row_is_marked_and_an_earlier_key_is_not(synced):
    before = own(synced)
    synced.run("ledger", "rotate-key", "--to", synced.root / "second", status=0)
    synced.environ["ARCHIVER_CUSTODY__SIGNING_KEY"] = str(synced.root / "second")
    synced.run("ledger", "checkpoint", "--force", status=0)
    page, log = reported(synced, status=0)
    assert [one["standing"] for one in log["ledger_keys"]] == ["adopted", "configured"]
    assert log["keys"] == [log["ledger_keys"][1]["key"]]
    assert has(page, before)
    assert STRANGER not in page
    item = synced.run("list", "--json", status=0).lines[0]["id"]
    proof = decode(synced.run("ledger", "prove", item, status=0).stdout.encode())
    assert proof.keys == (before, log["keys"][0])
    synced.ledger.forge(f"INSERT INTO log_keys (seq, key, before, vouched) VALUES (2, '{foreign(synced)}', NULL, 0)")
    _, log = reported(synced, status=1)
    assert [one["standing"] for one in log["ledger_keys"]] == ["adopted", "not_configured", "configured"]


def test_a_head_that_another_key_signed_is_not_called_verified(synced):
    signer = stranger(synced)
    (row,) = synced.ledger.query("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1")
    text = parse_note(row[1].encode()).text
    note = format_note(text, [signature_line(parse_key(signer.key), signer.sign(text.encode()))])
    synced.ledger.forge(f"UPDATE checkpoints SET note = '{note}' WHERE size = {row[0]}")
    page, log = reported(synced, status=1)
    assert (log["checkpoint"]["verified"], log["checkpoint"]["size"]) == (False, row[0])
    assert "NOT verified: no key that the configuration names has signed it" in page
    assert "NOT verified" in synced.run("status", status=0).stdout


def test_a_head_that_the_tree_does_not_lead_to_is_not_called_verified(synced):
    (row,) = synced.ledger.query("SELECT hashes FROM merkle_nodes WHERE seq = 0")
    other = row[0].hex()[:-2] + ("00" if row[0][-1] else "01")
    synced.ledger.forge(f"UPDATE merkle_nodes SET hashes = x'{other}' WHERE seq = 0")
    size = synced.run("status", "--json").json["ledger"]["checkpoint_size"]
    if size & 1 == 0:
        synced.ledger.forge(
            f"UPDATE merkle_nodes SET hashes = substr(hashes, 1, length(hashes) - 1) || x'07' WHERE seq = {size - 1}"
        )
    _, log = reported(synced, status=1)
    assert not log["checkpoint"]["verified"]
    assert log["checkpoint"]["trouble"]


def test_where_the_key_is_not_to_be_had_that_is_said(synced):
    known = own(synced)
    (synced.root / "custody-key").unlink()
    page, log = reported(synced, status=3)
    assert "NOT verified: the ledger, or who signed its head, could not be checked" in page
    assert "All verified" not in page
    assert "could NOT be compared with the configured one" in page
    assert "verified: signed with the configured key" not in page
    assert log["keys"] == []
    assert "custody-key" in log["keys_not_asked"]
    assert log["ledger_keys"] == [{"key": known, "standing": "not_compared"}]
    assert not log["checkpoint"]["verified"]
    assert "NOT compared with the configured key" in synced.run("status", status=0).stdout
    synced.environ["ARCHIVER_CUSTODY__TRUSTED_KEYS"] = known
    page, log = reported(synced, status=0)
    assert log["ledger_keys"] == [{"key": known, "standing": "configured"}]
    assert log["checkpoint"]["verified"]


def test_nothing_of_the_row_reaches_a_terminal_unescaped(synced):
    synced.ledger.forge("UPDATE log_keys SET key = 'evil' || char(27) || '[2J' || char(27) || ']0;x' || char(7)")
    item = synced.run("list", "--json", status=0).lines[0]["id"]
    for command in (("status",), ("ledger", "prove", item), ("report", "--all", "--out", "r.html")):
        ran = synced.run(*command)
        assert "evil" in ran.stdout + ran.stderr, command
        assert not {"\x1b", "\x07"} & set(ran.stdout + ran.stderr), command
    (synced.root / "custody-key").unlink()
    said = synced.run("status", status=0).stdout
    assert "evil\\x1b[2J" in said
    assert not {"\x1b", "\x07"} & set(said)
