"""What a package makes of an archive that gives other bytes, errors or nothing: it goes on, and says so."""

from __future__ import annotations

import errno
import hashlib
import io
import json
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Self

import pytest

from archiver.domain.dossier import ItemDossier, Proof
from archiver.domain.package import PackageAbout, Packaged, PackageHead
from archiver.errors import MediumError, StoppedError, UsageError
from archiver.render.package_texts import guide, item_bytes, script
from archiver.render.progress import SilentProgress
from archiver.work.export import Export, Texts
from archiver.work.export_bag import one_line, safe_name
from tests.support.dossier_events import DELIVERED, HOSTILE, NOW, Made
from tests.support.dossiers import full_made

ABOUT = PackageAbout(NOW, "1.2.3", "one item", "ab" * 16, case=HOSTILE, exhibit="A")


class MemoryPackage:
    """``PackageWriter`` in a dict."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None: ...

    def add(self, path: str, size: int, chunks: Iterable[bytes], executable: bool = False) -> None:
        data = b"".join(chunks)
        assert len(data) == size
        assert path not in self.files
        assert executable == (path == "verify.sh")
        self.files[path] = data

    def finish(self) -> None:
        self.finished = True

    def publish(self) -> None:
        raise AssertionError("that is for whoever puts it on record")


class Source:
    """``PackageSource`` over *files*. ``breaks``: path -> bytes that are read before the medium gives an error."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.breaks: dict[str, int] = {}

    def size(self, path: str) -> int:
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, "no file", path)
        return len(self.files[path])

    @contextmanager
    def open(self, path: str, from_medium: bool) -> Any:
        self.size(path)
        yield Breaking(self.files[path], self.breaks.get(path))


class Breaking(io.BytesIO):
    def __init__(self, data: bytes, most: int | None) -> None:
        super().__init__(data if most is None else data[:most])
        self.breaks = most is not None

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if not data and self.breaks:
            raise MediumError("the disk gave an error")
        return data


class Stand:
    """One item, full, and what is made of it."""

    def __init__(self) -> None:
        self.made: Made = full_made()
        self.source = Source(dict(self.made.files))
        self.package = MemoryPackage()
        self.stop = False

    @property
    def root(self) -> str:
        return f"data/evidence/{self.made.evidence.id}"

    def path(self, name: str) -> str:
        return next(file.path for file in self.made.evidence.files if file.name == name)

    def run(self, *items: ItemDossier, head: PackageHead | None = None) -> Packaged:
        texts = Texts(script(), guide, item_bytes)
        made = Export(self.source, lambda _id: self.made.events, texts, SilentProgress(), lambda: self.stop)
        return made.run(items or [self.made.dossier(self.made.proof)], self.package, ABOUT, head)

    def text(self, name: str) -> str:
        return self.package.files[f"{self.root}/{name}"].decode()


@pytest.fixture
def stand() -> Stand:
    return Stand()


def test_all_that_is_there_goes_in(stand: Stand) -> None:
    made = stand.run()
    files = stand.package.files
    assert stand.package.finished
    assert (made.items, made.differs, made.unread, made.unproved) == (1, 0, 0, 0)
    for name, data in DELIVERED.items():
        assert files[f"{stand.root}/delivery/{name}"] == data
    assert json.loads(files[f"{stand.root}/described.json"])
    payload = {path: data for path, data in files.items() if path.startswith("data/")}
    assert (made.files, made.size) == (len(payload), sum(map(len, payload.values())))
    for algorithm in ("sha256", "sha512"):
        listed = dict(reversed(line.split("  ")) for line in files[f"manifest-{algorithm}.txt"].decode().splitlines())
        assert listed == {path: hashlib.new(algorithm, data).hexdigest() for path, data in payload.items()}
    assert made.manifest_sha256 == hashlib.sha256(files["tagmanifest-sha256.txt"]).hexdigest()


