"""``verify.sh`` against a forger, who makes every list of the package anew, and against hostile sign files."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from archiver.demo.deliveries import gzip_bytes, make_delivery, make_signing_key
from archiver.log.note import ed25519_key, format_note, signature_line
from archiver.verify.signature import pem_pkcs1, pem_x509
from tests.support.filled import COMPLETE, Place, fill
from tests.support.packages import (
    Checked,
    check,
    copy_of,
    flip,
    good,
    item_of,
    packages,
    place,
    reseal,
    seal_tags,
    shells,
    vkey,
)

__all__ = ["good", "packages", "place"]

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(
        not shells() or not all(map(shutil.which, ("openssl", "sha256sum"))),
        reason="no shell, openssl or sha256sum here",
    ),
]

Damage = Callable[[Path], object]


def other_key(package: Path) -> None:
    der = make_signing_key("us-east-1", COMPLETE).public.der
    (item_of(package) / "artefacts/public_key_pkcs1.pem").write_bytes(pem_pkcs1(der))
    (item_of(package) / "artefacts/public_key_x509.pem").write_bytes(pem_x509(der))


def one_other_key(package: Path) -> None:
    der = make_signing_key("us-east-1", COMPLETE).public.der
    (item_of(package) / "artefacts/public_key_x509.pem").write_bytes(pem_x509(der))


def leaf(package: Path) -> Path:
    """The entry of the acquisition."""
    return next(p for p in (item_of(package) / "custody").glob("*.leaf") if b"evidence_acquired" in p.read_bytes())


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def each_sibling(package: Path) -> list[str]:
    return leaf(package).with_suffix(".path").read_text().splitlines()[2:]


def left_out(package: Path, kind: str) -> None:
    """Takes the entries of *kind* out of the package, with their paths."""
    found = [p for p in (item_of(package) / "custody").glob("*.leaf") if f'"kind":"{kind}"' in p.read_text()]
    assert found
    for path in found:
        path.unlink()
        path.with_suffix(".path").unlink()


def other_account(package: Path) -> None:
    """Puts a true entry of the log in the place of its account."""
    for end in (".leaf", ".path"):
        shutil.copy(leaf(package).with_suffix(end), package / f"data/log/accounts{end}")


def renamed(path: Path, name: str) -> None:
    path.rename(path.with_name(name))


SEALED: dict[str, tuple[Damage, str]] = {
    "result": (lambda p: flip(item_of(p) / "delivery/result_2.csv.gz"), "delivery/result_2.csv.gz is NOT"),
    "result gone": (
        lambda p: (item_of(p) / "delivery/result_2.csv.gz").unlink(),
        "delivery/result_2.csv.gz is listed",
    ),
    "result more": (
        lambda p: (item_of(p) / "delivery/result_3.csv.gz").write_bytes(b"x"),
        "delivery/result_3.csv.gz is not listed",
    ),
    "file more": (
        lambda p: (item_of(p) / "delivery/notes.txt").write_bytes(b"x"),
        "delivery/notes.txt does not belong",
    ),
    "words more": (lambda p: (item_of(p) / "README.txt").write_bytes(b"x"), "README.txt does not belong there"),
    "entry more": (lambda p: (item_of(p) / "custody/x.leaf").write_bytes(b"x"), "custody/x.leaf does not belong"),
    "log file more": (lambda p: (p / "data/log/other").write_bytes(b"x"), "data/log/other is no file of a package"),
    "report more": (lambda p: (p / "data/notes.html").write_bytes(b"x"), "data/notes.html is no file of a package"),
    "unlisted more": (
        lambda p: ((item_of(p) / "unlisted").mkdir(), (item_of(p) / "unlisted/000001-x").write_bytes(b"x")),
        "4 files are here, and 3 were acquired",
    ),
    "sign file": (
        lambda p: change(item_of(p) / "delivery/result_sign.json", '"us-east-1"', '"us-west-1"'),
        "delivery/result_sign.json is NOT what was acquired",
    ),
    "sign file gone": (lambda p: (item_of(p) / "delivery/result_sign.json").unlink(), "there is no sign file"),
    "hash list": (lambda p: flip(item_of(p) / "artefacts/hash_list"), "artefacts/hash_list is NOT the list"),
    "hash list with a line end": (
        lambda p: (item_of(p) / "artefacts/hash_list").open("ab").write(b"\n"),
        "artefacts/hash_list is NOT the list",
    ),
    "hash list gone": (lambda p: (item_of(p) / "artefacts/hash_list").unlink(), "artefacts/hash_list is not there"),
    "signature": (lambda p: flip(item_of(p) / "artefacts/signature.bin"), "artefacts/signature.bin is NOT"),
    "one key": (one_other_key, "public_key_x509.pem are two keys"),
    "both keys": (other_key, "which is NOT what the sign file names"),
    "key": (lambda p: flip(item_of(p) / "artefacts/public_key_pkcs1.pem"), "public_key_pkcs1.pem"),
    "leaf": (lambda p: change(leaf(p), '"revision":1', '"revision":2'), ".leaf is NOT in the log"),
    "leaf with a NUL": (lambda p: leaf(p).open("ab").write(b"\0"), "it is not one line of text"),
    "leaf with a line end": (lambda p: leaf(p).open("ab").write(b"\n"), "it is not one line of text"),
    "leaf gone": (lambda p: leaf(p).unlink(), "no entry of the log tells of its acquisition"),
    "leaf elsewhere": (lambda p: renamed(leaf(p), "13.leaf"), "custody/13.path is missing"),
    "path gone": (lambda p: leaf(p).with_suffix(".path").unlink(), ".path is missing"),
    "path short": (
        lambda p: change(leaf(p).with_suffix(".path"), each_sibling(p)[-1] + "\n", ""),
        ".leaf is NOT in the log",
    ),
    "path long": (lambda p: leaf(p).with_suffix(".path").open("a").write("0" * 64 + "\n"), ".leaf is NOT in the log"),
    "path of another head": (
        lambda p: change(leaf(p).with_suffix(".path"), "size ", "size 1"),
        "its path is not one of this head",
    ),
    "path with a command": (
        lambda p: leaf(p).with_suffix(".path").write_text("index $(touch owned)\nsize `id`\n"),
        "its path is not one of this head",
    ),
    "checkpoint": (lambda p: flip(p / "data/log/checkpoint", 25), "data/log/checkpoint"),
    "head": (
        lambda p: [
            change(p / "data/log" / name, "example.com/custody", "example.com/custodx")
            for name in ("checkpoint.text", "checkpoint")
        ],
        "data/log/checkpoint",
    ),
    "log signature": (lambda p: flip(p / "data/log/checkpoint.sig"), "data/log/checkpoint.sig is NOT"),
    "log key": (lambda p: flip(p / "data/log/log_key.pem", 60), "data/log/log_key.pem"),
    "vkey": (lambda p: flip(p / "data/log/vkey", 45), "data/log/vkey"),
    "verdict": (lambda p: change(item_of(p) / "verdict.txt", "verified", "splendid"), "verdict.txt tells no verdict"),
    "entry left out": (lambda p: left_out(p, "evidence_surveyed"), "were left out, or put in"),
    "entry of the key left out": (lambda p: left_out(p, "key_harvested"), "were left out, or put in"),
    "account altered": (lambda p: flip(p / "data/log/accounts.txt"), "accounts.txt is NOT what the log says"),
    "account's entry altered": (lambda p: flip(p / "data/log/accounts.leaf", 40), "NOT the last entry but one"),
    "account's entry gone": (lambda p: (p / "data/log/accounts.leaf").unlink(), "data/log: accounts.leaf: missing"),
    "account of another place": (
        lambda p: change(p / "data/log/accounts.path", "index ", "index 1"),
        "NOT the last entry but one",
    ),
    "another entry as account": (other_account, "NOT the last entry but one"),
    "words gone": (lambda p: (item_of(p) / "item.json").unlink(), "item.json is missing"),
    "provenance gone": (lambda p: (item_of(p) / "key_provenance.json").unlink(), "key_provenance.json is missing"),
    "provenance emptied": (
        lambda p: (item_of(p) / "key_provenance.json").write_text('{"copies":[]}'),
        "key_provenance.json leaves out a way",
    ),
    "proof gone": (lambda p: (item_of(p) / "proof.json").unlink(), "proof.json is missing"),
    "no item": (lambda p: shutil.rmtree(item_of(p)), "there is no item of evidence"),
}


@pytest.mark.parametrize("what", SEALED)
def test_a_forger_who_makes_the_lists_anew_is_found_out(good: Path, what: str) -> None:
    damage, named = SEALED[what]
    damage(good)
    reseal(good)
    done = check(good)
    assert done.status == 1
    assert done.names(named), done.text
    assert not Path("/owned").exists()


def test_without_the_logs_account_nothing_shows_that_no_entry_was_left_out(good: Path) -> None:
    assert check(good).status == 0
    for path in (good / "data/log").glob("accounts.*"):
        path.unlink()
    left_out(good, "evidence_surveyed")
    reseal(good)
    done = check(good)
    assert (done.status, done.failed) == (2, [])
    assert any("that no entry about an item was left out" in line for line in done.unsure)


@pytest.mark.parametrize("what", ["good", "unlisted", "keyless"])
def test_an_item_that_was_left_out_is_missed(
    place: Place, packages: dict[str, Path], tmp_path: Path, what: str
) -> None:
    package = copy_of(packages["all"], tmp_path / "package")
    item = place.item(what)["id"]
    shutil.rmtree(package / "data/evidence" / item)
    for algorithm in ("sha256", "sha512"):
        listed = package / f"manifest-{algorithm}.txt"
        listed.write_text("".join(ln for ln in listed.read_text().splitlines(keepends=True) if item not in ln))
    seal_tags(package)
    done = check(package)
    assert done.names("the log's account is of other items") or done.names("account has more items than are here")


def test_every_hash_of_a_path_counts(good: Path) -> None:
    path = leaf(good).with_suffix(".path")
    text = path.read_text()
    siblings = each_sibling(good)
    assert len(siblings) >= 3
    for sibling in siblings:
        path.write_text(text.replace(sibling, sibling[:-1] + ("0" if sibling[-1] != "0" else "1")))
        reseal(good)
        assert check(good).names(".leaf is NOT in the log"), sibling


def test_a_failed_item_cannot_be_called_verified(packages: dict[str, Path], tmp_path: Path) -> None:
    package = copy_of(packages["tampered"], tmp_path / "package")
    change(item_of(package) / "verdict.txt", "failed", "verified")
    reseal(package)
    done = check(package)
    assert done.names("verdict.txt says verified, and the log's last judgement says failed")


def test_findings_are_told_and_none_is_passed_over(packages: dict[str, Path], tmp_path: Path) -> None:
    package = copy_of(packages["unlisted"], tmp_path / "package")
    assert any(line.startswith("NOTE") and "unlisted_file" in line for line in check(package).text.splitlines())
    path = item_of(package) / "verdict.txt"
    change(path, "unlisted_file", "")
    reseal(package)
    assert check(package).names("does not tell of the finding unlisted_file")
    path.write_text("verdict verified\nreasons\nfindings unlisted_file gzip_damaged\n")
    reseal(package)
    assert check(package).names("verdict.txt tells of the finding gzip_damaged")


@pytest.mark.parametrize("softer", ["verified", "indeterminate"])
def test_a_verdict_cannot_be_made_softer(packages: dict[str, Path], tmp_path: Path, softer: str) -> None:
    package = copy_of(packages["tampered"], tmp_path / "package")
    (item_of(package) / "verdict.txt").write_text(f"verdict {softer}\nreasons key_unavailable\nfindings\n")
    reseal(package)
    done = check(package)
    assert done.names(f"verdict.txt says {softer}, and the log's last judgement says failed")
    assert done.names("verdict.txt does not tell of hash_mismatch")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Evidence-Items: 1", "Evidence-Items: 2"),
        ("Evidence-Verified: 1\n", ""),
        ("Evidence-Verified: 1", "Evidence-Verified: 1\nEvidence-Failed: 3"),
    ],
)
def test_the_counts_must_be_right(good: Path, old: str, new: str) -> None:
    change(good / "bag-info.txt", old, new)
    reseal(good)
    done = check(good)
    assert done.status == 1
    assert done.names("bag-info.txt: Evidence-")


def test_an_account_of_the_query_that_the_log_does_not_know(good: Path) -> None:
    (item_of(good) / "described.json").write_text("{}")
    reseal(good)
    done = check(good)
    assert done.names("described.json is NOT what was recorded, by the log")


def test_a_key_that_was_obtained_otherwise_than_the_log_says(good: Path) -> None:
    assert any("key_provenance.json tells how the key was obtained" in line for line in check(good).passed)
    change(item_of(good) / "key_provenance.json", '"import"', '"ListPublicKeys"')
    reseal(good)
    done = check(good)
    assert done.status == 2
    assert any("a way to the key that no entry of the log here tells of" in line for line in done.unsure)


def test_the_log_is_not_said_to_hold_where_nothing_of_it_was_checked(
    packages: dict[str, Path], tmp_path: Path
) -> None:
    package = copy_of(packages["tampered"], tmp_path / "package")
    shutil.rmtree(item_of(package) / "custody")
    (item_of(package) / "no-proof.txt").write_text("gone\n")
    reseal(package)
    done = check(package)
    assert done.status == 1
    assert "The lists and the log hold" not in done.text
    assert "nothing shows that this is what was packed" in done.text


def test_a_ledger_that_contradicts_its_log_is_a_failure(good: Path) -> None:
    shutil.rmtree(item_of(good) / "custody")
    (item_of(good) / "no-proof.txt").write_text("FAILED: event 12 is not what was signed\n")
    reseal(good)
    done = check(good)
    assert done.status == 1
    assert done.names("ledger and log contradict each other (FAILED: event 12 is not what was signed)")


def test_without_entries_nothing_is_called_proved(good: Path) -> None:
    shutil.rmtree(item_of(good) / "custody")
    (item_of(good) / "no-proof.txt").write_text("gone\x1b[2J\n")
    reseal(good)
    done = check(good)
    assert (done.status, done.failed) == (2, [])
    assert any("there is no proof of them" in line for line in done.unsure)


def test_another_log_is_found_out_by_its_key_alone(good: Path) -> None:
    """Who has no key of the log in hand can be given any log: that is what --log-key is for."""
    genuine = vkey(good)
    private = Ed25519PrivateKey.generate()
    public = private.public_key()
    key = ed25519_key("example.com/custody", public.public_bytes(Encoding.Raw, PublicFormat.Raw))
    log = good / "data/log"
    text = (log / "checkpoint.text").read_text()
    signature = private.sign(text.encode())
    (log / "checkpoint.sig").write_bytes(signature)
    (log / "checkpoint").write_text(format_note(text, [signature_line(key, signature)]))
    (log / "log_key.pem").write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    (log / "vkey").write_text(f"{key}\n")
    reseal(good)
    assert check(good).status == 0
    done = check(good, "--log-key", genuine)
    assert done.status == 1
    assert done.names("data/log/vkey is NOT the key that you gave")


def foreign_head(package: Path) -> bytes:
    """Signs the head of *package* with a key of nobody's, under the genuine name and ID; answers that key's PEM."""
    name, key_id, _ = vkey(package).split("+", 2)
    private = Ed25519PrivateKey.generate()
    log = package / "data/log"
    text = (log / "checkpoint.text").read_text()
    signature = private.sign(text.encode())
    (log / "checkpoint.sig").write_bytes(signature)
    line = base64.b64encode(bytes.fromhex(key_id) + signature).decode()
    (log / "checkpoint").write_text(f"{text}\n\u2014 {name} {line}\n")
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("shell", shells())
def test_a_key_file_of_two_keys_is_refused(good: Path, shell: str) -> None:
    """Lenient base64 reads the genuine key from it, and openssl another one: neither may decide."""
    genuine = vkey(good)
    path = good / "data/log/log_key.pem"
    line = path.read_text().splitlines()[1]
    other = foreign_head(good)
    for text in (
        f"{line[:16]}{' ' * 980}{line[16:]}\n!!!!\n".encode() + other,
        path.read_bytes() + other,
        other,
        path.read_bytes().replace(b"\n", b"\r\n"),
        path.read_bytes() + b"\0",
    ):
        path.write_bytes(text)
        reseal(good)
        done = check(good, "--log-key", genuine, shell=shell)
        assert done.status == 1
        assert done.names("data/log/log_key.pem is NOT the key in data/log/vkey"), done.text
        assert not any("signature over its head" in said for said in done.passed)


@pytest.mark.parametrize(
    "change_it", [lambda t: t + " ", lambda t: t + "\nmore", lambda t: t[:-1], lambda t: t + "===="]
)
def test_a_verifier_key_has_one_spelling(good: Path, change_it: Callable[[str], str]) -> None:
    text = change_it(vkey(good))
    (good / "data/log/vkey").write_text(f"{text}\n")
    reseal(good)
    done = check(good, "--log-key", text)
    assert done.status == 1
    assert done.names("data/log/vkey")


@pytest.mark.parametrize("name", ["public_key_pkcs1.pem", "public_key_x509.pem"])
def test_a_public_key_file_holds_one_key_and_nothing_else(good: Path, name: str) -> None:
    path = item_of(good) / "artefacts" / name
    genuine = path.read_bytes()
    for data in (genuine + genuine, b"words\n" + genuine, genuine.replace(b"\n", b"\r\n"), genuine + b"\n"):
        path.write_bytes(data)
        reseal(good)
        done = check(good)
        assert done.status == 1
        assert done.names(f"artefacts/{name} is not one key and nothing else"), done.text


@pytest.mark.parametrize("shell", shells())
def test_a_line_said_twice_does_not_make_up_for_a_file_that_no_line_names(good: Path, shell: str) -> None:
    extra = good / "data/report/report.pdf"
    extra.parent.mkdir()
    extra.write_bytes(b"forged")
    for algorithm in ("sha256", "sha512"):
        path = good / f"manifest-{algorithm}.txt"
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join([*lines, lines[0]]))
    seal_tags(good)
    done = check(good, shell=shell)
    assert done.status == 1
    assert done.names("a second time")
    listed = lines[0].split("  ")[1].strip()
    assert done.names(listed)


def test_every_file_is_looked_up_in_the_list(good: Path) -> None:
    (good / "data/log/vkey+x").write_bytes(b"x")
    done = check(good)
    assert done.names("data/log/vkey+x is in no list")


# ------------------------------------------------------------------------------------------ hostile sign files


def sign_file(package: Path, text: str | bytes) -> Checked:
    """What is said of *package* with another sign file."""
    data = text if isinstance(text, bytes) else text.encode()
    (item_of(package) / "delivery/result_sign.json").write_bytes(data)
    reseal(package)
    done = check(package)
    assert done.status == 1, done.text
    assert not Path("/owned").exists()
    return done


HOSTILE = {
    "not JSON": "{",
    "a bare word": '{"files": [NaN]}',
    "a comma too many": '{"files": [],}',
    "no quote at the end": '{"files": "',
    "two values": "{} {}",
    "a key without value": '{"files"}',
    "brackets crossed": '{"files": [}]',
    "too deep": "[" * 40 + "]" * 40,
    "empty": "",
    "a control character": '{"files": "\x01"}',
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_json_is_not_read(good: Path, what: str) -> None:
    assert sign_file(good, HOSTILE[what]).names("delivery/result_sign.json is not JSON")


def edited(package: Path, change_it: Callable[[dict[str, object]], object]) -> str:
    value = json.loads((item_of(package) / "delivery/result_sign.json").read_bytes())
    change_it(value)
    return json.dumps(value)


NAMES = (
    "../../../log/vkey",
    "result_1.csv.gz/../../x",
    "$(touch /owned)",
    "`touch /owned`",
    "result_$((1)).csv.gz",
    "result_01.csv.gz",
    "result_1*.csv.gz",
    "*",
    "-c",
    "result_;touch /owned;.csv.gz",
    "\u202eresult_1.csv.gz",
    "",
)


@pytest.mark.parametrize("name", NAMES)
def test_names_in_a_sign_file_are_never_followed(good: Path, name: str) -> None:
    done = sign_file(good, edited(good, lambda value: value["files"][0].update(fileName=name)))  # type: ignore[index]
    assert done.names("which no result has") or any("backslash" in line for line in done.unsure)


@pytest.mark.parametrize("value", ["$(touch /owned)", "x" * 64, "A" * 64, "0" * 63, "a b", "' -o '"])
def test_hashes_in_a_sign_file_must_be_hashes(good: Path, value: str) -> None:
    done = sign_file(good, edited(good, lambda made: made["files"][0].update(fileHashValue=value)))  # type: ignore[index]
    assert done.names("which is no SHA-256")


def test_two_of_a_name_are_refused(good: Path) -> None:
    text = (item_of(good) / "delivery/result_sign.json").read_text()
    for field in ("files", "hashSignature", "publicKeyFingerprint", "hashAlgorithm", "signatureAlgorithm"):
        value = json.dumps(json.loads(text)[field])
        sign_file(good, text.rstrip().removesuffix("}") + f', "{field}": {value}}}')
    doubled = re.sub(r'("fileName": "result_1.csv.gz")', r"\1, \1", text)
    assert sign_file(good, doubled).names("which no result has")


def test_packed_hashes_are_refused(good: Path) -> None:
    """``"h1 h2"`` as one value is the same signed text."""

    def pack(value: dict[str, object]) -> None:
        files = value["files"]
        assert isinstance(files, list)
        files[0]["fileHashValue"] += " " + files.pop()["fileHashValue"]

    assert sign_file(good, edited(good, pack)).names("which is no SHA-256")


@pytest.mark.parametrize(
    ("field", "value"),
    [("version", "2.0"), ("hashAlgorithm", "MD5"), ("signatureAlgorithm", "none"), ("version", 1.0)],
)
def test_other_versions_and_algorithms_are_refused(good: Path, field: str, value: object) -> None:
    done = sign_file(good, edited(good, lambda made: made.update({field: value})))
    assert done.names("version that is not known") or done.names("names other algorithms")


def test_texts_with_quotes_and_backslashes_are_read_as_json_has_them(good: Path) -> None:
    trick = '\\", "hashSignature": "00", "files": [], "x": "\\\\'
    done = sign_file(
        good, edited(good, lambda made: made.update({"note": trick, "more": {"files": [1, None, -1.5e3]}}))
    )
    item = item_of(good).name
    assert f"{item}: all files of the delivery (2) have the hashes that the sign file lists" in done.passed
    assert [line for line in done.failed if "log" not in line] == []


def test_a_name_in_disguise_is_not_read_and_not_passed(good: Path) -> None:
    text = (item_of(good) / "delivery/result_sign.json").read_text().replace('"files"', '"f\\u0069les"')
    done = sign_file(good, text)
    assert any("backslash" in line for line in done.unsure)


def test_bytes_that_a_shell_drops_are_not_passed_over(good: Path) -> None:
    text = (item_of(good) / "delivery/result_sign.json").read_bytes()
    done = sign_file(good, text.replace(b"{", b"{\0", 1))
    assert any("a shell cannot hold" in line for line in done.unsure)


@pytest.mark.parametrize("separators", [(",", ":"), (" ,\r\n\t", " : ")])
def test_any_spelling_of_json_is_read(good: Path, separators: tuple[str, str]) -> None:
    value = json.loads((item_of(good) / "delivery/result_sign.json").read_bytes())
    value["note"] = "\u00e9\u65e5\U0001f600" + "".join(map(chr, range(0x80, 0x100)))
    done = sign_file(good, json.dumps(value, separators=separators, ensure_ascii=False))
    item = item_of(good).name
    assert f"{item}: all files of the delivery (2) have the hashes that the sign file lists" in done.passed


# ------------------------------------------------------------------------------------------ larger


def test_many_files_make_an_entry_that_is_told_by_its_digest(tmp_path: Path) -> None:
    """An entry beyond 64 KiB is in the log by its digest; the whole lies beside it."""
    filled = fill(tmp_path)
    files = make_delivery(filled.key, complete_time=COMPLETE, results=[gzip_bytes(b"%d" % n) for n in range(150)])
    folder = tmp_path / "in" / "many"
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    filled.run("sync")
    (found,) = (line for line in filled.lines() if line["prefix"] == "many/")
    filled.run("export", found["id"], "--out", str(tmp_path / "package"))
    package = tmp_path / "package"
    (body,) = (item_of(package) / "custody").glob("*.body")
    assert body.stat().st_size > 65_535
    done = check(package)
    assert (done.status, done.failed) == (0, [])
    assert any("all its files (151) are those that were acquired" in line for line in done.passed)
    sha256 = re.search(rb'"role":"result","sha256":"([0-9a-f]{64})"', body.read_bytes())
    assert sha256
    body.write_bytes(body.read_bytes().replace(sha256[1], base64.b16encode(b"x" * 32).lower()))
    reseal(package)
    assert check(package).names(".body is NOT what")


# ------------------------------------------------------------------------------------------ swapped files


def test_results_that_changed_places_are_named(good: Path) -> None:
    delivery = item_of(good) / "delivery"
    one, two = delivery / "result_1.csv.gz", delivery / "result_2.csv.gz"
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    reseal(good)
    done = check(good)
    assert done.status == 1
    for name in ("result_1.csv.gz", "result_2.csv.gz"):
        assert done.names(f"delivery/{name} is NOT the file that the sign file lists")
        assert done.names(f"delivery/{name} is NOT what was acquired, by the log")


def test_results_that_changed_places_with_their_names_are_found_by_the_log(good: Path) -> None:
    """CloudTrail's signature says nothing of names: the list of hashes is the same."""
    item = item_of(good)
    one, two = item / "delivery/result_1.csv.gz", item / "delivery/result_2.csv.gz"
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    sign = item / "delivery/result_sign.json"
    text = sign.read_text().replace("result_1", "result_x").replace("result_2", "result_1").replace("_x", "_2")
    sign.write_text(text)
    reseal(good)
    done = check(good)
    assert done.status == 1
    assert f"{item.name}: the RSA signature holds over artefacts/hash_list" in done.passed
    for name in ("result_sign.json", "result_1.csv.gz", "result_2.csv.gz"):
        assert done.names(f"delivery/{name} is NOT what was acquired, by the log")
