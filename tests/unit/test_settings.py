"""The configuration as a whole: where it is read from, what is refused, and what it never tells."""

from __future__ import annotations

import re
import traceback
from datetime import timedelta
from pathlib import Path

import pytest

from archiver.domain.limits import CONFIG_BYTES
from archiver.errors import SettingsError
from archiver.settings import Settings, changed_sections, load_settings, parse_settings
from archiver.settings_values import Cron

HOURLY = Cron("1 * * * *")
VKEY = "example.org/log+c867fd8e+Ac2Xe7akWuUKbDefId+7J/KVvXm35t1buxhlGirgBNuI"

FULL = """
[ledger]
url = "postgresql://archiver:geheim@db/ledger"
[archive]
url = "file:///srv/evidence"
min_free = "1GiB"
[[sources]]
name = "prod"
url = "s3://bucket/optional/prefix"
region = "us-east-1"
profile = "p"
role_arn = "arn:aws:iam::111122223333:role/archiver"
external_id = "some-long-id"
endpoint_url = "https://s3.example.com"
cloudtrail_endpoint_url = "https://cloudtrail.example.com"
accounts = ["111122223333", "4444555566667777"]
grace = "12h"
window = "3d"
[[sources]]
name = "folder"
url = "file:///srv/deliveries"
[schedule]
sync_every = { cron = "*/5 * * * mon-fri" }
audit_every = "2h"
keys_every = "6h"
checkpoint_every = "10m"
full_sync_every = "2d"
[audit]
reverify_after = "90d"
max_bytes_per_second = "200MB"
max_time = "30m"
[notify]
urls = ["slack://token-a/token-b", "mailto://u:p@example.com"]
[custody]
signing_key = "credential:custody-key"
origin = "example.org/custody"
[workers]
threads = 8
"""


def parse(text: str, **environ: str) -> Settings:
    return parse_settings(text, Path("/etc/x.toml"), environ)


def refusal(text: str, **environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        parse(text, **environ)
    assert caught.value.exit_status == 2
    return str(caught.value)


def test_every_key_is_read() -> None:
    settings = parse(FULL)
    assert settings.ledger.dsn == "postgresql://archiver:geheim@db/ledger"
    assert settings.ledger.shown_url == "postgresql://archiver@db/ledger"
    assert settings.archive.path == Path("/srv/evidence")
    assert settings.archive.min_free == 2**30
    prod, folder = settings.sources
    assert (prod.bucket, prod.prefix, prod.region) == ("bucket", "optional/prefix/", "us-east-1")
    assert prod.accounts == ("111122223333", "4444555566667777")
    assert (prod.grace, prod.window) == (timedelta(hours=12), timedelta(days=3))
    assert (folder.path, folder.grace, folder.is_s3) == (Path("/srv/deliveries"), timedelta(hours=24), False)
    assert settings.schedule.sync_every == Cron("*/5 * * * mon-fri")
    assert settings.schedule.audit_every == timedelta(hours=2)
    assert settings.audit.reverify_after == timedelta(days=90)
    assert settings.audit.max_bytes_per_second == 200_000_000
    assert settings.notify.addresses == ("slack://token-a/token-b", "mailto://u:p@example.com")
    assert settings.custody.signing_key == "credential:custody-key"
    assert settings.workers.threads == 8
    assert settings.source("folder") is folder
    assert settings.source("none") is None


def test_an_empty_file_means_the_defaults() -> None:
    settings = parse("")
    assert settings.ledger.dsn == "sqlite:////var/lib/archiver/ledger.db"
    assert settings.archive.url == "file:///var/lib/archiver/evidence"
    assert settings.schedule.sync_every == timedelta(minutes=5)
    assert settings.audit.max_time == timedelta(minutes=50)
    assert settings.audit.max_bytes_per_second is None
    assert settings.sources == ()
    assert not settings.holds_secrets


def test_settings_are_frozen() -> None:
    settings = parse("")
    with pytest.raises(ValueError, match="frozen"):
        settings.workers.threads = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("variable", "text", "look"),
    [
        ("ARCHIVER_LEDGER__URL", "sqlite:////x/l.db", lambda s: s.ledger.dsn == "sqlite:////x/l.db"),
        ("ARCHIVER_ARCHIVE__URL", "file:///x", lambda s: s.archive.url == "file:///x"),
        ("ARCHIVER_ARCHIVE__MIN_FREE", "5MB", lambda s: s.archive.min_free == 5_000_000),
        ("ARCHIVER_SCHEDULE__SYNC_EVERY", "9m", lambda s: s.schedule.sync_every == timedelta(minutes=9)),
        (
            "ARCHIVER_SCHEDULE__SYNC_EVERY",
            '{ cron = "1 * * * *" }',
            lambda s: s.schedule.sync_every == Cron("1 * * * *"),
        ),
        ("ARCHIVER_SCHEDULE__SYNC_EVERY", "1 * * * *", lambda s: s.schedule.sync_every == Cron("1 * * * *")),
        ("ARCHIVER_AUDIT__REVERIFY_AFTER", "1y", lambda s: s.audit.reverify_after == timedelta(days=365)),
        (
            "ARCHIVER_NOTIFY__URLS",
            "slack://a mailto://b",
            lambda s: s.notify.addresses == ("slack://a", "mailto://b"),
        ),
        ("ARCHIVER_NOTIFY__URLS", '["slack://a b"]', lambda s: s.notify.addresses == ("slack://a b",)),
        ("ARCHIVER_NOTIFY__URLS", "", lambda s: s.notify.addresses == ()),
        ("ARCHIVER_CUSTODY__ORIGIN", "a.example/x", lambda s: s.custody.origin == "a.example/x"),
        ("ARCHIVER_WORKERS__THREADS", "3", lambda s: s.workers.threads == 3),
        ("ARCHIVER_SOURCES__0__REGION", "eu-west-1", lambda s: s.sources[0].region == "eu-west-1"),
        ("ARCHIVER_SOURCES__0__ACCOUNTS", "999900001111", lambda s: s.sources[0].accounts == ("999900001111",)),
        ("ARCHIVER_SOURCES", '[{ name = "n", url = "file:///n" }]', lambda s: s.sources[0].name == "n"),
    ],
)
def test_a_variable_wins_over_the_file(variable: str, text: str, look: object) -> None:
    assert not look(parse(FULL))  # type: ignore[operator]
    assert look(parse(FULL, **{variable: text}))  # type: ignore[operator]


