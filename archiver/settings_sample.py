"""The commented configuration that ``archiver init`` writes; ``config/archiver.toml`` is the same with no source.

Lines that begin with ``#`` and no blank are keys with their defaults or an example, ready to be uncommented.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

DEFAULT_ORIGIN: Final = "example.com/custody"

_WHOLE: Final = Template("""\
# Configuration of archiver. Durations: 90s, 5m, 1h30m, 7d, 2w, 7y. Sizes: 512KiB, 200MB, 1GiB.
# Each key is also read from a variable, which wins: ARCHIVER_LEDGER__URL, ARCHIVER_SOURCES__0__REGION.
# An unknown key or variable is an error. Check with: archiver doctor

[ledger]
# sqlite:////absolute/path, or postgresql://user@host/database (password: ARCHIVER_LEDGER__URL or ~/.pgpass)
url = $ledger

[archive]
# The folder that holds the evidence. Only archiver writes there.
url = $archive
# Room that is never written to: what would need it ends with exit status 4 instead.
#min_free = "256MiB"

$sources
[schedule]
# Durations, or crontab fields in the system's time zone (weekdays by name): { cron = "*/5 * * * mon-fri" }
sync_every = "5m"
audit_every = "1h"
keys_every = "12h"
# The ledger's new head is signed and published this often, where anything has happened: first 30 s after the start.
checkpoint_every = "15m"
# The whole ledger, held against its log, its signed heads and its anchors; what came of it is put on record. First 5
# minutes after the start, with intervals that vary by 5 %.
#ledger_verify_every = "1d"
# A pass lists the trailing days; the whole source again once its last whole listing is older than this.
#full_sync_every = "1d"

[audit]
# Each item is read again within this time.
reverify_after = "30d"
# Default: no limit (the systemd unit runs at idle I/O priority).
#max_bytes_per_second = "200MB"
# Of one scheduled pass; what is left over comes first in the next.
max_time = "50m"

[notify]
# Where alerts go: URLs of apprise, such as "mailto://…" or "slack://…". They hold tokens: keep this file private.
urls = []

[custody]
# The key that signs the ledger's heads: an Ed25519 key in PEM, readable by its owner only; or "credential:NAME" with
# LoadCredential=NAME:… in the unit; or "awskms:arn:aws:kms:…", a key of AWS KMS (ECC_NIST_EDWARDS25519). Keep a copy
# of a file elsewhere. Another one is brought in with: archiver ledger rotate-key
signing_key = $key
# The name of this archive's log in its checkpoints: a domain of yours and a path. It can not be changed later.
origin = $origin
# Where the last signed head is kept, so that ledger and archive cannot be put back together unseen: beside the key
# where that is a file. A credential or a key of AWS KMS has no such place of its own: name one.
#last_head = "/var/lib/archiver/last-head"
# Verifier keys of this log that are believed besides that key's, such as an earlier one that was lost.
#trusted_keys = []
# How AWS KMS is reached: the AWS SDK's own chain, or a profile of it, or a role to assume; another endpoint.
#profile = "custody"
#role_arn = "arn:aws:iam::111122223333:role/archiver-custody"
#external_id = "choose-a-long-one"
#endpoint_url = "https://kms.us-east-1.amazonaws.com"

[anchors]
# Who vouches for the ledger's heads off this host, each optional: without any, whoever owns the host and the key can
# write the whole history anew. Leave out the url of one that is to be asked no more: its old proofs stay checkable.
# The time stamps are renewed this long before an authority's certificate ends.
#renew_before = "90d"

# Time-stamping authorities (RFC 3161), as many as there are. ca_file: PEM of the root certificates that are trusted.
#[[anchors.timestamps]]
#name = "authority"
#url = "http://timestamp.example.com"
#ca_file = "/etc/archiver/authority-ca.pem"

# A bucket with Object Lock, best in another account. What is locked in mode compliance nobody can delete.
#[anchors.object_lock]
#url = "s3://locked-bucket/optional/prefix"
#region = "us-east-1"
#mode = "governance"
#retain_for = "7y"
#profile = "anchors"
#role_arn = "arn:aws:iam::111122223333:role/archiver-anchors"
#external_id = "choose-a-long-one"
#endpoint_url = "https://s3.us-east-1.amazonaws.com"

# Witnesses (C2SP tlog-witness), as many as there are: verifier key, where checkpoints go, where they are told again.
#[[anchors.witnesses]]
#key = "witness.example.com/w1+e11646e6+BCMeCw6h0gEmQJ6/c6ii/sUj4uKGIN7wivdvnkuHbA/Q"
#url = "https://witness.example.com"
#monitoring_url = "https://witness.example.com"

[workers]
# 0: as many as serve.
threads = 0
""")

_SOURCE: Final = Template("""\
[[sources]]
name = $name
# s3://bucket/optional/prefix, or file:///a/folder
url = $url
# The Region that signed the results.
${mark}region = $region
$options""")

_OPTIONS: Final = """\
# How long a delivery may take to arrive before what is missing counts as missing.
#grace = "24h"
# How far back the days are listed in each pass: later arrivals are seen by whole listings.
#window = "7d"
# Whether CloudTrail is asked about the query of each new delivery (cloudtrail:DescribeQuery; it answers for seven
# days): its text, when it ran, what it read. The answer is kept in the archive. Only for buckets.
#describe = true
# Only these accounts; default: all that are there.
#accounts = ["111122223333"]
# Credentials: the AWS SDK's own chain, or a profile of it, or a role to assume.
#profile = "evidence"
#role_arn = "arn:aws:iam::111122223333:role/archiver"
#external_id = "choose-a-long-one"
# Other endpoints, such as a VPC's.
#endpoint_url = "https://s3.us-east-1.amazonaws.com"
#cloudtrail_endpoint_url = "https://cloudtrail.us-east-1.amazonaws.com"
"""


@dataclass(frozen=True, slots=True)
class SampleSource:
    """A source for the sample. ``region``: None leaves the key commented out."""

    name: str
    url: str
    region: str | None


def sample_config(sources: Sequence[SampleSource], base: Path, origin: str = DEFAULT_ORIGIN) -> str:
    """A commented configuration with *sources* that keeps ledger, archive and key below *base* (absolute)."""
    return _WHOLE.substitute(
        ledger=_toml(f"sqlite:///{base / 'ledger.db'}"),
        archive=_toml((base / "evidence").as_uri()),
        key=_toml(str(base / "custody-key")),
        origin=_toml(origin),
        sources=_sources(sources),
    )


def _sources(sources: Sequence[SampleSource]) -> str:
    if not sources:
        example = _source(SampleSource("prod", "s3://bucket/optional/prefix", "us-east-1"), _OPTIONS)
        lines = (line if not line or line.startswith("#") else f"#{line}" for line in example.splitlines())
        return "# Where deliveries arrive; as many as there are.\n" + "\n".join(lines) + "\n"
    options = [_OPTIONS, *[""] * (len(sources) - 1)]
    return "\n".join(_source(source, option) for source, option in zip(sources, options, strict=True))


def _source(source: SampleSource, options: str) -> str:
    return _SOURCE.substitute(
        name=_toml(source.name),
        url=_toml(source.url),
        mark="" if source.region else "#",
        region=_toml(source.region or "us-east-1"),
        options=options,
    )


def _toml(text: str) -> str:
    """*text* as a TOML basic string: JSON's escapes are TOML's, but for DEL, which JSON leaves as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
