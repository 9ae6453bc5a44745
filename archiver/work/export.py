"""Makes packages: items of evidence whole, with all that proves them, in a bag that checks itself without us.

Each file is hashed while it is copied. One that is not what was acquired goes in all the same, and is marked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Final

from archiver.domain.custody import to_json
from archiver.domain.custody_facts import QueryDescribed
from archiver.domain.dossier import ItemDossier, Standing
from archiver.domain.evidence import EvidenceFile, FileRole
from archiver.domain.limits import CHUNK_BYTES, SIGN_FILE_BYTES
from archiver.domain.package import Differing, PackageAbout, PackageAccount, Packaged, PackageHead
from archiver.domain.records import CustodyEvent
from archiver.domain.sign_file import (
    RESULT_NAME,
    SIGN_FILE_NAME,
    SignFile,
    SignFileInvalidError,
    SignFileUnsupportedError,
    parse_sign_file,
)
from archiver.domain.summary import REPORTED_IDS
from archiver.domain.text import printable
from archiver.domain.times import format_time
from archiver.domain.verdict import Reason, Verdict, verdict_of
from archiver.errors import MediumError, RowUnreadableError, StoppedError, UsageError
from archiver.package_ports import PackageExtra, PackageSource, PackageWriter
from archiver.ports import Progress, ShouldStop
from archiver.verify.signature import KeyUnusableError, pem_pkcs1, pem_x509
from archiver.work.export_bag import Bag, safe_name
from archiver.work.export_log import account_files, head_files, proof_files

_TOLD: Final = 200
"""Differing files that are told one by one; the others are counted, and each item names its own."""

Guide = Callable[[PackageAbout, Packaged, PackageHead | None], bytes]
"""Makes VERIFY.md. The package's own digest is not known to it."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What a package holds of this program's own words. ``script``: verify.sh; ``item``: a dossier as JSON."""

    script: bytes
    guide: Guide
    item: Callable[[ItemDossier], bytes]


@dataclass
class Export:
    """Makes one package. ``events``: of one item, oldest first."""

    store: PackageSource
    events: Callable[[str], Iterable[CustodyEvent]]
    texts: Texts
    progress: Progress
    should_stop: ShouldStop

    def run(
        self,
        items: Iterable[ItemDossier],
        writer: PackageWriter,
        about: PackageAbout,
        head: PackageHead | None,
        extras: Sequence[PackageExtra] = (),
        account: PackageAccount | None = None,
    ) -> Packaged:
        """Writes *items*, in their order, and whatever *extras* make of them. *writer* is finished, not published.

        *account*: which entries the log has about just these items.

        Raises UsageError where there is no item, StoppedError, StoreError, LedgerError.
        """
        with Bag(writer) as bag:
            count = _Count()
            for item in items:
                packaged = _Item(self, bag, item, count).write()
                for extra in extras:
                    extra.take(packaged)
            if not count.by_verdict:
                raise UsageError("no evidence is archived that meets this; no package was made")
            for name, data in head_files(head) if head else ():
                bag.add_bytes(f"log/{name}", data)
            for name, size, data_of in account_files(account) if account else ():
                bag.add(f"log/{name}", size, data_of)
            if about.doubts or about.unlooked:
                bag.add_bytes("held.txt", _held(about))
            for extra in extras:
                for name, size, chunks in extra.files():
                    bag.add(f"report/{name}", size, chunks)
            made = count.packaged(bag, "")
            script = ("verify.sh", self.texts.script, True)
            guide = ("VERIFY.md", self.texts.guide(about, made, head), False)
            digest = bag.finish(_info(about, made, head), [guide, script])
            writer.finish()
            return count.packaged(bag, digest)


@dataclass
class _Count:
    """What was packaged so far."""

    by_verdict: dict[Verdict, int] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    differing: list[Differing] = field(default_factory=list)
    differs: int = 0
    unread: int = 0
    unproved: int = 0
    altered: int = 0
    troubled: int = 0

    def differ(self, one: Differing) -> None:
        """Counts *one*, and keeps it where there are not too many."""
        self.differs += not one.unread
        self.unread += one.unread
        if len(self.differing) < _TOLD:
            self.differing.append(one)

    def packaged(self, bag: Bag, digest: str) -> Packaged:
        """All of it, as a value."""
        ids = tuple(self.ids) if len(self.ids) <= REPORTED_IDS else ()
        return Packaged(
            by_verdict=dict(self.by_verdict),
            ids=ids,
            files=bag.files,
            size=bag.size,
            manifest_sha256=digest,
            differing=tuple(self.differing),
            differs=self.differs,
            unread=self.unread,
            unproved=self.unproved,
            altered=self.altered,
            troubled=self.troubled,
        )


class _Item:
    """One item on its way into the bag."""

    def __init__(self, export: Export, bag: Bag, item: ItemDossier, count: _Count) -> None:
        self._export, self._bag, self._item, self._count = export, bag, item, count
        self._evidence = item.evidence
        self._root = f"evidence/{item.evidence.id}"
        self._differing: list[Differing] = []
        self._altered: set[str] = set()
        self._sign_bytes = b""

    def write(self) -> ItemDossier:
        """All files of the item, in a fixed order. Answers the dossier as the files in the package have it."""
        count = self._count
        if len(count.ids) <= REPORTED_IDS:
            count.ids.append(self._evidence.id)
        self._delivered()
        self._unlisted()
        self._artefacts()
        self._custody()
        self._described()
        self._item = _as_found(self._item, self._differing, self._altered)
        count.troubled += bool(self._item.archive_troubles) and not self._differing
        verdict = self._item.state.verdict
        count.by_verdict[verdict] = count.by_verdict.get(verdict, 0) + 1
        self._put("item.json", self._export.texts.item(self._item))
        self._put("verdict.txt", self._verdict())
        for one in self._differing:
            count.differ(one)
        if self._differing:
            self._put("DIFFERS.txt", "".join(f"{one.path}: {one.why}\n" for one in self._differing).encode("utf-8"))
        return self._item

    def _put(self, path: str, data: bytes) -> str:
        return self._bag.add_bytes(f"{self._root}/{path}", data)

    def _delivered(self) -> None:
        """Under their own names, which are none but the format's."""
        for file in sorted(filter(_is_delivered, self._evidence.files), key=lambda file: file.name):
            self._copy(file, f"delivery/{file.name}")

    def _unlisted(self) -> None:
        names = []
        others = [file for file in self._evidence.files if not _is_delivered(file)]
        for number, file in enumerate(others, 1):
            name = safe_name(number, file.name)
            self._copy(file, f"unlisted/{name}")
            names.append({"file": name, "name": file.name, "archived_at": file.path, "sha256": file.sha256})
        if names:
            self._put("unlisted/names.json", _json({"files": names}))

    def _copy(self, file: EvidenceFile, place: str) -> None:
        """Copies *file*, whatever it is now; what differs from what was acquired is noted."""
        store, told = self._export.store, _Told()
        try:
            size = store.size(file.path)
            with store.open(file.path, from_medium=False) as stream:
                chunks = self._chunks(stream, size, told, keep=file.role is FileRole.SIGN_FILE)
                sha256 = self._bag.add(f"{self._root}/{place}", size, chunks)
        except FileNotFoundError:
            self._altered.add(file.path)
            self._differs(place, "FAILED: it is not in the archive any more, so it is not in this package")
            return
        except MediumError as error:
            self._differs(place, f"FAILED: it cannot be read, so it is not in this package: {error}", unread=True)
            return
        if told.why:
            self._differs(place, f"FAILED: {told.why}", unread=True)
        elif sha256 != file.sha256:
            self._altered.add(file.path)
            self._differs(place, f"FAILED: its SHA-256 is {sha256}; when it was acquired, it was {file.sha256}")

    def _chunks(self, stream: BinaryIO, size: int, told: _Told, *, keep: bool) -> Iterator[bytes]:
        """Exactly *size* bytes of *stream*: what was begun must be ended, so zeros stand for what cannot be read."""
        export, left, kept = self._export, size, bytearray()
        try:
            while left and (chunk := stream.read(min(CHUNK_BYTES, left))):
                if export.should_stop():
                    raise StoppedError("stopped; the unfinished package was removed")
                left -= len(chunk)
                export.progress.moved(len(chunk))
                if keep and size <= SIGN_FILE_BYTES:
                    kept += chunk
                yield chunk
            if left:
                told.why = f"it ended after {size - left} bytes while it was read; zeros stand for the other {left}"
        except MediumError as error:
            told.why = f"only its first {size - left} bytes can be read, zeros stand for the other {left}: {error}"
        if keep and not left:
            self._sign_bytes = bytes(kept)
        while left:
            yield bytes(min(CHUNK_BYTES, left))
            left -= min(CHUNK_BYTES, left)

    def _differs(self, place: str, why: str, *, unread: bool = False) -> None:
        self._differing.append(Differing(self._evidence.id, place, printable(why, 1000), unread))

    def _artefacts(self) -> None:
        """What openssl takes: hash list and signature of the sign file in this package, the key in both forms."""
        parsed = _parsed(self._sign_bytes)
        if parsed is not None:
            self._put("artefacts/hash_list", parsed.signing_string)
        if self._item.keys:
            der = self._item.keys[0].key.der
            try:
                self._put("artefacts/public_key_pkcs1.pem", pem_pkcs1(der))
                self._put("artefacts/public_key_x509.pem", pem_x509(der))
            except KeyUnusableError as error:
                self._differs("artefacts/public_key_pkcs1.pem", f"FAILED: the ledger's key is none: {error}")
        if parsed is not None:
            self._put("artefacts/signature.bin", parsed.signature)
        if self._item.keys:
            copies = [
                {"key": to_json(held.key), "sha256": held.key.sha256, "provenance": to_json(held.provenance)}
                for held in self._item.keys
            ]
            self._put("key_provenance.json", _json({"copies": copies}))

    def _custody(self) -> None:
        proof = self._item.proof
        if proof.data is None:
            self._count.unproved += 1
            self._count.altered += proof.is_altered
            why = printable(proof.trouble or "none was made", 1000)
            if proof.is_altered:  # what verify.sh goes by
                why = f"FAILED: {why}"
            self._put("no-proof.txt", f"{why}\n".encode())
            return
        for name, data in proof_files(proof.data):
            self._put(f"custody/{name}", data)
        self._put("proof.json", proof.data)

    def _described(self) -> None:
        """CloudTrail's account of the query, where it was asked for and answered; the last one."""
        found = None
        try:
            for event in self._export.events(self._evidence.id):
                if event.kind == QueryDescribed.kind and self._is_covered(event):
                    found = json.loads(event.body)
        except (RowUnreadableError, ValueError, RecursionError):  # of which the item tells
            return
        path, recorded = (found.get("path"), found.get("sha256")) if isinstance(found, dict) else (None, None)
        if not isinstance(path, str):
            return
        store, told = self._export.store, _Told()
        try:
            size = store.size(path)
            with store.open(path, from_medium=False) as stream:
                chunks = self._chunks(stream, size, told, keep=False)
                sha256 = self._bag.add(f"{self._root}/described.json", size, chunks)
        except (FileNotFoundError, MediumError) as error:
            self._differs("described.json", f"FAILED: it cannot be read: {error}")
            return
        if told.why or sha256 != recorded:
            self._differs("described.json", f"FAILED: its SHA-256 is {sha256}; when it was recorded, {recorded}")

    def _is_covered(self, event: CustodyEvent) -> bool:
        size = self._item.proof.size
        return size is None or event.seq < size

    def _verdict(self) -> bytes:
        state = self._item.state
        lines = (
            f"verdict {state.verdict}",
            f"reasons {' '.join(state.reasons)}".rstrip(),
            f"findings {' '.join(state.findings)}".rstrip(),
        )
        return "".join(f"{line}\n" for line in lines).encode("ascii")


