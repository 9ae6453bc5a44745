"""What commands say when ledger or key are gone, damaged or open to others: where to go from there."""

from __future__ import annotations

import pytest

from archiver.custody_key import create
from archiver.demo.deliveries import SigningKey
from tests.support.cli import Home, files_below

REBUILD = "archiver ledger rebuild (docs/runbook.md: The ledger is lost or damaged)"
READING = (
    ("status",),
    ("list",),
    ("show", "ab"),
    ("report", "--all", "--out", "report.html"),
    ("ledger", "prove", "ab", "--out", "proof.json"),
    ("ledger", "checkpoint"),
    ("audit",),
    ("doctor",),
)
"""Commands that need a ledger."""


def doctor(home: Home, check: str) -> dict[str, str]:
    checks = home.run("doctor", "--json").json["checks"]
    return next(dict(one) for one in checks if one["id"] == check)


def lose(home: Home) -> None:
    for path in home.root.glob("ledger.db*"):
        if path.is_file():
            path.unlink()


# ------------------------------------------------------------------------------------------- the key


def test_a_key_that_is_there_is_not_lost(home: Home) -> None:
    home.configure()
    kinds, before = home.kinds(), files_below(home.root)
    ran = home.run("ledger", "rotate-key", "--to", home.root / "new/deep/key", "--lost", status=2)
    assert "it is not lost" in ran.stderr
    assert "without --lost" in ran.stderr
    assert home.kinds() == kinds
    after = files_below(home.root)
    assert {path for path in after if not path.startswith("ledger.db")} == {
        path for path in before if not path.startswith("ledger.db")
    }
    assert not (home.root / "new").exists()


@pytest.mark.parametrize("trouble", ["key", "head", "origin", "ledger"])
def test_a_refused_change_of_keys_leaves_nothing_behind(home: Home, trouble: str) -> None:
    home.configure()
    if trouble == "key":
        (home.root / "custody-key").unlink()
    elif trouble == "head":
        (home.archive / "log/checkpoint").unlink()
    elif trouble == "origin":
        home.environ["ARCHIVER_CUSTODY__ORIGIN"] = "other.example/log"
    else:
        home.ledger.forge("UPDATE custody_events SET body = body || ' ' WHERE seq = 0")
        home.ledger.forge("DELETE FROM merkle_nodes WHERE seq = 0")
    for place in (home.root / "new/deep/key", home.root / "key"):
        assert home.run("ledger", "rotate-key", "--to", place).status in (1, 3)
        assert not place.exists()
    assert not (home.root / "new").exists()


def test_a_change_that_fails_on_its_way_takes_the_new_key_away(home: Home) -> None:
    """Nothing can be published: the log folder is in the way, which shows when it is written."""
    home.configure()
    (home.archive / ".staging").rmdir()
    (home.archive / ".staging").write_bytes(b"")
    ran = home.run("ledger", "rotate-key", "--to", home.root / "new/key")
    assert ran.status in (3, 4), str(ran)
    assert not (home.root / "new").exists()


def test_a_missing_key_is_to_be_put_back_first(home: Home, key: SigningKey) -> None:
    home.configure(home.folder_source())
    (home.root / "custody-key").rename(home.root / "copy")
    home.run("keys", "import", home.list_keys(key), status=0)
    for said in (
        home.run("ledger", "checkpoint", status=3).stderr,
        home.run("ledger", "rotate-key", "--to", home.root / "new", status=3).stderr,
        doctor(home, "custody_key")["remedy"],
    ):
        assert "put the key back from a copy; where it is lost for good:" in said
        assert "archiver ledger rotate-key --to PLACE --lost" in said
        assert "doctor" not in said, "a circle"


def test_upgrade_does_not_say_that_a_missing_key_is_there(home: Home) -> None:
    home.configure()
    told = home.run("ledger", "upgrade", "--json", status=0).json
    assert told == {"made": [], "signing_key": "there"}
    (home.root / "custody-key").unlink()
    ran = home.run("ledger", "upgrade", status=3)
    assert "nothing to do" not in ran.stdout
    assert "the signing key is MISSING" in ran.stdout
    assert "put it back from a copy" in ran.stderr
    assert "No other was made in its place" in ran.stderr
    assert home.run("ledger", "upgrade", "--json", status=3).json["signing_key"] == "missing"
    assert not (home.root / "custody-key").exists()


def test_a_change_of_keys_as_json(home: Home) -> None:
    home.configure()
    told = home.run("ledger", "rotate-key", "--to", home.root / "second", "--json", status=0).json
    assert told["key"] in (home.archive / "log/vkeys").read_text()
    assert (told["made"], told["key_made"], told["trusted_keys"]) == (True, True, [])
    assert told["signing_key"] == str(home.root / "second")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_that_others_can_open_signs_nothing(home: Home, key: SigningKey, mode: int) -> None:
    home.configure(home.folder_source())
    path = home.root / "custody-key"
    path.chmod(mode)
    ran = home.run("ledger", "checkpoint", "--force", status=3)
    assert f"chmod 600 {path}" in ran.stderr
    assert not (home.archive / "log/.unfinished").exists(), "nothing was begun"
    assert "no checkpoint was signed" in home.run("keys", "import", home.list_keys(key), status=0).stderr
    assert doctor(home, "custody_key")["status"] == "fail"
    home.run("ledger", "verify", status=0)
    open_key = home.root / "open-key"
    create(open_key)
    open_key.chmod(mode)
    path.chmod(0o600)
    assert f"chmod 600 {open_key}" in home.run("ledger", "rotate-key", "--to", open_key, status=3).stderr
    home.run("ledger", "checkpoint", "--force", status=0)


