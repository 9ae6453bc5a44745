"""``list``, ``show`` and ``status`` as processes, over an archive that a sync has filled."""

from __future__ import annotations

import hashlib
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archiver.domain.times import format_time
from archiver.log.note import ed25519_key
from tests.support.filled import COMPLETE, Place, fill
from tests.support.ledgers import LedgerPlace

LIST_FIELDS = {
    "id": str,
    "source": str,
    "account": str,
    "query_id": str,
    "revision": int,
    "prefix": str,
    "verdict": str,
    "reasons": list,
    "findings": list,
    "bytes": int,
    "files": int,
    "query_complete_time": (str, type(None)),
    "fingerprint": (str, type(None)),
    "acquired_at": str,
    "last_audited_at": (str, type(None)),
    "next_audit_at": str,
}
TODAY = datetime.now(UTC).date()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The archive; the last tests of the module may change it."""
    return fill(tmp_path_factory.mktemp("filled"))


def test_list_has_the_contracts_fields(place: Place) -> None:
    lines = place.lines()
    assert len(lines) == 5
    for line in lines:
        for name, kind in LIST_FIELDS.items():
            assert isinstance(line[name], kind), name  # type: ignore[arg-type]
    said = {what: (place.item(what)["verdict"], place.item(what)["reasons"]) for what in place.prefixes}
    assert said == {
        "good": ("verified", []),
        "tampered": ("failed", ["hash_mismatch"]),
        "unsigned": ("failed", ["unsigned"]),
        "keyless": ("indeterminate", ["key_unavailable"]),
        "unlisted": ("verified", []),
    }
    good = place.item("good")
    assert good["account"] == "111122223333"
    assert good["query_id"] == good["prefix"].rstrip("/").rpartition("/")[2]
    assert good["files"] == 3
    assert good["bytes"] == sum(f.stat().st_size for f in (place.folder / "in" / good["prefix"]).iterdir())
    assert good["query_complete_time"] == format_time(COMPLETE)
    assert good["fingerprint"] == place.key.public.fingerprint
    assert good["revision"] == 1
    assert place.item("unlisted")["findings"] == ["unlisted_file"]
    assert place.item("unsigned")["query_complete_time"] is None


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (("--verdict", "failed"), {"tampered", "unsigned"}),
        (("--account", "444455556666"), {"keyless"}),
        (("--source", "prod", "--verdict", "verified"), {"good", "unlisted"}),
        (("--source", "nowhere"), set()),
        (("--code", "unlisted_file"), {"unlisted"}),
        (("--since", f"{TODAY - timedelta(days=1)}"), {"good", "tampered", "unsigned", "keyless", "unlisted"}),
        (("--since", f"{TODAY + timedelta(days=2)}"), set()),
        (("--until", f"{TODAY + timedelta(days=1)}"), {"good", "tampered", "unsigned", "keyless", "unlisted"}),
        (("--until", f"{TODAY - timedelta(days=1)}T00:00:00+02:00"), set()),
    ],
)
def test_list_filters(place: Place, arguments: tuple[str, ...], found: set[str]) -> None:
    expected = {place.prefixes[what] for what in found}
    assert {line["prefix"] for line in place.lines(*arguments)} == expected


def test_list_conditions_meet_at_a_moment(place: Place) -> None:
    """since is within, until is without: together they part the list."""
    moment = place.lines()[2]["acquired_at"]
    before, after = place.lines("--until", moment), place.lines("--since", moment)
    assert [*before, *after] == place.lines()
    assert after[0]["acquired_at"] == moment


def test_list_for_people_is_aligned_and_escapes(place: Place) -> None:
    head, *rows = place.run("list").stdout.splitlines()
    assert head.split() == ["ID", "VERDICT", "SIZE", "QUERY", "COMPLETE", "QUERY", "SOURCE", "REASONS", "+FINDINGS"]
    assert len(rows) == 5
    for row, line in zip(rows, place.lines(), strict=True):
        assert row.startswith(line["id"][:12] + "  " + line["verdict"])
        assert row.index(line["query_id"]) == head.rindex("QUERY")
    assert any(row.endswith("+unlisted_file") for row in rows)


def test_list_limit_and_emptiness(place: Place) -> None:
    assert len(place.lines("--limit", "2")) == 2
    empty = place.run("list", "--source", "nowhere")
    assert empty.stdout == ""
    assert "no evidence" in empty.stderr


@pytest.mark.parametrize("wrong", ["2026-02-30", "yesterday", "2026-01-01T00:00:00", "", "9999-12-31x"])
def test_a_time_that_is_none_is_refused_by_name(place: Place, wrong: str) -> None:
    assert "--since" in place.run("list", "--since", wrong, status=2).stderr


def test_show_tells_what_is_signed_from_what_is_claimed(place: Place) -> None:
    line = place.item("good")
    shown = place.shown("good")
    assert {name: shown[name] for name in LIST_FIELDS if name != "files"} == {
        name: line[name] for name in LIST_FIELDS if name != "files"
    }
    folder = place.folder / "in" / line["prefix"]
    hashes = {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in folder.iterdir()}
    assert shown["signed"]["signature"] == "pass"
    assert shown["signed"]["hashes"] == [hashes["result_1.csv.gz"], hashes["result_2.csv.gz"]]
    facts = {fact["name"]: fact for group in shown["facts"].values() for fact in group}
    assert (facts["region"]["value"], facts["region"]["label"]) == ("us-east-1", "claimed")
    assert (facts["account"]["value"], facts["query_id"]["value"]) == (line["account"], line["query_id"])
    assert (facts["how"]["value"], facts["sql_text"]["absent"]) == ("fetched_folder", "not_read")
    files = {file["name"]: file for file in shown["files"]}
    assert {name: (file["sha256"], file["standing"]) for name, file in files.items()} == {
        "result_sign.json": (hashes["result_sign.json"], "sign_file"),
        "result_1.csv.gz": (hashes["result_1.csv.gz"], "signed"),
        "result_2.csv.gz": (hashes["result_2.csv.gz"], "signed"),
    }
    for file in files.values():
        assert hashlib.sha256((place.folder / "archive" / file["path"]).read_bytes()).hexdigest() == file["sha256"]
    key = shown["key"]
    assert (key["fingerprint"], key["sha256"]) == (place.key.public.fingerprint, place.key.public.sha256)
    assert (place.folder / "archive" / key["path"] / "public_key.der").read_bytes() == place.key.public.der
    copy = key["copies"][0]
    assert copy["valid_from"] == format_time(COMPLETE - timedelta(days=5))
    assert [p["method"] for p in copy["provenance"]] == ["import"]
    assert copy["provenance"][0]["caller"] == "operator"
    assert [(v["occasion"], v["verdict"]) for v in shown["verifications"]] == [("acquisition", "verified")]
    checks = {check["id"]: check["result"] for check in shown["verifications"][0]["checks"]}
    assert {"sign_file": "pass", "key": "pass", "signature": "pass", "files": "pass"}.items() <= checks.items()
    assert [event["kind"] for event in shown["custody"]] == ["evidence_acquired"]
    assert shown["custody"][0]["actor"]["host"]
    assert shown["ledger_disagreements"] == []


def test_show_names_what_speaks_against_an_item(place: Place) -> None:
    tampered = place.shown("tampered")
    assert [f["standing"] for f in tampered["files"]] == ["sign_file", "mismatch"]
    keyless = place.shown("keyless")
    assert keyless["key"] is None
    assert keyless["signed"] == keyless["signed"] | {"signature": "unknown", "hashes": []}
    assert [f["standing"] for f in keyless["files"]] == ["sign_file", "listed"]
    unsigned = place.shown("unsigned")
    assert unsigned["recheck"] == []
    text = place.run("show", place.item("tampered")["id"]).stdout
    assert "hash_mismatch: a file's bytes are not those that the sign file lists" in text
    assert "NOT what the sign file lists" in text


def test_show_takes_a_query_id_and_the_beginning_of_either(place: Place) -> None:
    line = place.item("unlisted")
    for name in (line["id"][:12], line["query_id"], line["query_id"][:13]):
        shown = place.run("show", name).stdout
        assert shown.startswith(line["id"])
    assert all(c.isprintable() or c == "\n" for c in shown)
    assert "a\\x1b[2J\\u202e\\n\"'&.txt" in shown


def test_show_of_nothing_or_of_several_is_a_usage_error(place: Place) -> None:
    assert "zz" in place.run("show", "zz", status=2).stderr
    assert place.run("show", "", status=2).stdout == ""


def test_the_shown_commands_repeat_the_check_with_openssl(place: Place, tmp_path: Path) -> None:
    steps = place.shown("good")["recheck"]
    script = "\n".join(line for step in steps for line in step["commands"])
    done = subprocess.run(
        ["bash", "-euc", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.splitlines()[-1] == "Verified OK", done
    assert not (tmp_path / "owned").exists()
    for step in steps:
        for expected in [word for word in step["expected"].split() if len(word) >= 32] if step["expected"] else []:
            assert expected.rstrip(",;") in done.stdout, step


def test_status_has_the_contracts_fields(place: Place) -> None:
    status = place.run("status", "--json").json
    assert status["evidence"] == {"verified": 2, "failed": 2, "indeterminate": 1}
    assert status["pending"] == 0
    assert status["bytes"] == sum(line["bytes"] for line in place.lines())
    assert status["overdue"] == 0
    assert status["oldest_audit_at"] == min(line["acquired_at"] for line in place.lines())
    assert status["last_sync_at"] >= status["oldest_audit_at"]
    app = place.app()
    events = sum(1 for _ in app.ledger.evidence.events())
    app.close()
    unsigned = {"size": events, "last_checkpoint_at": None, "checkpoint_size": None}
    assert status["ledger"] == status["ledger"] | unsigned
    own = ed25519_key("example.com/custody", bytes.fromhex(status["custody"]["public_key"]))
    assert status["ledger"]["key"] == str(own), "the configured one, before any head is signed"
    assert re.fullmatch(r"[0-9a-f]{64}", status["ledger"]["root"])
    assert [source["name"] for source in status["sources"]] == ["prod"]
    assert status["sources"][0]["failing_since"] is None
    assert len(bytes.fromhex(status["custody"]["public_key"])) == 32


def test_status_for_people(place: Place) -> None:
    text = place.run("status").stdout
    assert "2 verified, 2 failed, 1 indeterminate" in text
    assert "custody events" in text
    assert "prod: file://" in text


@pytest.mark.parametrize("command", ["list", "show", "status", "report"])
def test_help_gives_examples_and_exit_statuses(place: Place, command: str) -> None:
    text = place.run(command, "--help").stdout
    assert "Examples:" in text
    assert "Exit status:" in text


def test_an_item_that_was_made_unreadable_is_named_and_the_others_are_listed(place: Place) -> None:
    """It changes the ledger, and stands last."""
    item, rest = place.item("tampered")["id"], [line["id"] for line in place.lines()]
    rest.remove(item)
    LedgerPlace(place.settings.ledger.url.get_secret_value()).forge(
        f"UPDATE files SET size = 'x' WHERE evidence_id = '{item}'"
    )
    for command in (["list"], ["list", "--json"], ["-q", "list"]):
        ran = place.run(*command, status=1)
        assert f"{item} cannot be listed: ledger: the row {item} 0 of table files cannot be read" in ran.stderr
        assert "Traceback" not in ran.stderr
        assert all(other[:12] in ran.stdout for other in rest)
        assert item[:12] not in ran.stdout
