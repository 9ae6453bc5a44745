"""Memory of a sync and of an audit where the ledger knows very many deliveries.

The sync lists them all, and fetches none; what waited for a key, it judges anew. The audit finds nothing of them in
the archive: that is the most it can have to say of an item, and to hold. What grows would be larger in five sources
than in one, and in the longer audit.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks import runs, workload
from benchmarks.large import SOURCES

_AUDITS = ("20s", "60s")
_STATUSES = (0, 1)
"""What failed because its files are missing is evidence that failed."""


def sources(url: str) -> dict[str, str]:
    """Tables of a configuration: a bucket for each source, at *url*."""
    where = f'region = "{workload.REGION}"\nendpoint_url = "{url}"\ncloudtrail_endpoint_url = "{url}"'
    return {name: f'url = "s3://{name}/AWSLogs"\n{where}' for name in SOURCES}


def peaks(config: Path) -> list[tuple[str, int]]:
    """(What, bytes at most) of an archive whose sources list what its ledger knows (see ``large.listings``)."""
    archiver = [*runs.ARCHIVER, "--config", str(config)]
    sync = [*archiver, "sync", "--full", "--json"]
    found = [
        (
            "sync of one source of five, all known",
            runs.peak_memory([*sync, "--source", SOURCES[0]], _STATUSES),
        ),
        ("sync of all five sources, all known", runs.peak_memory(sync, _STATUSES)),
    ]
    for time in _AUDITS:
        audit = [*archiver, "audit", "--all", "--max-time", time, "--json"]
        found.append((f"audit for {time}, every file missing", runs.peak_memory(audit, _STATUSES)))
    return found
