"""The facts of a dossier: each value under whose word it is, and where there is none, why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from archiver.domain.custody import Actor
from archiver.domain.custody_facts import QueryDescribed, QueryFigures
from archiver.domain.described import is_too_late
from archiver.domain.dossier import FileAccount
from archiver.domain.evidence import Evidence, FileRole, Origin
from archiver.domain.facts import Absent, Fact, Label, Value, fact
from archiver.domain.keys import HeldKey
from archiver.domain.survey import FileSurvey

_S3: Final = "s3://"
_EVENT_DATA_STORE: Final = re.compile(r"\bFROM\s+\"?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b", re.IGNORECASE)
"""Lake's SQL names an event data store by the ID at the end of its ARN (AWS CloudTrail User Guide, "CloudTrail Lake
SQL constraints"). The first one is shown."""

_ORIGIN: Final = ("etag", "version_id", "last_modified", "encryption", "retention", "request_id", "request_id_2")
_FIGURES: Final = (
    *("query_status", "delivery_status", "delivery_uri", "owner", "events_matched", "events_scanned"),
    *("bytes_scanned", "milliseconds", "created_at"),
)


def is_s3(evidence: Evidence) -> bool:
    """True where it was fetched from S3, False for a folder."""
    return evidence.source_url.startswith(_S3)


def source_facts(evidence: Evidence, keys: tuple[HeldKey, ...]) -> tuple[Fact, ...]:
    """Where it was, and whose it says it is. The path and the sign file claim; the configuration states."""
    arn = (evidence.caller or "").split(":")
    partition = arn[1] if len(arn) > 1 and arn[0] == "arn" else None
    bucket = evidence.source_url.removeprefix(_S3).partition("/")[0] if is_s3(evidence) else None
    missing = Absent.NOT_ANSWERED if is_s3(evidence) else Absent.NOT_S3
    region = next((held.key.region for held in keys if held.is_listed and held.key.region), None)
    return (
        fact("partition", partition, Label.OBSERVED, missing),
        fact("account", evidence.account, Label.CLAIMED, Absent.UNREADABLE),
        fact("region", evidence.region, Label.CLAIMED, Absent.UNREADABLE),
        fact("source_name", evidence.source, Label.STATED),
        fact("source_url", evidence.source_url, Label.STATED),
        fact("bucket", bucket, Label.STATED, missing),
        fact("prefix", evidence.prefix, Label.OBSERVED if is_s3(evidence) else Label.RECORDED, Absent.NONE),
        fact("query_id", evidence.query_id, Label.CLAIMED, Absent.UNREADABLE),
        fact("key_region", region, Label.OBSERVED, Absent.NOT_ANSWERED if keys else Absent.NO_KEY),
    )


def query_facts(
    evidence: Evidence,
    execution_time: Fact,
    sql_text: Fact,
    described: QueryDescribed | None,
    query_string: Fact,
) -> tuple[Fact, ...]:
    """What was asked: the signed header, the sign file's claim, and CloudTrail's own account of the query."""
    why = why_not_described(evidence, described)
    figures = described.figures if described else None
    return (
        sql_text,
        execution_time,
        fact("query_complete_time", evidence.query_complete_time, Label.CLAIMED, Absent.UNREADABLE),
        fact("described_at", described.at if described else None, Label.RECORDED, why),
        *(_figure(figures, name, why) for name in _FIGURES[:4]),
        _event_data_store(sql_text),
        *(_figure(figures, name, why) for name in _FIGURES[4:]),
        query_string,
    )


def _figure(figures: QueryFigures | None, name: str, why: Absent) -> Fact:
    value: Value | None = getattr(figures, name) if figures else None
    return fact(name, value, Label.OBSERVED, Absent.NOT_ANSWERED if figures else why)


def why_not_described(evidence: Evidence, described: QueryDescribed | None) -> Absent:
    """Why there is no account of the query, where there is none."""
    if described is not None:
        return Absent.REFUSED
    if not is_s3(evidence):
        return Absent.NOT_S3
    return Absent.TOO_LATE if is_too_late(evidence) else Absent.NOT_ASKED


def _event_data_store(sql_text: Fact) -> Fact:
    if not isinstance(sql_text.value, str):
        return Fact("event_data_store", None, sql_text.label, sql_text.absent)
    found = _EVENT_DATA_STORE.search(sql_text.value)
    return fact("event_data_store", found[1] if found else None, sql_text.label, Absent.UNREADABLE)