def test_a_source_may_come_from_the_environment_alone() -> None:
    environ = {
        "ARCHIVER_SOURCES__0__NAME": "a",
        "ARCHIVER_SOURCES__0__URL": "file:///a",
        "ARCHIVER_SOURCES__1__NAME": "b",
        "ARCHIVER_SOURCES__1__URL": "s3://bucket",
    }
    settings = parse("", **environ)
    assert [source.name for source in settings.sources] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[workers]\nthreds = 3", ["/etc/x.toml", "[workers] threds", "did you mean threads?"]),
        ("[worker]\nthreads = 3", ["[worker]", "unknown", "did you mean workers?"]),
        ("[web]\nlisten = '127.0.0.1:1'", ["[web]", "unknown"]),
        ("[workers]\ndask = 'tls://s:1'", ["[workers] dask", "known are threads"]),
        ("[archive]\nobject_lock = 'none'", ["[archive] object_lock", "unknown"]),
        ("[archive]\nurl = 's3://bucket/x'", ["[archive] url", "archives to folders"]),
        ("[[sources]]\nname = 'a'", ["[[sources]] number 1: url", "missing"]),
        ("[[sources]]\nname = 'a'\nurl = 'file:///a'\nregon = 'x'", ["number 1: regon", "did you mean region?"]),
        ("[sources]\nname = 'a'\nurl = 'file:///a'", ["[[sources]]", "double brackets"]),
        ("[workers]\nthreads = 257", ["[workers] threads", "256"]),
        ("[workers]\nthreads = -1", ["[workers] threads", "0"]),
        ("[schedule]\nsync_every = 300", ["[schedule] sync_every", "duration"]),
        ("workers = 3", ["[workers]", "table"]),
        ("[notify]\nurls = 'slack://a'", ["[notify] urls: should be a list, in brackets"]),
        ("[[sources]]\nname='a'\nurl='s3://bucket'\naccounts=[111122223333]", ["accounts", "quotes"]),
        ("[[sources]]\nname='a'\nurl='s3://bucket'\nregion='Virginia'", ["region", "us-east-1"]),
        ("[[sources]]\nname='a'\nurl='s3://bucket'\nrole_arn='archiver'", ["role_arn", "arn:aws:iam"]),
        ("[[sources]]\nname='a'\nurl='s3://bucket'\nexternal_id='abc'", ["external_id goes with a role_arn"]),
        ("[[sources]]\nname='a'\nurl='file:///a'\naccounts=['111122223333']", ["for buckets"]),
        ("[custody]\norigin='a b'", ["[custody] origin", "wanted"]),
        ("[custody]\nsigning_key='awskms:alias/x'", ["[custody] signing_key", "arn:aws:kms"]),
        ("[custody]\nexternal_id='abc'", ["[custody]: external_id goes with a role_arn"]),
        ("[custody]\ntrusted_keys=['a+b+c']", ["[custody] trusted_keys", "not a verifier key"]),
        (f"[custody]\ntrusted_keys=['{VKEY}']", ["[custody]: a key in trusted_keys is called 'example.org/log'"]),
        (f"[custody]\ntrusted_keys='{VKEY}'", ["[custody] trusted_keys: should be a list"]),
        ("[[sources]]\nname='a'\nurl='file:///a'\n" * 2, ["/etc/x.toml: two [[sources]] are called 'a'"]),
        ("x = ?", ["not TOML", "line 1"]),
        ("x = 1\nx = 2", ["not TOML"]),
        ("x = " + "[" * 5000, ["nested too deeply"]),
    ],
)
def test_what_is_wrong_is_named(text: str, parts: list[str]) -> None:
    message = refusal(text)
    for part in parts:
        assert part in message
    assert "\n" not in message


