"""``archiver ledger check``: a proof file, without ledger, archive or configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from archiver.cli.kept_heads import kept_heads
from archiver.cli.new_file import read_file
from archiver.cli.output import counted, print_json, say, verdict_text
from archiver.domain.text import printable
from archiver.domain.times import format_time
from archiver.errors import EXIT_INTEGRITY, EXIT_OK, EXIT_UNREACHED, UsageError

if TYPE_CHECKING:
    from archiver.log.item_proof import ConsistencyProof, ItemProof
    from archiver.log.note import VerifierKey
    from archiver.log.proof_check import Checked, Event
    from archiver.work.log_verify_kept import KeptHead

_EPILOG: Final = """\b
Examples:
  archiver ledger check proof.json --vkey example.com/custody+f3be3476+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW
  archiver ledger check proof.json --vkey KEY --head report.json     and: does it continue the head that I kept?
  archiver ledger check - --vkey KEY --vkey WITNESS --json < proof.json

KEY is the log's verifier key, as archiver status and every report print it. Take it from whom you trust, not from the
file. A witness's key is looked for below the checkpoint too.

HEAD is a checkpoint, a proof, or a report that you kept. FILE speaks of the heads in it alone, mostly two: for the
one that you kept ask for archiver ledger prove --consistency SIZE, with its size.