def acquisition_facts(evidence: Evidence, how: str, actor: Actor | None) -> tuple[Fact, ...]:
    """How it came here. *how*: ``fetched_s3``, ``fetched_folder`` or ``imported``."""
    offsets = [f.origin.clock_offset_ms for f in evidence.files if f.origin.clock_offset_ms is not None]
    missing = Absent.NOT_ANSWERED if is_s3(evidence) else Absent.NOT_S3
    return (
        fact("how", how, Label.RECORDED),
        fact("who", actor.user if actor else None, Label.RECORDED, Absent.UNREADABLE),
        fact("host", actor.host if actor else None, Label.RECORDED, Absent.UNREADABLE),
        fact("version", actor.version if actor else None, Label.RECORDED, Absent.UNREADABLE),
        fact("caller", evidence.caller, Label.OBSERVED, missing),
        fact("first_seen_at", evidence.first_seen_at, Label.RECORDED),
        fact("acquired_at", evidence.acquired_at, Label.RECORDED),
        fact("clock_offset_ms", max(offsets, key=abs, default=None), Label.RECORDED, missing),
        fact("archived_at", evidence.path, Label.RECORDED),
        fact("revision", evidence.revision, Label.RECORDED),
    )


def file_facts(
    evidence: Evidence, file: FileAccount, surveys: Mapping[str, FileSurvey], content: Label
) -> tuple[Fact, ...]:
    """What the source said of *file*, what a whole reading of it showed. *content*: whose word its bytes are."""
    origin = file.origin
    return (*_origin_facts(evidence, origin), *_survey_facts(file, surveys.get(file.name), content))


def _origin_facts(evidence: Evidence, origin: Origin | None) -> tuple[Fact, ...]:
    if origin is None:
        names = (*_ORIGIN, "clock_offset_ms")
        return tuple(Fact(name, None, _origin_label(name, Label.OBSERVED), Absent.NOT_THERE) for name in names)
    label, missing = (Label.OBSERVED, Absent.NOT_ANSWERED) if is_s3(evidence) else (Label.RECORDED, Absent.NOT_S3)
    values: dict[str, Value | None] = {name: getattr(origin, name, None) for name in (*_ORIGIN, "clock_offset_ms")}
    if not is_s3(evidence):
        values["etag"] = None
    return tuple(
        fact(name, value, _origin_label(name, label), _absent(name, value, missing)) for name, value in values.items()
    )


def _origin_label(name: str, label: Label) -> Label:
    """The offset between two clocks is computed here; the rest is the source's word."""
    return Label.RECORDED if name == "clock_offset_ms" else label


def _absent(name: str, value: Value | None, missing: Absent) -> Absent:
    """Of locks it is known whether S3 was asked: an earlier version of this program did not."""
    asked_later = name == "retention" and value is None and missing is Absent.NOT_ANSWERED
    return Absent.NOT_ASKED if asked_later else missing


def _survey_facts(file: FileAccount, survey: FileSurvey | None, content: Label) -> tuple[Fact, ...]:
    names = ("sha512", "packing", "unpacked", "rows", "first_event", "last_event")
    if file.path is None:
        return tuple(Fact(name, None, Label.RECORDED, Absent.NOT_THERE) for name in names)
    if survey is None or survey.sha256 != file.sha256:
        return tuple(Fact(name, None, Label.RECORDED, Absent.NOT_READ) for name in names)
    if file.role is not FileRole.RESULT:
        rest = tuple(Fact(name, None, Label.RECORDED, Absent.NONE) for name in names[1:])
        return (Fact("sha512", survey.sha512, Label.RECORDED), *rest)
    unread = Absent.NO_COLUMN if survey.rows else Absent.NONE
    if survey.trouble or survey.rows is None:
        unread = Absent.UNREADABLE
    return (
        Fact("sha512", survey.sha512, Label.RECORDED),
        Fact("packing", survey.packing.value, Label.RECORDED),
        fact("unpacked", survey.unpacked, Label.RECORDED, Absent.UNREADABLE),
        fact("rows", survey.rows, Label.RECORDED, Absent.UNREADABLE),
        fact("first_event", survey.first_event, content, unread),
        fact("last_event", survey.last_event, content, unread),
    )


def header_facts(survey: FileSurvey | None, line: str | None, trouble: Absent, label: Label) -> tuple[Fact, Fact]:
    """(sql_text, execution_time) of the first result's header *line*, under *label*; *trouble*: why there is none."""
    time: datetime | None = survey.execution_time if survey else None
    text = line.partition("Query Statement:")[2].strip() if line else None
    return (
        fact("sql_text", text, label, trouble if line is None else Absent.UNREADABLE),
        fact("execution_time", time, label, Absent.NOT_READ if survey is None else Absent.UNREADABLE),
    )
