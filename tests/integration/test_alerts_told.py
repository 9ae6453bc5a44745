"""Alerts that nobody took are no secret of the ledger's: commands and status say so."""

from __future__ import annotations

import json
import socket

from archiver.demo.deliveries import SigningKey
from tests.support.cli import Home


def test_a_command_and_status_say_what_was_not_delivered(home: Home, key: SigningKey) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"json://someone:secret-word@127.0.0.1:{closed.getsockname()[1]}/hook"
        home.configure(home.folder_source(), notify={"urls": [address]})
        home.deliver(key)
        synced = home.run("sync", "--json")
    assert synced.json["indeterminate"] == 1
    said = "1 alert could not be delivered to urls[0] json://127.0.0.1; they are tried again"
    assert said in synced.stderr
    status = home.run("status", "--json", status=0).json["alerts"]
    assert (status["undelivered"], status["refused"]) == (1, ["urls[0] json://127.0.0.1"])
    ((created,),) = home.ledger.query("SELECT created_at FROM alerts")
    assert str(created).startswith(str(status["oldest"]).removesuffix("Z").partition(".")[0])
    text = home.run("status", status=0).stdout
    assert "1 NOT DELIVERED; the oldest of 20" in text
    assert "secret-word" not in synced.stderr + text


def test_a_dead_address_costs_one_event_for_all_that_wait(home: Home, key: SigningKey) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"json://127.0.0.1:{closed.getsockname()[1]}/hook"
        home.configure(home.folder_source(), notify={"urls": [address]})
        for _ in range(5):
            home.deliver(key)
        home.run("sync", status=3)
    assert home.run("status", "--json", status=0).json["alerts"]["undelivered"] == 5
    assert home.kinds().count("alerts_refused") == 1
    ((body,),) = home.ledger.query("SELECT body FROM custody_events WHERE kind = 'alerts_refused'")
    assert len(json.loads(str(body))["alerts"]) == 5
    home.ledger.forge("UPDATE alerts SET next_try_at = created_at")
    home.write(home.folder_source(), notify={"urls": []})
    home.run("sync")
    assert home.run("status", "--json", status=0).json["alerts"]["undelivered"] == 0, "none is lost"
    assert home.kinds().count("alert_told") == 5


def test_status_says_that_all_is_delivered(home: Home) -> None:
    home.configure(home.folder_source())
    assert home.run("status", "--json", status=0).json["alerts"] == {"undelivered": 0, "oldest": None, "refused": []}
    assert "all delivered" in home.run("status", status=0).stdout