def test_a_key_in_kms_and_keys_that_are_trusted_besides() -> None:
    arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    read = parse_settings(
        f"[custody]\nsigning_key = 'awskms:{arn}'\norigin = 'example.org/log'\ntrusted_keys = ['{VKEY}']\n"
        "role_arn = 'arn:aws:iam::111122223333:role/custody'\nexternal_id = 'secret-word'\n",
        Path("x.toml"),
        {},
    ).custody
    assert read.is_kms
    assert read.trusted_keys == (VKEY,)
    assert not Settings().custody.is_kms


def test_a_misspelled_variable_may_be_why_there_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError) as caught:
        load_settings(None, {"ARCHIVER_CONFG": "/x.toml"})
    assert caught.value.remedy == "ARCHIVER_CONFG is set: did you mean ARCHIVER_CONFIG?"
    with pytest.raises(SettingsError) as caught:
        load_settings(None, {"ARCHIVER_AUDIT__MAX_TIME": "1h"})
    assert caught.value.remedy == "write one with: archiver init"


def test_everything_that_is_wrong_is_named_at_once() -> None:
    message = refusal("[workers]\nthreds = 3\n[audit]\nmax_time = 5", ARCHIVER_FOO="1")
    assert "threds" in message
    assert "max_time" in message
    assert "ARCHIVER_FOO" in message


@pytest.mark.parametrize(
    ("variable", "value", "part"),
    [
        ("ARCHIVER_WORKERS__THREDS", "3", "did you mean ARCHIVER_WORKERS__THREADS?"),
        ("ARCHIVER_WORKER__THREADS", "3", "did you mean ARCHIVER_WORKERS__…?"),
        ("ARCHIVER_WORKERS_THREADS", "3", "unknown"),
        ("ARCHIVER_CONFIGURATION", "x", "unknown"),
        ("ARCHIVER_CONFG", "x", "unknown (did you mean ARCHIVER_CONFIG?)"),
        ("ARCHIVER_LEDGER_URL", "x", "unknown (did you mean ARCHIVER_LEDGER__…?)"),
        ("ARCHIVER_", "x", "unknown"),
        ("ARCHIVER_WORKERS__THREADS", "many", "integer"),
        ("ARCHIVER_WORKERS__THREADS__MORE", "3", "integer"),
        ("ARCHIVER_SOURCES__5__NAME", "x", "number 0"),
        ("ARCHIVER_SOURCES__X__NAME", "x", "there are 0 sources; the next one is number 0"),
        ("ARCHIVER_SOURCES__0", "x", "ARCHIVER_SOURCES__0__URL"),
        ("ARCHIVER_NOTIFY__URLS", "[", "TOML"),
        ("ARCHIVER_LEDGER", "x", "table"),
    ],
)
def test_a_wrong_variable_is_named(variable: str, value: str, part: str) -> None:
    message = refusal("", **{variable: value})
    assert variable in message
    assert part in message


def test_a_variable_below_a_single_value() -> None:
    assert "single value" in refusal("[workers]\nthreads = 1", ARCHIVER_WORKERS__THREADS__X="1")


def test_foreign_variables_are_none_of_ours() -> None:
    assert parse("", ARCHIVERX="1", AWS_REGION="x", PATH="/bin").workers.threads == 0