def test_hostile_words_stay_in_their_line(stand: Stand) -> None:
    stand.run()
    info = stand.package.files["bag-info.txt"].decode()
    assert all(c.isprintable() or c == "\n" for c in info)
    assert [line.partition(":")[0] for line in info.splitlines()].count("Case") == 1
    said = stand.package.files["VERIFY.md"].decode()
    assert "<script>" not in said
    assert "](" not in said
    assert one_line("a\r\nCase: forged\x1b") == "a  Case: forged"


@pytest.mark.parametrize("name", ["../../etc/passwd", "", ".", "a/b", "x" * 5000, "\udcff", "CON", "a\nb", "日本"])
def test_names_become_harmless(name: str) -> None:
    safe = safe_name(7, name)
    assert safe.startswith("000007-")
    assert len(safe) <= 90
    assert safe.isascii()
    assert not set(safe) & set("/\\\n %*?\"'$`")


def test_a_file_that_breaks_off_is_filled_with_zeros_and_said(stand: Stand) -> None:
    stand.source.breaks[stand.path("result_1.csv.gz")] = 10
    made = stand.run()
    data = stand.package.files[f"{stand.root}/delivery/result_1.csv.gz"]
    genuine = DELIVERED["result_1.csv.gz"]
    assert data == genuine[:10] + bytes(len(genuine) - 10)
    assert (made.differs, made.unread) == (0, 1)
    assert "only its first 10 bytes can be read" in stand.text("DIFFERS.txt")
    assert "only its first 10 bytes can be read" in stand.package.files["VERIFY.md"].decode()
    assert stand.text("verdict.txt").startswith("verdict indeterminate\nreasons read_error\n")
    assert "Evidence-Files-Unread: 1" in stand.package.files["bag-info.txt"].decode()


def test_a_sign_file_that_is_another_gives_its_own_artefacts(stand: Stand) -> None:
    """The artefacts are those of the sign file beside them: what differs from the log is for the log to tell."""
    other = DELIVERED["result_sign.json"].replace(b'"hashSignature":', b'"hashSignatur3":')
    stand.source.files[stand.path("result_sign.json")] = other
    made = stand.run()
    assert made.differs == 1
    assert f"{stand.root}/artefacts/hash_list" not in stand.package.files
    assert "when it was acquired" in stand.text("DIFFERS.txt")


def test_an_account_of_the_query_that_was_altered_is_said(stand: Stand) -> None:
    (path,) = (path for path in stand.source.files if path.startswith("described/"))
    stand.source.files[path] += b" "
    assert stand.run().differs == 1
    assert "described.json: FAILED" in stand.text("DIFFERS.txt")
    stand.package = MemoryPackage()
    del stand.source.files[path]
    assert stand.run().differs == 1
    assert f"{stand.root}/described.json" not in stand.package.files


def test_what_was_told_after_the_head_is_left_out(stand: Stand) -> None:
    item = stand.made.dossier(stand.made.proof)
    stand.run(replace(item, proof=Proof(None, 1, "the head is\x1b[2J older\nthan that")))
    assert f"{stand.root}/described.json" not in stand.package.files
    assert stand.text("no-proof.txt") == "the head is\\x1b[2J older\\nthan that\n"


def test_an_item_that_the_ledger_contradicts_itself_about_is_marked(stand: Stand) -> None:
    item = stand.made.dossier(stand.made.proof)
    made = stand.run(replace(item, proof=Proof(None, 1, "event 12 is not what was signed", is_altered=True)))
    assert (made.unproved, made.altered) == (1, 1)
    assert stand.text("no-proof.txt") == "FAILED: event 12 is not what was signed\n"
    guide = stand.package.files["VERIFY.md"].decode()
    assert "FAILED: the archive's ledger and log contradict each other about 1 items" in guide


def test_no_item_is_no_package(stand: Stand) -> None:
    texts = Texts(script(), guide, item_bytes)
    export = Export(stand.source, lambda _id: (), texts, SilentProgress(), lambda: False)
    with pytest.raises(UsageError):
        export.run([], stand.package, ABOUT, None)


def test_it_stops_between_chunks(stand: Stand) -> None:
    stand.stop = True
    with pytest.raises(StoppedError):
        stand.run()
    assert not stand.package.finished
