"""``archiver ledger prove``: proofs that others can check, in files."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from archiver.cli.context import Cli, pass_cli
from archiver.cli.new_file import check_new, new_folder, write_new
from archiver.cli.output import answer, counted, note, print_json, say
from archiver.errors import EXIT_OK, SigningError, UsageError

if TYPE_CHECKING:
    from archiver.wiring import App

_EPILOG: Final = """\b
Examples:
  archiver ledger prove 3f2a9c0d11be --out proof.json           then: archiver ledger check proof.json --vkey KEY
  archiver ledger prove 3f2a --checkpoint 4711 > proof.json     under an older checkpoint
  archiver ledger prove 3f2a --dir proof/                       for other tools: tlog-proof files, leaves, checkpoint
  archiver ledger prove --consistency 4711 --out grown.json     the newest continues the one of 4711 leaves
  archiver ledger prove --consistency 4711 5000

ID is an evidence ID, a query ID, or the beginning of either that only one item has. The file's form is told in
docs/proof-format.md.

Exit status: 0 the proof is written, and holds; 1 ledger and signed checkpoint disagree, so that nothing was written;
2 nothing was done (no such item or checkpoint, FILE is there already); 4 the ledger cannot be read.
"""


@click.command("prove", short_help="Prove an item's events, or that the log only grew.", epilog=_EPILOG)
@click.argument("what", nargs=-1, metavar="ID | --consistency OLD [NEW]")
@click.option("--consistency", is_flag=True, help="Prove that checkpoint NEW (default: the newest) continues OLD.")
@click.option(
    "--checkpoint", type=click.IntRange(min=1), metavar="SIZE", help="Prove with the checkpoint of SIZE leaves."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write to FILE, which must not be there (-: stdout).",
)
@click.option("--dir", "folder", type=click.Path(path_type=Path), metavar="DIR", help="Write files for other tools.")
@click.option("--json", "as_json", is_flag=True, help="With --out or --dir: say what was written as a JSON object.")
@pass_cli
def command(
    cli: Cli,
    what: Sequence[str],
    consistency: bool,
    checkpoint: int | None,
    out: Path | None,
    folder: Path | None,
    as_json: bool,
) -> int:
    """Prove that all events of one item are in the log under a signed checkpoint, as one file (stdout by default).

    The file holds every event, the public keys' too that the item was judged with, a C2SP tlog-proof for each, and
    the signed checkpoint. Whoever has it and the log's verifier key can check it with no access to ledger or archive:
    archiver ledger check, or any tool for transparency logs. It was checked that way before it is written. Events
    newer than the checkpoint are named as not covered; archiver ledger checkpoint covers them.
    """
    from archiver import wiring
    from archiver.work.prove import Prover, described

    out = None if str(out) == "-" else out
    _check_choice(what, consistency, checkpoint, folder)
    settings = cli.settings()
    for target in filter(None, (out, folder)):
        _check_target(target.absolute(), settings.archive.path, is_folder=target is folder)
    with closing(wiring.open_app(settings, cli.stop, cli.progress())) as app:
        prover = Prover(app.ledger, app.published, _trusted(cli, app))
        if consistency:
            data = prover.consistency(*_sizes(what))
        else:
            data = prover.item(app.ledger.evidence.resolve(what[0]), checkpoint)
    if out is None and folder is None:
        answer(data.decode("utf-8"), nl=False)
    if out is not None:
        write_new(out.absolute(), data)
    if folder is not None:
        _write_folder(folder.absolute(), data)
    _tell(cli, described(data), out, folder, as_json)
    return EXIT_OK


def _trusted(cli: Cli, app: App) -> list[str]:
    """The keys that the configuration vouches for; where it can name none, a proof is as good as the ledger's own."""
    try:
        return app.trusted_keys()
    except SigningError as error:
        note(f"archiver: the log's key is not known here, so the ledger's own word is taken: {error}", cli.verbosity)
        return []


def _check_choice(what: Sequence[str], consistency: bool, checkpoint: int | None, folder: Path | None) -> None:
    if consistency:
        if len(what) not in (1, 2):
            raise UsageError(
                "--consistency takes the sizes of one or two checkpoints", "Write --consistency OLD [NEW]."
            )
        if checkpoint is not None or folder is not None:
            raise UsageError("--checkpoint and --dir go with an item's ID, not with --consistency")
    elif len(what) != 1:
        raise UsageError("the ID of one item is wanted", "Or --consistency OLD [NEW].")


def _sizes(what: Sequence[str]) -> list[int]:
    try:
        sizes = [int(text) for text in what]
    except ValueError as error:
        raise UsageError(f"--consistency: a checkpoint is named by its size, not {' '.join(what)}") from error
    if min(sizes) < 1:
        raise UsageError("--consistency: a checkpoint has one leaf or more")
    return sizes


def _check_target(target: Path, archive: Path, *, is_folder: bool) -> None:
    if is_folder and target.is_dir():
        check_new(target / "proof.json", archive)
        new_folder(target)
    else:
        check_new(target, archive)


def _write_folder(folder: Path, data: bytes) -> None:
    """The proof as files that other tools read: one leaf and one tlog-proof an event, checkpoint, keys."""
    from archiver.log.item_proof import ItemProof, decode
    from archiver.log.names import CHECKPOINT, VKEYS

    proof = decode(data)
    assert isinstance(proof, ItemProof)  # noqa: S101 - --dir goes with items only
    new_folder(folder)
    for event in proof.events:
        write_new(folder / f"{event.seq:06}.json", event.leaf)
        write_new(folder / f"{event.seq:06}.tlog-proof", event.proof.encode("utf-8"))
        if event.body is not None:
            write_new(folder / f"{event.seq:06}.body.json", event.body)
    write_new(folder / CHECKPOINT, proof.checkpoint.encode("utf-8"))
    write_new(folder / VKEYS, "".join(f"{key}\n" for key in proof.keys).encode("utf-8"))
    write_new(folder / "proof.json", data)


def _tell(cli: Cli, about: dict[str, Any], out: Path | None, folder: Path | None, as_json: bool) -> None:
    places = {"out": None if out is None else str(out), "dir": None if folder is None else str(folder)}
    written = ", ".join(filter(None, places.values()))
    if as_json and written:
        print_json({**about, **places})
        return
    what = (
        counted(len(about["events"]), "event") if "events" in about else f"checkpoint of {about['old_size']} leaves"
    )
    line = f"{what} proven under the checkpoint of {about['size']} leaves of {about['origin']}"
    if written:
        say(f"{line}: {written}")
        for key in about["keys"]:
            say(f"  verifier key {key}")
    newer = about.get("not_covered")
    if newer:
        numbers = ", ".join(map(str, newer[:10])) + (" …" if len(newer) > 10 else "")
        note(
            f"archiver: not covered yet: {counted(len(newer), 'newer event')} of the item ({numbers})", cli.verbosity
        )
        note("  run `archiver ledger checkpoint`, then prove again", cli.verbosity)
