"""``[anchors]``: what is taken, what is refused and how it is named."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from archiver.errors import SettingsError
from archiver.settings import Settings, changed_sections, load_settings, parse_settings

FILE = Path("archiver.toml")


def vkey(name: str = "witness.example.com/w1", kind: int = 4, seed: int = 1) -> str:
    material = bytes([kind]) + bytes([seed]) * (1312 if kind == 6 else 32)
    identity = hashlib.sha256(name.encode() + b"\n" + material).digest()[:4].hex()
    return f"{name}+{identity}+{base64.b64encode(material).decode()}"


WHOLE = f"""
[anchors]
renew_before = "30d"
[[anchors.timestamps]]
name = "one"
url = "http://timestamp.example.com/tsa"
ca_file = "/etc/archiver/one.pem"
[[anchors.timestamps]]
name = "two"
ca_file = "/etc/archiver/two.pem"
[anchors.object_lock]
url = "s3://locked-bucket/some/prefix"
region = "eu-central-1"
profile = "p"
role_arn = "arn:aws:iam::111122223333:role/archiver"
external_id = "some-long-id"
endpoint_url = "https://s3.example.com"
mode = "compliance"
retain_for = "10y"
[[anchors.witnesses]]
key = "{vkey()}"
url = "https://witness.example.com/submit"
monitoring_url = "https://witness.example.com/monitor"
[[anchors.witnesses]]
key = "{vkey("witness.example.com/w2", 6)}"
url = "http://127.0.0.1:8080"
"""


def settings(text: str, **environ: str) -> Settings:
    return parse_settings(text, FILE, environ)


def refused(text: str, **environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        settings(text, **environ)
    return str(caught.value)


def test_everything_is_read():
    anchors = settings(WHOLE).anchors
    assert anchors.renew_before == timedelta(days=30)
    assert [(one.name, one.url, one.ca_path) for one in anchors.timestamps] == [
        ("one", "http://timestamp.example.com/tsa", Path("/etc/archiver/one.pem")),
        ("two", None, Path("/etc/archiver/two.pem")),
    ]
    locked = anchors.object_lock
    assert locked is not None
    assert (locked.bucket, locked.prefix) == ("locked-bucket", "some/prefix/")
    assert (locked.mode, locked.retain_for) == ("compliance", timedelta(days=3650))
    assert [one.url for one in anchors.witnesses] == ["https://witness.example.com/submit", "http://127.0.0.1:8080"]


def test_nothing_is_needed():
    anchors = settings("").anchors
    assert (anchors.timestamps, anchors.object_lock, anchors.witnesses) == ((), None, ())
    assert anchors.renew_before == timedelta(days=90)
    locked = settings("[anchors.object_lock]\nurl = 's3://bucket'").anchors.object_lock
    assert locked is not None
    assert (locked.mode, locked.retain_for, locked.prefix) == ("governance", timedelta(days=2555), "")


STAMP = "[[anchors.timestamps]]\nname = 'a'\nca_file = '/ca.pem'\n"
LOCK = "[anchors.object_lock]\nurl = 's3://bucket'\n"
WITNESS = f"[[anchors.witnesses]]\nkey = '{vkey()}'\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[anchors]\nrenew_before = '0s'", ["[anchors] renew_before", "at least 1s"]),
        ("[anchors]\nrenew_befor = '90d'", ["[anchors] renew_befor: unknown", "did you mean renew_before?"]),
        ("[anchors.timestamps]\nname = 'a'", ["write [[anchors.timestamps]], in double brackets"]),
        ("[[anchors.timestamps]]\nname = 'a'", ["[[anchors.timestamps]] number 1: ca_file", "missing"]),
        (STAMP + STAMP, ["two [[anchors.timestamps]] are called 'a'"]),
        (STAMP + "url = 'ftp://x'", ["[[anchors.timestamps]] number 1: url", "https://host"]),
        (STAMP + "url = 'http://u:p@x'", ["number 1: url"]),
        (STAMP.replace("'a'", "'A/b'"), ["number 1: name", "a-z"]),
        (STAMP.replace("/ca.pem", "ca.pem"), ["number 1: ca_file", "absolute path"]),
        (STAMP + "ca_fil = 1", ["number 1: ca_fil: unknown", "did you mean ca_file?"]),
        ("[anchors.object_lock]\nmode = 'governance'", ["[anchors.object_lock] url is missing"]),
        ("[[anchors.object_lock]]\nurl = 's3://bucket'", ["[anchors] object_lock: a table of keys"]),
        ("[anchors.object_lock]\nurl = 'file:///x'", ["[anchors.object_lock] url", "s3://bucket/prefix"]),
        (LOCK + "mode = 'none'", ["[anchors.object_lock] mode", "governance"]),
        (LOCK + "retain_for = '0d'", ["[anchors.object_lock] retain_for", "at least 1s"]),
        (LOCK + "external_id = 'abc'", ["external_id goes with a role_arn"]),
        (WITNESS + WITNESS, ["the same key"]),
        (WITNESS + "url = 'http://witness.example.com'", ["number 1: url", "https:// is wanted for a witness"]),
        (WITNESS + "monitoring_url = 'http://[::2]/'", ["number 1: monitoring_url", "https://"]),
        (f"[[anchors.witnesses]]\nkey = '{vkey(kind=1)}'", ["number 1: key", "this is a log's own"]),
        ("[[anchors.witnesses]]\nkey = 'x'", ["number 1: key", "not a verifier key"]),
        (f"[[anchors.witnesses]]\nkey = '{vkey()[:-2]}A='", ["[[anchors.witnesses]] number 1: key"]),
        ("anchors = 1", ["[anchors]", "a table of keys"]),
    ],
)
def test_what_is_refused_is_named(text, told):
    said = refused(text)
    for part in told:
        assert part in said, said


def test_variables_reach_every_part():
    environ = {
        "ARCHIVER_ANCHORS__RENEW_BEFORE": "10d",
        "ARCHIVER_ANCHORS__TIMESTAMPS__0__NAME": "one",
        "ARCHIVER_ANCHORS__TIMESTAMPS__0__CA_FILE": "/one.pem",
        "ARCHIVER_ANCHORS__TIMESTAMPS__1__NAME": "two",
        "ARCHIVER_ANCHORS__TIMESTAMPS__1__CA_FILE": "/two.pem",
        "ARCHIVER_ANCHORS__OBJECT_LOCK__URL": "s3://bucket/p",
        "ARCHIVER_ANCHORS__WITNESSES__0__KEY": vkey(),
        "ARCHIVER_ANCHORS__WITNESSES__0__URL": "https://w.example.com",
    }
    anchors = settings("", **environ).anchors
    assert anchors.renew_before == timedelta(days=10)
    assert [one.name for one in anchors.timestamps] == ["one", "two"]
    assert anchors.object_lock is not None
    assert [one.url for one in anchors.witnesses] == ["https://w.example.com"]
    over = settings(WHOLE, ARCHIVER_ANCHORS__TIMESTAMPS__1__URL="https://two.example.com")
    assert [one.url for one in over.anchors.timestamps][1] == "https://two.example.com"


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("ARCHIVER_ANCHORS__TIMESTAMPS__5__NAME", "x", "there are 2 timestamps; the next one is number 2"),
        ("ARCHIVER_ANCHORS__TIMESTAMPS__0__NAM", "x", "known are ARCHIVER_ANCHORS__TIMESTAMPS__0__NAME"),
        ("ARCHIVER_ANCHORS__WITNESS__0__KEY", "x", "did you mean ARCHIVER_ANCHORS__WITNESSES?"),
        ("ARCHIVER_ANCHORS__OBJECT_LOCK__MODE", "none", "ARCHIVER_ANCHORS__OBJECT_LOCK__MODE: "),
    ],
)
def test_variables_that_are_wrong_are_named(variable, value, told):
    assert told in refused(WHOLE, **{variable: value})


def test_a_change_is_a_change_of_the_section():
    before, after = settings(WHOLE), settings(WHOLE.replace("10y", "11y"))
    assert changed_sections(before, after) == ["anchors"]
    assert before.fingerprint() != after.fingerprint()
    assert settings(WHOLE).fingerprint() == before.fingerprint()


def test_the_environment_alone_is_enough(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environ = {
        "ARCHIVER_LEDGER__URL": f"sqlite:///{tmp_path}/ledger.db",
        "ARCHIVER_ARCHIVE__URL": f"file://{tmp_path}/archive",
        "ARCHIVER_ANCHORS__OBJECT_LOCK__URL": "s3://bucket/p",
    }
    locked = load_settings(None, environ).anchors.object_lock
    assert locked is not None
    assert locked.url == "s3://bucket/p"