@pytest.mark.parametrize("names", [("a", "a"), ("a", "b", "a")])
def test_names_of_sources_are_unique(names: tuple[str, ...]) -> None:
    text = "".join(f"[[sources]]\nname = '{name}'\nurl = 'file:///s{i}'\n" for i, name in enumerate(names))
    assert "two [[sources]] are called 'a'" in refusal(text)


@pytest.mark.parametrize(("source", "archive"), [("/a", "/a/b"), ("/a/b", "/a"), ("/a", "/a")])
def test_a_source_and_the_archive_do_not_overlap(source: str, archive: str) -> None:
    text = f"[archive]\nurl='file://{archive}'\n[[sources]]\nname='s'\nurl='file://{source}'"
    assert "within one another" in refusal(text)


def test_the_file_is_looked_for_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("archiver.toml", "env.toml", "option.toml"), 1):
        (tmp_path / name).write_text(f"[workers]\nthreads = {number}")
    environ = {"ARCHIVER_CONFIG": str(tmp_path / "env.toml")}
    assert load_settings(None, {}).workers.threads == 1
    assert load_settings(None, environ).workers.threads == 2
    assert load_settings(tmp_path / "option.toml", environ).workers.threads == 3


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "archiver.toml").write_text("")
    missing = tmp_path / "missing.toml"
    for path, environ in ((missing, {}), (None, {"ARCHIVER_CONFIG": str(missing)})):
        with pytest.raises(SettingsError, match=re.escape(str(missing))):
            load_settings(path, environ)


@pytest.mark.skipif(Path("/etc/archiver/archiver.toml").exists(), reason="a configuration is installed here")
def test_no_file_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match="no configuration") as caught:
        load_settings(None, {"ARCHIVER_WORKERS__THREADS": "3"})
    assert "archiver init" in caught.value.remedy
    environ = {"ARCHIVER_LEDGER__URL": "sqlite:////x/l.db", "ARCHIVER_ARCHIVE__URL": "file:///x/e"}
    assert load_settings(None, environ).ledger.dsn == "sqlite:////x/l.db"


def test_unreadable_files(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_bytes(b"a = '\xff'")
    with pytest.raises(SettingsError, match="not UTF-8"):
        load_settings(file, {})
    file.write_bytes(b"#" * (CONFIG_BYTES + 1))
    with pytest.raises(SettingsError, match="more than"):
        load_settings(file, {})
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path, {})


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_bytes(b"\xef\xbb\xbf[workers]\nthreads = 2")
    assert load_settings(file, {}).workers.threads == 2


SECRETS = ("geheim", "token-a", "token-b")


def test_secrets_are_never_shown() -> None:
    settings = parse(FULL)
    assert settings.holds_secrets
    for shown in (
        repr(settings),
        str(settings),
        settings.model_dump_json(),
        repr(settings.notify),
        repr(settings.ledger),
    ):
        assert not any(secret in shown for secret in SECRETS)


@pytest.mark.parametrize(
    "text",
    [
        FULL + "[oops]\n",
        FULL.replace("postgresql://", "mysql://"),
        FULL.replace('urls = ["slack://', 'urls = ["slack:'),
        FULL.replace('url = "postgresql://archiver:geheim@db/ledger"', 'url = ["geheim"]'),
        FULL.replace("threads = 8", "threads = 'token-a'"),
        FULL.replace('"slack://token-a/token-b"', "3, 'token-a'"),
        "[ledger]\nurl = 'geheim",
    ],
)
def test_refusals_tell_no_secrets(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(text)
    told = "".join(traceback.format_exception(caught.value))
    assert not any(secret in told for secret in SECRETS), told


def test_the_fingerprint_names_the_settings_and_no_secret() -> None:
    before = parse(FULL)
    assert re.fullmatch(r"[0-9a-f]{64}", before.fingerprint())
    assert parse(FULL + "\n# a comment").fingerprint() == before.fingerprint()
    assert parse(FULL, ARCHIVER_WORKERS__THREADS="9").fingerprint() != before.fingerprint()
    other_password = parse(FULL.replace("geheim", "anders"))
    assert other_password.fingerprint() == before.fingerprint()
    assert changed_sections(before, other_password) == ["ledger"]


def test_changed_sections() -> None:
    before = parse(FULL)
    after = parse(FULL.replace("threads = 8", "threads = 9").replace('grace = "12h"', 'grace = "13h"'))
    assert changed_sections(before, after) == ["sources", "workers"]
    assert changed_sections(before, parse(FULL)) == []
