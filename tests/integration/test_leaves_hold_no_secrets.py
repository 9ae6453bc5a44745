"""Custody events become leaves that nobody can erase: no secret that the program was ever told is in one."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.daemon import Receiver, Site

SECRETS = {
    "the ledger password": "ledger-s3cret",
    "the password of an address": "secret-word",
    "a token in an address": "header-t0ken",
    "the password of another address": "other-s3cret",
    "the token of an address that cannot be used": "nonsense-t0ken",
    "a password in a file that is no TOML": "broken-s3cret",
    "an endpoint password": "endpoint-s3cret",
    "an AWS access key": "AKIAPLANTEDKEYSECRET",
    "an AWS secret key": "aws-s3cret",
    "an AWS session token": "session-t0ken",
    "a role external ID": "external-s3cret",
}

EXTERNAL_ID, ENDPOINT = SECRETS["a role external ID"], SECRETS["an endpoint password"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def site(tmp_path: Path, new_postgres: Callable[[], str]) -> Iterator[Site]:
    """A folder with deliveries and a bucket that is not there, in a ledger on PostgreSQL: secrets everywhere."""
    with_password = sa.make_url(new_postgres()).set(password=SECRETS["the ledger password"])
    made = Site(tmp_path, with_password.render_as_string(hide_password=False))
    made.source_lines += "\n".join(
        [
            "",
            "[[sources]]",
            'name = "away"',
            'url = "s3://some-bucket"',
            'region = "us-east-1"',
            'role_arn = "arn:aws:iam::111122223333:role/Reader"',
            f'external_id = "{EXTERNAL_ID}"',
        ]
    )
    made.environ |= {
        "AWS_ACCESS_KEY_ID": SECRETS["an AWS access key"],
        "AWS_SECRET_ACCESS_KEY": SECRETS["an AWS secret key"],
        "AWS_SESSION_TOKEN": SECRETS["an AWS session token"],
        "AWS_ENDPOINT_URL": f"http://keeper:{ENDPOINT}@127.0.0.1:1",
    }
    yield made
    made.close()


@pytest.mark.thorough
def test_no_event_holds_a_secret_of_the_configuration_or_the_environment(site: Site, receiver: Receiver) -> None:
    address = f"{receiver.url}?+X-Token={SECRETS['a token in an address']}"
    assert SECRETS["the password of an address"] in address
    site.write(notify=f'urls = ["{address}"]', schedule='sync_every = "1s"')
    site.prepare()
    site.deliver(damaged=True)
    receiver.status = 500
    daemon = site.start().until_ready()
    wanted = {"source_failed", "source_synced", "evidence_acquired", "alert_raised", "alerts_refused"}
    daemon.until(lambda: wanted <= set(site.kinds()))

    other = address.replace("secret-word", SECRETS["the password of another address"])
    site.write(notify=f'urls = ["{address}", "{other}"]')
    daemon.signal(signal.SIGHUP)
    daemon.until(lambda: "configuration_changed" in site.kinds())

    token, password = (
        SECRETS["the token of an address that cannot be used"],
        SECRETS["a password in a file that is no TOML"],
    )
    wrong = (f'urls = ["nonsense://{token}"]', f'urls = ["json://someone:{password}@host')
    for unusable, lines in enumerate(wrong, 1):
        site.write(notify=lines)
        daemon.signal(signal.SIGHUP)
        daemon.until_logged("the new configuration cannot be used; the old one stays", times=unusable)
    assert daemon.stop() == 0

    bodies = "\n".join(body for (body,) in site.query("SELECT body FROM custody_events ORDER BY seq"))
    assert "http://127.0.0.1:1/" in bodies, "which endpoint did not answer is told"
    assert "urls[0] json://127.0.0.1" in bodies, "and which address did not take it"
    assert "the new configuration cannot be used" in bodies
    held = [what for what, secret in SECRETS.items() if secret in bodies]
    assert held == []