Exit status: 0 it holds, 1 it does not, 2 FILE or KEY cannot be read or is something else, 3 it holds, and does not
speak of a head that you kept.
"""


@click.command("check", short_help="Check a proof file, without ledger and archive.", epilog=_EPILOG)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--vkey", "texts", multiple=True, required=True, metavar="KEY", help="A verifier key to trust.")
@click.option(
    "--head",
    "heads",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="HEAD",
    help="A head that you kept, which the proof's must be or continue; repeatable.",
)
@click.option("--expect", multiple=True, metavar="SIZE:ROOT", help="The same by its size and root; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(file: Path, texts: Sequence[str], heads: Sequence[Path], expect: Sequence[str], as_json: bool) -> int:
    """Check a proof that archiver ledger prove wrote. Needs FILE and KEY, and neither configuration nor network.

    It holds where every event in it is a leaf of the tree whose head KEY signed, the item's acquisition and the
    public keys it was judged with among them, and where it continues the head that first covered the acquisition.
    """
    from archiver.log.item_proof import PROOF_FILE_BYTES, NoProofFileError, decode
    from archiver.log.proof_check import check

    keys = [_key(text) for text in texts]
    kept = kept_heads(heads, expect)
    data = read_file(file, PROOF_FILE_BYTES)
    try:
        proof = decode(data)
    except NoProofFileError as error:
        raise UsageError(f"{file}: {error}") from error
    except ValueError as error:
        return _malformed(file, str(error), as_json)
    checked = check(proof, keys)
    held = [_held(head, proof, checked) for head in kept]
    wrong = [
        f"{head.place}: the head that was kept has {head.size} leaves, and another root than the one in this file"
        for head, holds in zip(kept, held, strict=True)
        if holds is False
    ]
    checked = replace(checked, problems=(*checked.problems, *wrong))
    if as_json:
        shown = [{"place": h.place, "size": h.size, "holds": holds} for h, holds in zip(kept, held, strict=True)]
        print_json(_fields(proof, checked) | {"heads_held": shown})
    else:
        _say(proof, checked)
        _say_held(kept, held)
    if not checked.holds:
        return EXIT_INTEGRITY
    return EXIT_UNREACHED if None in held else EXIT_OK


def _held(head: KeptHead, proof: ItemProof | ConsistencyProof, checked: Checked) -> bool | None:
    """Whether *head* is one of those that the file is about; None where it speaks of none of that size."""
    newest, earlier = checked.checkpoint, _earlier(proof)
    if newest is not None and newest.size == head.size:
        return newest.root == head.root
    if earlier is not None and earlier["size"] == head.size:
        return bool(earlier["root"] == head.root.hex())
    return None


def _say_held(kept: Sequence[KeptHead], held: Sequence[bool | None]) -> None:
    for head, holds in zip(kept, held, strict=True):
        if holds:
            say(f"  your head   of {head.size:,} leaves ({head.place}) is in it")
        elif holds is None:
            ask = f"ask for: archiver ledger prove --consistency {head.size}"
            say(f"  not shown: that this continues your head of {head.size:,} leaves ({head.place}); {ask}")


def _key(text: str) -> VerifierKey:
    from archiver.log.note import parse_key

    try:
        return parse_key(text.strip())
    except ValueError as error:
        raise UsageError(f"--vkey: {error}", "It looks like example.com/custody+f3be3476+ARpc2Q…") from error


def _malformed(file: Path, trouble: str, as_json: bool) -> int:
    if as_json:
        print_json({"holds": False, "problems": [trouble]})
    else:
        say(f"DOES NOT HOLD: {file}: {trouble}")
    return EXIT_INTEGRITY


def _fields(proof: ItemProof | ConsistencyProof, checked: Checked) -> dict[str, Any]:
    head = checked.checkpoint
    return {
        "holds": checked.holds,
        "problems": list(checked.problems),
        "remarks": list(checked.remarks),
        "evidence": getattr(proof, "evidence", None),
        "origin": head.origin if head else None,
        "size": head.size if head else None,
        "root": head.root.hex() if head else None,
        "signed_by": list(checked.signers),
        "cosigned": [{"name": name, "at": format_time(at)} for name, at in checked.cosigned],
        "earlier": _earlier(proof),
        "events": [
            {
                "seq": event.seq,
                "at": event.at,
                "kind": event.kind,
                "verdict": event.verdict,
                "reasons": list(event.reasons),
            }
            for event in checked.events
        ],
        "not_covered": list(getattr(proof, "not_covered", ())),
    }


def _earlier(proof: ItemProof | ConsistencyProof) -> dict[str, Any] | None:
    """The older head that the file is about; it is proven where the file holds."""
    from archiver.log.checkpoint import read_checkpoint

    earlier = getattr(proof, "earlier", None) or getattr(proof, "acquired_under", None)
    if earlier is None:
        return None
    try:
        head, _ = read_checkpoint(earlier.checkpoint.encode("utf-8"))
    except ValueError:
        return None
    return {"size": head.size, "root": head.root.hex()}


def _verdict(event: Event) -> str:
    if event.verdict is None:
        return ""
    reasons = f" ({', '.join(printable(reason, 60) for reason in event.reasons)})" if event.reasons else ""
    return f": {verdict_text(printable(event.verdict, 20))}{reasons}"


def _say(proof: ItemProof | ConsistencyProof, checked: Checked) -> None:
    if not checked.holds:
        say("DOES NOT HOLD")
        for problem in checked.problems:
            say(f"  {problem}")
        return
    evidence = getattr(proof, "evidence", None)
    if evidence is None:
        say("holds: the checkpoint continues the earlier one")
    else:
        say(f"holds: {counted(len(checked.events), 'event')} of {evidence} and its public keys")
    head = checked.checkpoint
    if head is not None:
        say(f"  log        {head.origin}, {head.size:,} leaves")
        say(f"  root       {head.root.hex()}")
    earlier = _earlier(proof)
    if evidence is None and earlier is not None:
        say(f"  continues  {earlier['size']:,} leaves")
        say(f"  root       {earlier['root']}")
    for signer in checked.signers:
        say(f"  signed by  {signer}")
    for name, at in checked.cosigned:
        say(f"  seen by    {name} at {format_time(at)}")
    for event in checked.events:
        say(f"  {event.seq:9} {printable(event.at, 40)}  {printable(event.kind, 60)}{_verdict(event)}")
    for remark in checked.remarks:
        say(f"  not checked: {remark}")
    if evidence is not None:
        say("  not shown: that there are no other events of this item; that takes the whole log")
    newer = getattr(proof, "not_covered", ())
    if newer:
        say(f"  not covered: {counted(len(newer), 'newer event')} of the item")
