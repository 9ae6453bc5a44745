"""``archiver export``: items of evidence as a package that proves itself without this program."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import click

from archiver.cli.context import Cli, pass_cli
from archiver.cli.log_head import sign_head, sign_head_soon
from archiver.cli.main import EXIT_INTERRUPTED
from archiver.cli.new_file import check_new
from archiver.cli.output import counted, human_size, note, print_json, say, warn
from archiver.cli.report import check_choice, check_head, reporting_of, survey_first
from archiver.cli.report_formats import FORMATS, draft_of, request_options
from archiver.cli.select import Conditions, condition_options
from archiver.domain.text import printable
from archiver.errors import (
    EXIT_INTEGRITY,
    EXIT_OK,
    EXIT_UNREACHED,
    LogForkedError,
    SigningError,
    StoppedError,
    StoreFullError,
    UsageError,
)

if TYPE_CHECKING:
    from datetime import datetime

    from archiver.cli.report_file import Draft
    from archiver.domain.dossier import Heading, ItemDossier
    from archiver.domain.package import Packaged
    from archiver.domain.records import Selection
    from archiver.package_ports import PackageWriter
    from archiver.ports import ShouldStop
    from archiver.wiring import App
    from archiver.wiring_report import Reporting

_FORMATS: Final = ("folder", "tar.zst", "zip")
_ENDINGS: Final = {".tar.zst": "tar.zst", ".zip": "zip"}
_OTHERS: Final = tuple(
    f".{end}" for end in ("tar", "gz", "tgz", "bz2", "xz", "zst", "7z", "rar", "iso", "html", "pdf", "json", "xml")
)
_REPORTS: Final = {"html": "html", "pdf": "pdf", "json": "json", "case": "jsonld", "premis": "xml"}
_TOLD: Final = 20
_CHUNK: Final = 1024 * 1024

_EPILOG: Final = """\b
Examples:
  archiver export 3f2a9c0d11be --out exhibit-a --case 2026-117 --exhibit A
  archiver export 3f2a9c0d11be --out exhibit-a.zip --report html --report pdf
  archiver export --since 2026-01-01 --until 2026-03-31 --out /media/disk/q1.tar.zst
  archiver export --all --verdict failed --out failed/
  cd exhibit-a && ./verify.sh --log-key VKEY       what its reader does; VKEY: archiver status

ID is an evidence ID, a query ID, or the beginning of either that only one item has.

