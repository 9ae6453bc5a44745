"""The two files of a package that speak to its reader: VERIFY.md, and the script verify.sh."""

from __future__ import annotations

from importlib import resources
from typing import Final

from archiver.domain.dossier import ItemDossier
from archiver.domain.log_records import LogState
from archiver.domain.package import PackageAbout, Packaged, PackageHead
from archiver.domain.verdict import Verdict
from archiver.render.json_item import item_json
from archiver.render.json_report import json_text

_NAMED: Final = 50
"""Differing files that VERIFY.md names; each item names all of its own."""


def script() -> bytes:
    """verify.sh, the same in every package of a version."""
    return _file("verify.sh").encode("utf-8")


def guide(about: PackageAbout, made: Packaged, head: PackageHead | None) -> bytes:
    """VERIFY.md, with what is wrong with this package above everything else."""
    said = (("Case", about.case), ("exhibit", about.exhibit), ("for", about.requester), ("purpose", about.purpose))
    lines = [", ".join(f"{name} {_plain(text)}" for name, text in said if text)]
    lines = [f"{line}\n" for line in lines if line]
    failed = made.by_verdict.get(Verdict.FAILED, 0)
    unknown = made.by_verdict.get(Verdict.INDETERMINATE, 0)
    if about.doubts:
        lines.append("## FAILED: the ledger of the archive does not pass its verification")
        lines += [f"- {_plain(why)}" for why in about.doubts]
    lines += [f"## Not all of the ledger could be looked at: {_plain(why)}" for why in about.unlooked]
    if made.differing:
        lines.append("## FAILED: files here are not what was acquired")
        lines += [
            f"- `data/evidence/{one.evidence}/{one.path}`: {_plain(one.why)}" for one in made.differing[:_NAMED]
        ]
        rest = made.differs + made.unread - len(made.differing[:_NAMED])
        lines += [f"- and {rest} more; `DIFFERS.txt` in each item names them"] if rest else []
    if failed or unknown:
        lines.append(f"## NOT ALL OF THIS IS VERIFIED: {made.items} items, {failed} failed, {unknown} indeterminate")
        lines.append("`verdict.txt` in each item says which, and why. They are packaged as they were acquired.")
    if made.altered:
        lines.append(f"## FAILED: the archive's ledger and log contradict each other about {made.altered} items")
        lines.append("`no-proof.txt` in each says how. `archiver ledger verify` in the archive says all of it.")
    if made.unproved > made.altered or head is None:
        lines.append(f"## NO PROOF FROM THE LOG for {made.unproved - made.altered} items")
        lines.append("`no-proof.txt` in each says why. What AWS signed can be checked all the same.")
    loud = "".join(f"{line}\n" for line in lines)
    return _file("VERIFY.md").format(loud=f"{loud}\n" if loud else "").encode("utf-8")


def doubts_of(log: LogState) -> tuple[str, ...]:
    """Why the ledger does not pass its verification, a line each; () where it does."""
    told = [f"ledger and published log contradict each other: {log.forked}"] if log.forked else []
    told += [f"the ledger names a key of the log that is not the configured key: {key}" for key in log.strangers]
    if log.head_trouble and log.head_compared:
        told.append(f"the newest checkpoint is not verified: {log.head_trouble}")
    if log.held is not None and log.held.failed:
        told += [f"{one.kind}: {one.detail}" for one in log.held.problems]
        told += [f"{log.held.count} problems in all"] if log.held.count > len(log.held.problems) else []
    return tuple(told)


def unlooked_of(log: LogState) -> tuple[str, ...]:
    """What of the ledger could not be verified, a line each."""
    told = list(log.held.notes) if log.held is not None else []
    if log.head_trouble and not log.head_compared:
        told.append(f"the newest checkpoint is not verified: {log.head_trouble}")
    return tuple(told)


def item_bytes(item: ItemDossier) -> bytes:
    """A dossier as JSON, as ``show --json`` prints it."""
    return json_text(item_json(item), indent=1).encode("utf-8") + b"\n"


def _plain(text: str) -> str:
    """*text* with nothing that Markdown would take for its own."""
    return "".join(c if c.isalnum() or c in " .,:;/-_'()@" else "?" for c in text)


def _file(name: str) -> str:
    return resources.files("archiver").joinpath("render", "package", name).read_text("utf-8")
