"""The commented sample: it is what init writes, it is valid, and it knows every key."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from pydantic import BaseModel

from archiver.settings import Settings, SourceSettings, parse_settings
from archiver.settings_sample import SampleSource, sample_config

SAMPLE = Path(__file__).parents[2] / "config" / "archiver.toml"
BASE = Path("/var/lib/archiver")


def uncommented(text: str) -> str:
    """*text* with every key that is commented out (``#key = …``) put into force."""
    return re.sub(r"(?m)^#(?=[a-z_]+ = |\[)", "", text)


def test_the_shipped_sample_is_what_init_writes() -> None:
    assert SAMPLE.read_text() == sample_config((), BASE)


def test_the_sample_says_what_the_defaults_are() -> None:
    assert parse_settings(SAMPLE.read_text(), SAMPLE, {}) == Settings()


def test_the_sample_uncommented_is_valid_and_says_the_defaults_too() -> None:
    settings = parse_settings(uncommented(SAMPLE.read_text()), SAMPLE, {})
    assert settings.archive == Settings().archive
    assert settings.schedule == Settings().schedule
    source = settings.sources[0]
    assert (source.grace, source.window) == (SourceSettings.model_fields["grace"].default, source.window)
    assert source.window == SourceSettings.model_fields["window"].default


def test_the_sample_knows_every_key() -> None:
    told = tomllib.loads(uncommented(SAMPLE.read_text()))
    for section, field in Settings.model_fields.items():
        model = SourceSettings if section == "sources" else field.annotation
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        table = told[section][0] if section == "sources" else told[section]
        assert set(table) == set(model.model_fields), section


def test_sources_are_written_so_that_they_are_read_back() -> None:
    sources = [
        SampleSource("one", "s3://bucket/prefix", "eu-central-1"),
        SampleSource("two", "file:///srv/a%20%22b%22", None),
    ]
    settings = parse_settings(sample_config(sources, Path('/srv/with "quotes" é')), Path("x"), {})
    assert [(s.name, s.url, s.region) for s in settings.sources] == [(s.name, s.url, s.region) for s in sources]
    assert settings.sources[1].path == Path('/srv/a "b"')
    assert settings.archive.path == Path('/srv/with "quotes" é/evidence')
    assert settings.ledger.sqlite_path == Path('/srv/with "quotes" é/ledger.db')