@dataclass
class _Told:
    """Why a file could not be copied whole, "" where it was."""

    why: str = ""


def _as_found(item: ItemDossier, differing: Sequence[Differing], altered: Collection[str]) -> ItemDossier:
    """*item* with the verdict that the files in the package deserve, whatever was last said of those in the archive.

    ``altered``: the paths in the archive of those that are not what was acquired.
    """
    if not differing:
        return replace(item, is_read=True)
    new = {Reason.READ_ERROR if one.unread else Reason.ARCHIVE_ALTERED for one in differing}
    given = new.union(item.state.reasons)
    reasons = tuple(reason for reason in Reason if reason in given)
    files = tuple(replace(f, standing=Standing.ALTERED) if f.path in altered else f for f in item.files)
    return replace(item, state=replace(item.state, verdict=verdict_of(reasons), reasons=reasons), files=files)


def _is_delivered(file: EvidenceFile) -> bool:
    if file.role is FileRole.SIGN_FILE:
        return file.name == SIGN_FILE_NAME
    return file.role is FileRole.RESULT and RESULT_NAME.fullmatch(file.name) is not None


def _parsed(data: bytes) -> SignFile | None:
    try:
        return parse_sign_file(data)
    except (SignFileInvalidError, SignFileUnsupportedError):
        return None


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode("ascii") + b"\n"


