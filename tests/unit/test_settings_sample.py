"""The commented sample: it is what init writes, it is valid, and it knows every key."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from archiver.settings import Settings, SourceSettings, parse_settings
from archiver.settings_anchors import ObjectLockSettings
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
    assert settings.anchors.renew_before == Settings().anchors.renew_before
    locked = settings.anchors.object_lock
    assert locked is not None
    assert locked.mode == ObjectLockSettings.model_fields["mode"].default
    assert locked.retain_for == ObjectLockSettings.model_fields["retain_for"].default


def test_the_sample_knows_every_key() -> None:
    told = tomllib.loads(uncommented(SAMPLE.read_text()))
    assert keys_of(told) == keys_in(Settings)


def keys_of(table: dict[str, Any], above: str = "") -> set[str]:
    """Every key below *table*, dotted; of a list of tables those of the first."""
    found = set()
    for name, value in table.items():
        first = value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else value
        found |= keys_of(first, f"{above}{name}.") if isinstance(first, dict) else {above + name}
    return found


def keys_in(model: type[BaseModel], above: str = "") -> set[str]:
    """Every key that *model* has, dotted."""
    found = set()
    for name, field in model.model_fields.items():
        section = section_in(field.annotation)
        found |= keys_in(section, f"{above}{name}.") if section else {above + name}
    return found


def section_in(annotation: Any) -> type[BaseModel] | None:
    """The section that *annotation* is, or is a list of, or may be."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((section for part in get_args(annotation) if (section := section_in(part))), None)


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
