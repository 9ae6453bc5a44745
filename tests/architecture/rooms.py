"""The rooms of docs/design.md: what each may import. Whatever is not named here may not be imported.

Names of ours are without ``archiver.``; a name stands for what lies below it too. Others are distributions' import
names. The standard library is open to all but the pure rooms.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Room:
    """``ours`` and ``others``: what may be imported. ``pure``: no I/O, no clock, no chance."""

    ours: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    pure: bool = False


def room(ours: str = "", others: str = "", *, pure: bool = False) -> Room:
    """A room from two lists of names."""
    return Room(frozenset(ours.split()), frozenset(others.split()), pure)


CORE = "domain ports audit_ports store_ports log_ports package_ports query_ports log errors"
APPLICATION = (
    "actor checkup checkup_anchors checkup_log custody_key key_files last_head logs logs_structured lost_ledger "
    "memory provision source_access wiring wiring_anchors wiring_audit wiring_ledger wiring_log wiring_rebuild "
    "wiring_report wiring_verify"
)
"""Modules at the top that tie the rooms together: below cli and daemon, above everything else."""

ROOMS: dict[str, Room] = {
    "version": room(),
    "errors": room(),
    "memory": room("domain"),
    "domain": room("domain", pure=True),
    "verify": room("domain verify", "cryptography", pure=True),
    "log": room("domain log", "cryptography", pure=True),
    "ports": room("domain audit_ports log_ports"),
    "audit_ports": room("domain"),
    "store_ports": room("domain errors"),
    "log_ports": room("domain errors"),
    "package_ports": room("domain"),
    "query_ports": room("domain"),
    "work": room(f"{CORE} verify work"),
    "adapters.aws": room(f"{CORE} adapters.aws verify.signature", "boto3 botocore cryptography mypy_boto3_s3"),
    "adapters.anchors": room(f"{CORE} adapters.anchors version", "rfc3161_client cryptography urllib3"),
    "adapters.owner": room(),
    "adapters.files": room(f"{CORE} adapters.files adapters.owner", "zstandard"),
    "adapters.ledger": room(f"{CORE} adapters.ledger adapters.owner", "sqlalchemy alembic rfc8785 orjson"),
    "adapters.helper_process": room("errors"),
    "adapters.notify": room(CORE, "apprise"),
    "adapters.log_messenger": room(CORE),
    "adapters.pdf_key": room(f"{CORE} adapters.pdf_key", "cryptography"),
    "adapters.pdf_signer": room(
        f"{CORE} adapters.pdf_key adapters.anchors", "cryptography pyhanko pyhanko_certvalidator asn1crypto"
    ),
    "render": room("domain errors ports render version", "jinja2 rich typst"),
    # SIGHUP: the daemon reads its settings anew and has everything wired anew.
    "daemon": room(f"{CORE} work daemon wiring wiring_ledger settings settings_values", "apscheduler structlog"),
    "demo": room(f"{CORE} adapters demo", "cryptography moto"),
    "settings": room(
        "domain errors settings_anchors settings_custody settings_input settings_types settings_values", "pydantic"
    ),
    "settings_anchors": room("log.note settings_types settings_values", "pydantic"),
    "settings_custody": room("log.note settings_types settings_values", "pydantic"),
    "settings_types": room("domain settings_values", "pydantic"),
    "settings_input": room("domain errors", "pydantic"),
    "settings_values": room("domain errors", "apscheduler"),
    "settings_sample": room("domain errors"),
    "actor": room("domain version"),
    "custody_key": room("domain errors log adapters.owner", "cryptography"),
    "last_head": room("errors custody_key settings_custody adapters.owner"),
    "lost_ledger": room(f"{CORE} adapters.files settings"),
    "logs": room("domain errors"),
    "logs_structured": room("logs", "structlog"),
    "checkup": room(f"{CORE} adapters settings checkup_anchors checkup_log lost_ledger source_access"),
    "checkup_log": room(f"{CORE} work adapters settings custody_key last_head wiring_log"),
    "checkup_anchors": room(f"{CORE} settings settings_anchors wiring_anchors"),
    "provision": room(f"{CORE} adapters settings custody_key lost_ledger"),
    "source_access": room("adapters.aws settings"),
    "key_files": room(f"{CORE} adapters.aws.key_list actor wiring"),
    "wiring": room(f"{CORE} verify work adapters settings settings_values render {APPLICATION}"),
    "wiring_anchors": room(f"{CORE} adapters settings settings_anchors"),
    "wiring_audit": room(f"{CORE} work adapters render"),
    "wiring_ledger": room(f"{CORE} work adapters settings {APPLICATION}"),
    "wiring_log": room(f"{CORE} adapters custody_key settings_custody settings_values"),
    "wiring_rebuild": room(f"{CORE} work adapters settings {APPLICATION}"),
    "wiring_report": room(f"{CORE} work render {APPLICATION}"),
    "wiring_verify": room(f"{CORE} verify work adapters settings {APPLICATION}"),
    "cli": room(
        f"{CORE} {APPLICATION} cli work render daemon demo version "
        "settings settings_input settings_sample settings_values "
        "adapters.files adapters.pdf_key adapters.pdf_signer",
        "click rich",
    ),
}


@dataclass(frozen=True)
class Allowed:
    """One import that the rooms forbid and that is meant: *why* says for what."""

    module: str
    target: str
    why: str


EXCEPTIONS = (
    Allowed("adapters.aws.session", "version", "the user agent names this program"),
    Allowed("adapters.aws.session", "mypy_boto3_sts", "types only"),
    Allowed("adapters.aws.session", "mypy_boto3_cloudtrail", "types only"),
    Allowed("adapters.aws.session", "mypy_boto3_kms", "types only"),
    Allowed("adapters.aws.cloudtrail", "mypy_boto3_cloudtrail", "types only"),
    Allowed("adapters.aws.errors", "urllib3", "botocore lets urllib3's errors through while an answer is streamed"),
    Allowed("adapters.ledger.upgrade", "", "migrations lie inside the installed package, beside its __init__"),
)

PURE_STANDARD_LIBRARY = room(
    others="__future__ base64 bisect collections csv dataclasses datetime enum functools hashlib itertools json math "
    "re types typing unicodedata zlib"
).others
"""All that the pure rooms may use: nothing here opens a file, a socket or a process, or knows the time by itself."""