Exit status: 0 the package is written, whatever the verdicts in it; 1 it is, and holds files that are not what was
acquired, or the ledger and its log contradict each other (it is marked FAILED, and the end says so); 2 nothing was
done (nothing selected, the target is there already or cannot be written); 3 the package is written, and files, a part
of the ledger or the log's key were not to be had; 4 the ledger or the disk could not go on; 130 interrupted, and
nothing is left behind.
"""


@click.command("export", epilog=_EPILOG)
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="Everything that is archived.")
@condition_options
@click.option("--out", required=True, metavar="PATH", help="The package: a folder or file that is not there yet.")
@click.option("--format", "form", type=click.Choice(_FORMATS), help="Default: as --out ends, else folder.")
@click.option(
    "--report", "reports", type=click.Choice(FORMATS), multiple=True, help="Put a report in, too; may be repeated."
)
@request_options("package", "Of reports.")
@click.option("--json", "as_json", is_flag=True, help="Say what was written as a JSON object.")
@pass_cli
def command(
    cli: Cli,
    ids: Sequence[str],
    everything: bool,
    conditions: Conditions,
    out: str,
    form: str | None,
    reports: Sequence[str],
    language: str,
    case: str,
    exhibit: str,
    purpose: str,
    requester: str,
    at: int | None,
    as_json: bool,
) -> int:
    """Write a package that proves itself without this program.

    It is a BagIt bag with the files as delivered, the sign file, the public key in both forms, signature and hash
    list, the custody log's entries with their proofs and its signed head, and VERIFY.md and verify.sh, which check
    all of it with openssl, sha256sum and a shell. Each file is hashed while it is copied; one that is not what was
    acquired goes in all the same and is marked FAILED. PATH appears whole or not at all. The same head and options
    give the same bytes; times in it are the head's, or SOURCE_DATE_EPOCH. That it was made goes on record with the
    SHA-256 of tagmanifest-sha256.txt: keep that beside the protocol of the hand-over.
    """
    from archiver import wiring
    from archiver.wiring_report import Request, moment_of

    check_choice(ids, everything, conditions)
    target = Path(out).absolute()
    form = form or _format_of(target.name)
    given = moment_of(cli.environ)
    settings = cli.settings()
    check_new(target, settings.archive.path)
    cli.catch_signals()
    try:
        with closing(wiring.open_app(settings, cli.stop, cli.progress())) as app:
            chosen = conditions.selection([app.ledger.evidence.resolve(text) for text in ids] if ids else None)
            check_head(app, at)
            asked = Request(case, exhibit, purpose, requester, language)
            if at is None:
                survey_first(app, cli, chosen, "auto", again=False)  # what is copied is hashed all the same
            reporting = reporting_of(app, cli, asked, given, at)
            if at is None:
                _state_account(app, cli, chosen, reporting)
            if "SOURCE_DATE_EPOCH" not in cli.environ:
                reporting.now = (reporting.log.head_at or given).replace(microsecond=0)
            reporting.proofs = sys.maxsize
            made = _export(app, reporting, chosen, target, form, sorted(set(reports)))
            _tell(made, target, form, as_json)
            sign_head(app, cli)
    except StoppedError as error:
        note(f"archiver: {error}")
        return EXIT_INTERRUPTED
    if made.differs or made.altered or made.troubled or reporting.log.is_contradicted:
        return EXIT_INTEGRITY
    return EXIT_UNREACHED if made.unread or reporting.log.is_unverified else EXIT_OK


def _format_of(name: str) -> str:
    """As *name* ends. Raises UsageError for the ending of a file of another kind: a folder is not what was meant."""
    lower = name.lower()
    known = next((form for end, form in _ENDINGS.items() if lower.endswith(end)), None)
    if known is None and lower.endswith(_OTHERS):
        raise UsageError(
            f"--out {name}: {Path(lower).suffix} is no format of packages",
            f"Choose with --format {'|'.join(_FORMATS)}.",
        )
    return known or "folder"


def _state_account(app: App, cli: Cli, chosen: Selection, reporting: Reporting) -> None:
    """Has the log say which entries it has about *chosen*, under a head that the package is then made of.

    Only where nothing speaks against the ledger: what it does not know rightly it must not sign.
    """
    from archiver.wiring import utc_now
    from archiver.work.account import state_account
    from archiver.work.log_state import log_state

    log = reporting.log
    if log.is_contradicted or log.is_unverified:
        return
    try:
        _ = app.signer().key
        size = state_account(app.ledger, utc_now, chosen, lambda: sign_head_soon(app, cli, by_kms=True))
    except (SigningError, LogForkedError):  # said where the report's head is looked for
        return
    if size is not None:
        reporting.log = replace(log_state(app.ledger.log, log.trust, size), held=log.held)
        reporting.before = size


def _check_room(app: App, chosen: Selection, target: Path) -> None:
    """Raises StoreFullError now where the evidence alone has no room at *target*: not after hours of copying."""
    records = app.ledger.evidence.select(chosen, unreadable=lambda _id, _why: None)
    wanted = sum(record.evidence.size for record in records)
    free = shutil.disk_usage(target.parent).free
    if wanted > free:
        raise StoreFullError(
            f"{target}: {human_size(wanted)} are to be packaged, and {human_size(free)} are free there",
            "Choose another disk, or fewer items.",
        )


def _export(
    app: App,
    reporting: Reporting,
    chosen: Selection,
    target: Path,
    form: str,
    reports: Sequence[str],
) -> Packaged:
    """Writes the package, puts it on record, and then gives it its name."""
    from archiver.domain.custody_facts import Exported
    from archiver.domain.package import PackageAbout
    from archiver.render.package_texts import doubts_of, guide, item_bytes, script, unlooked_of
    from archiver.wiring import utc_now
    from archiver.work.account import account_under
    from archiver.work.export import Export, Texts
    from archiver.work.export_log import package_head

    heading = reporting.heading(chosen)
    about = PackageAbout(
        moment=reporting.now,
        version=app.actor.version,
        selection=heading.selection,
        id=heading.id,
        case=heading.case,
        exhibit=heading.exhibit,
        purpose=heading.purpose,
        requester=heading.requester,
        doubts=doubts_of(reporting.log),
        unlooked=unlooked_of(reporting.log),
    )
    texts = Texts(script(), guide, item_bytes)
    use_case = Export(app.store, app.ledger.evidence.events, texts, app.progress, app.stop.is_set)
    extras = [_Report(form, heading, target.parent, app.stop.is_set) for form in reports]
    head = package_head(reporting.log)
    try:
        with tempfile.TemporaryFile() as text, _writer(target, form, reporting.now) as writer:
            _check_room(app, chosen, target)
            stands = not (reporting.log.is_contradicted or reporting.log.is_unverified)
            account = account_under(app.ledger, chosen, head.size, text) if head and stands else None
            if account is None:
                warn("the log has no account of these items under this head: that the package is whole is not shown")
            made = use_case.run(reporting.items(chosen), writer, about, head, extras, account)
            entry = Exported(
                at=utc_now(),
                ids=made.ids,
                count=made.items,
                selection=heading.selection,
                form=form,
                manifest_sha256=made.manifest_sha256,
                files=made.files,
                size=made.size,
            )
            app.ledger.journal.record([entry])
            writer.publish()
    finally:
        for extra in extras:
            extra.close()
    return made


def _writer(target: Path, form: str, moment: datetime) -> PackageWriter:
    end = f".{form}"
    root = target.name[: -len(end)] if target.name.lower().endswith(end) else target.name
    root = re.sub(r"[^A-Za-z0-9._-]", "_", root).lstrip(".-") or "package"
    if form == "tar.zst":
        from archiver.adapters.files.package_tar import TarPackage

        return TarPackage(target, root, moment)
    if form == "zip":
        from archiver.adapters.files.package_zip import ZipPackage

        return ZipPackage(target, root, moment)
    from archiver.adapters.files.package_folder import FolderPackage

    return FolderPackage(target, moment)


class _Report:
    """``PackageExtra``: a report on the same items."""

    def __init__(self, form: str, heading: Heading, folder: Path, should_stop: ShouldStop) -> None:
        from archiver.domain.summary import Summary

        as_of = heading.log.head_at if heading.log else None
        self._draft: Draft = draft_of(form, heading.language, folder, as_of, should_stop)
        self._name = f"report.{_REPORTS[form]}"
        self._heading, self._summary = heading, Summary()

    def take(self, item: ItemDossier) -> None:
        self._draft.add(item)
        self._summary.add(item)

    def files(self) -> Iterator[tuple[str, int, Iterable[bytes]]]:
        with tempfile.TemporaryFile() as whole:
            self._draft.write(self._heading, self._summary, whole)
            size = whole.seek(0, os.SEEK_END)
            whole.seek(0)
            yield self._name, size, _chunks(whole)

    def close(self) -> None:
        self._draft.close()


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK):
        yield chunk


def _tell(made: Packaged, target: Path, form: str, as_json: bool) -> None:
    """What is wrong is said however quiet the command is to be."""
    for one in made.differing[:_TOLD]:
        warn(f"{one.evidence[:12]} {one.path}: {one.why}")
    rest = made.differs + made.unread - len(made.differing[:_TOLD])
    if rest:
        warn(f"and {rest:,} more; DIFFERS.txt in each item of the package names them")
    if made.altered:
        warn(
            f"{counted(made.altered, 'item')} FAILED: ledger and log contradict each other, so there is no proof; "
            "archiver ledger verify says where"
        )
    if made.troubled:
        failed = counted(made.troubled, "item")
        warn(f"{failed} FAILED: the archive does not hold what is on record; archiver audit says more")
    if made.unproved > made.altered:
        unproved = counted(made.unproved - made.altered, "item")
        warn(f"{unproved} without proof from the log: run archiver ledger checkpoint, then again")
    verdicts = {verdict.value: count for verdict, count in sorted(made.by_verdict.items())}
    if as_json:
        print_json(
            {
                "out": str(target),
                "format": form,
                "items": made.items,
                **verdicts,
                "files": made.files,
                "bytes": made.size,
                "tagmanifest_sha256": made.manifest_sha256,
                "differing": [{"id": d.evidence, "path": d.path, "why": d.why} for d in made.differing],
                "differ": made.differs,
                "unread": made.unread,
                "without_proof": made.unproved,
                "contradicted": made.altered,
            }
        )
        return
    said = ", ".join(f"{count:,} {verdict}" for verdict, count in verdicts.items())
    say(f"{printable(str(target))}: {counted(made.items, 'item')} ({said}), {human_size(made.size)}")
    say(f"tagmanifest-sha256.txt: SHA-256 {made.manifest_sha256}")