def _held(about: PackageAbout) -> bytes:
    """What verify.sh goes by where the ledger does not pass its verification."""
    lines = [*(f"FAILED {why}" for why in about.doubts), *(f"NOT CHECKED {why}" for why in about.unlooked)]
    return "".join(f"{printable(line, 1000)}\n" for line in lines).encode("utf-8")


def _info(about: PackageAbout, made: Packaged, head: PackageHead | None) -> list[tuple[str, str]]:
    """The lines of bag-info.txt (RFC 8493, section 2.2.2), and some of our own below them."""
    counts = {f"Evidence-{verdict.value.capitalize()}": str(n) for verdict, n in sorted(made.by_verdict.items())}
    return [
        ("Bagging-Date", about.moment.date().isoformat()),
        ("Bag-Software-Agent", f"cloudtrail-evidence-archiver {about.version}"),
        ("External-Identifier", about.id),
        ("External-Description", f"AWS CloudTrail Lake query results with proofs: {about.selection}"),
        ("Case", about.case),
        ("Exhibit", about.exhibit),
        ("Purpose", about.purpose),
        ("Requester", about.requester),
        ("Made-As-Of", format_time(about.moment)),
        ("Evidence-Items", str(made.items)),
        *counts.items(),
        ("Evidence-Files-That-Differ", str(made.differs) if made.differs else ""),
        ("Evidence-Files-Unread", str(made.unread) if made.unread else ""),
        ("Evidence-Without-Log-Proof", str(made.unproved) if made.unproved else ""),
        ("Ledger-Contradicts-Its-Log", "yes" if about.doubts else ""),
        ("Log-Head-Size", str(head.size) if head else ""),
    ]