def test_a_credential_is_as_open_as_systemd_makes_it(home: Home) -> None:
    folder = home.root / "credentials"
    folder.mkdir()
    create(folder / "key")
    (folder / "key").chmod(0o440)
    home.environ["CREDENTIALS_DIRECTORY"] = str(folder)
    home.write(custody={"signing_key": "credential:key"})
    home.run("ledger", "upgrade", status=0)
    home.run("ledger", "checkpoint", "--force", status=0)


def test_a_changed_origin_is_told_as_what_it_is(home: Home) -> None:
    home.configure()
    home.environ["ARCHIVER_CUSTODY__ORIGIN"] = "other.example/log"
    check = doctor(home, "custody_key")
    assert "[custody] origin is 'other.example/log'" in check["detail"]
    assert "set origin back to 'example.com/custody'" in check["remedy"]


def test_init_says_what_is_to_be_kept(home: Home) -> None:
    said = home.run("init", status=0).stdout
    assert "permanent" in said
    assert f"a copy of {home.root}/custody-key off this host" in said


# ---------------------------------------------------------------------------------------- the ledger


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_ledger_that_is_gone_is_to_be_rebuilt(home: Home, command: tuple[str, ...]) -> None:
    home.configure()
    lose(home)
    ran = home.run(*command)
    assert ran.status == (3 if command == ("doctor",) else 2), str(ran)
    assert REBUILD in ran.stdout + ran.stderr
    assert "ledger upgrade" not in ran.stdout + ran.stderr
    (home.archive / "log/checkpoint").unlink()
    ran = home.run(*command)
    assert REBUILD in ran.stdout + ran.stderr, "earlier heads tell that there was one"


def test_where_nothing_was_ever_published_a_ledger_is_to_be_made(home: Home) -> None:
    home.write()
    assert "archiver ledger upgrade" in home.run("status", status=2).stderr


@pytest.mark.parametrize("damage", ["header", "truncated", "one page", "cut short"])
@pytest.mark.parametrize("command", [("status",), ("ledger", "checkpoint", "--force"), ("doctor",)], ids=" ".join)
def test_a_damaged_ledger_is_kept_and_rebuilt(home: Home, command: tuple[str, ...], damage: str) -> None:
    home.configure()
    file = home.ledger.file
    for path in home.root.glob("ledger.db-*"):
        path.unlink()
    whole = file.read_bytes()
    made = {
        "header": b"\xff" * 100 + whole[100:],
        "truncated": whole[: len(whole) // 2],
        "one page": whole[:4096],
        "cut short": whole[:50],
    }
    file.write_bytes(made[damage])
    ran = home.run(*command)
    assert ran.status == (3 if command == ("doctor",) else 4), str(ran)
    assert "damaged" in ran.stdout + ran.stderr
    assert REBUILD in ran.stdout + ran.stderr
    assert "keep the file" in ran.stdout + ran.stderr
    assert file.read_bytes() == made[damage]


def test_postgresql_without_its_tables_is_a_ledger_that_is_gone(home: Home, new_postgres) -> None:  # type: ignore[no-untyped-def]
    home.ledger_url = new_postgres()
    home.configure()
    with home.ledger.raw() as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    assert REBUILD in home.run("status", status=2).stderr


def test_a_row_of_keys_that_cannot_be_read_is_named_and_hides_nothing_else(home: Home, key: SigningKey) -> None:
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    home.deliver(key)
    home.run("sync", status=0)
    home.ledger.forge("UPDATE log_keys SET key = x'00ff'")
    ((seq,),) = home.ledger.query("SELECT seq FROM log_keys")
    told = f"the row {seq} of table log_keys cannot be read: no text where there must be one"
    said = home.run("status", status=0).stdout
    assert told in said
    assert "docs/runbook.md: The ledger is lost or damaged" in said
    assert "1 verified" in said
    home.run("report", "--all", "--out", home.root / "report.json")
    assert told in (home.root / "report.json").read_text()
    ran = home.run("ledger", "checkpoint", "--force", status=4)
    assert told in ran.stderr
    assert REBUILD in ran.stderr


def test_a_row_with_the_last_number_there_is_has_a_way_out(home: Home, key: SigningKey) -> None:
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    home.deliver(key)
    home.ledger.forge(
        "INSERT INTO custody_events SELECT 9223372036854775807, at, kind, evidence_id, body FROM custody_events"
        " WHERE seq = 0"
    )
    for command in (("audit",), ("sync",), ("ledger", "checkpoint", "--force"), ("ledger", "upgrade")):
        ran = home.run(*command)
        assert ran.status == 1, str(ran)
        assert "unexpected" not in ran.stderr
    assert "row 9223372036854775807 stands in custody_events" in home.run("audit").stderr
    assert REBUILD in home.run("audit").stderr
    assert home.run("doctor").status == 3
    (home.root / "broken").mkdir()
    for path in home.root.glob("ledger.db*"):
        if path.is_file():
            path.rename(home.root / "broken" / path.name)
    home.run("ledger", "rebuild", status=0)
    home.run("sync", status=0)
    home.run("ledger", "verify", status=0)


def test_help_tells_each_status_once(home: Home) -> None:
    said = home.run("--help", status=0).stdout
    told = [line.split()[0] for line in said.split("Exit status:")[1].splitlines() if line.strip()[:1].isdigit()]
    assert told == ["0", "1", "2", "3", "4", "130", "141"]
    for command in ("rotate-key", "upgrade", "checkpoint", "rebuild"):
        said = home.run("ledger", command, "--help", status=0).stdout
        assert "Exit status: 0" in said
        assert "--json" in said
