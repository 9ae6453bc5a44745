"""Alerts through apprise to a real HTTP receiver; and that no secret of an address is ever said."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from archiver.adapters.notify import AppriseMessenger
from archiver.errors import SettingsError, UsageError
from tests.support.daemon import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def test_a_message_arrives_with_what_does_not_print_escaped(receiver: Receiver) -> None:
    messenger = AppriseMessenger([receiver.url])
    assert messenger.send("failed: hash_mismatch\x1b[2J", "first line\nsecond\u202eline\r") == []
    (message,) = receiver.received
    assert message["title"] == "failed: hash_mismatch\\x1b[2J"
    assert message["message"] == "first line\nsecond\\u202eline\\r"


def test_only_those_that_refuse_are_answered_without_their_secrets(receiver: Receiver) -> None:
    refusing = Receiver()
    refusing.status = 500
    messenger = AppriseMessenger([receiver.url, refusing.url])
    assert list(messenger.send("title", "text")) == ["urls[1] json://127.0.0.1"]
    assert len(receiver.received) == 1
    assert refusing.attempts == 1
    assert list(messenger.send("title", "text", only=["urls[1] json://127.0.0.1"])) == ["urls[1] json://127.0.0.1"]
    assert len(receiver.received) == 1, "who took it does not get it again"
    assert refusing.attempts == 2
    refusing.close()


def test_an_unreachable_address_refuses() -> None:
    gone = Receiver()
    gone.close()
    assert list(AppriseMessenger([gone.url]).send("title", "text")) == ["urls[0] json://127.0.0.1"]


def test_nothing_of_a_url_is_logged(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    receiver.status = 403
    AppriseMessenger([receiver.url]).send("title", "text")
    with pytest.raises(SettingsError):
        AppriseMessenger(["slack://secret-word"])
    assert caplog.records == []


@pytest.mark.parametrize(
    "address",
    [
        "slack://TokenAAAAAAAA/BBBBBBBBB/CCCCCCCCCCCCCCCCCCCCCCCC/#x",
        "ntfy://SecretTopic",
        "discord://123456789012345678/abcdefghijklmnopqrstuvwxyz",
        "pover://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    ],
)
def test_services_whose_place_of_the_host_is_a_secret_are_called_by_scheme(address: str) -> None:
    ((name, _),) = AppriseMessenger([address])._targets
    assert name == f"urls[0] {address.partition(':')[0]}://…"


@pytest.mark.parametrize("address", ["nonsense://secret-word/x", "slack://", "mailto://", "json://"])
def test_an_address_that_is_none_is_told_by_its_number_and_scheme(address: str) -> None:
    with pytest.raises(SettingsError) as caught:
        AppriseMessenger(["json://127.0.0.1/x", address])
    assert f"urls[1] ({address.partition(':')[0]}://…)" in str(caught.value)
    assert "secret-word" not in f"{caught.value}{caught.value.remedy}"


def test_without_apprise_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(UsageError) as caught:
        AppriseMessenger(["json://127.0.0.1/x"])
    assert "requirements/runtime.txt" in caught.value.remedy
