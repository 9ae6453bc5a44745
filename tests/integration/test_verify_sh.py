"""``verify.sh``: right on good packages, and naming the fault on damaged ones, with openssl and sha256sum alone."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.filled import Place, fill
from tests.support.packages import (
    SCRIPT,
    check,
    flip,
    good,
    item_of,
    packages,
    place,
    reseal,
    shells,
    vkey,
)

__all__ = ["good", "packages", "place"]

pytestmark = pytest.mark.skipif(
    not shells() or not all(map(shutil.which, ("openssl", "sha256sum"))),
    reason="no shell, openssl or sha256sum here",
)


# ------------------------------------------------------------------------------------------ what is as it was made


@pytest.mark.thorough
@pytest.mark.parametrize("shell", shells())
def test_a_good_package_passes_in_every_shell(packages: dict[str, Path], shell: str) -> None:
    digest = hashlib.sha256((packages["good"] / "tagmanifest-sha256.txt").read_bytes()).hexdigest()
    done = check(packages["good"], "--log-key", vkey(packages["good"]), "--package", digest, shell=shell)
    assert (done.status, done.failed, done.unsure) == (0, [], [])
    assert "VERDICT: ALL HOLDS" in done.text
    said = " ".join(done.passed)
    for what in ("manifest-sha512.txt", "hash_list", "signature.bin", "RSA signature", "fingerprint", "custody"):
        assert what in said
    assert "the log's key is the one that you gave" in said


def test_without_the_logs_key_it_says_what_it_did_not_ask(packages: dict[str, Path]) -> None:
    done = check(packages["good"], key=False)
    assert (done.status, done.failed) == (2, [])
    assert any("--log-key" in line for line in done.unsure)
    assert "VERDICT: NOT PROVED" in done.text


def test_without_the_packages_digest_it_says_whose_words_are_in_it(packages: dict[str, Path]) -> None:
    done = check(packages["good"])
    assert (done.status, done.failed) == (0, [])
    (said,) = done.unsure
    assert "the archive's own words" in said
    assert "--package SHA256" in said


@pytest.mark.parametrize("shell", shells())
def test_every_shell_says_the_same_of_items_of_every_kind(packages: dict[str, Path], shell: str) -> None:
    done = check(packages["all"], shell=shell)
    assert done.text == check(packages["all"]).text
    assert done.status == 1
    assert "Items of evidence: 5. Verified here: 2. FAILED: 2. Not wholly checked: 1." in done.text
    assert "so the package is as it was packed" in done.text


def test_evidence_that_failed_is_named_as_loudly(place: Place, packages: dict[str, Path]) -> None:
    tampered = check(packages["tampered"])
    assert tampered.status == 1
    assert tampered.names("delivery/result_1.csv.gz is NOT the file that the sign file lists")
    assert tampered.names("the archive's own verdict is FAILED: hash_mismatch")
    unsigned = check(packages["unsigned"])
    assert unsigned.status == 1
    assert unsigned.names("there is no sign file")
    assert unsigned.names("FAILED: unsigned")


def test_what_has_no_key_is_not_called_proved(packages: dict[str, Path]) -> None:
    done = check(packages["keyless"])
    assert (done.status, done.failed) == (2, [])
    assert any("no public key" in line for line in done.unsure)
    assert any("INDETERMINATE: key_unavailable" in line for line in done.unsure)
    assert "VERDICT: NOT PROVED" in done.text


def test_the_last_judgement_in_the_log_counts(tmp_path: Path) -> None:
    """An item that an audit found altered, and another that it found as it was."""
    (tmp_path / "filled").mkdir()
    filled = fill(tmp_path / "filled")
    item, other = filled.item("good"), filled.item("unlisted")
    files = filled.run("show", item["id"], "--json").json["files"]
    path = filled.folder / "archive" / next(f["path"] for f in files if f["name"] == "result_2.csv.gz")
    path.chmod(0o644)
    flip(path)
    filled.run("audit", "--all", "--allow-cache", status=1)
    filled.run("export", other["id"], "--out", str(tmp_path / "other"))
    done = check(tmp_path / "other")
    assert (done.status, done.failed) == (0, [])
    filled.run("export", item["id"], "--out", str(tmp_path / "package"), status=1)
    done = check(tmp_path / "package")
    assert done.status == 1
    assert done.names("delivery/result_2.csv.gz is NOT what was acquired, by the log")
    assert done.names("the archive's own verdict is FAILED: hash_mismatch archive_altered")
    verdict = item_of(tmp_path / "package") / "verdict.txt"
    verdict.write_text("verdict verified\n")
    reseal(tmp_path / "package")
    assert check(tmp_path / "package").names("and the log's last judgement says failed")


def test_unlisted_files_under_hostile_names_hurt_nobody(packages: dict[str, Path]) -> None:
    done = check(packages["unlisted"])
    assert (done.status, done.failed) == (0, [])
    unlisted = item_of(packages["unlisted"]) / "unlisted"
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", path.name) for path in unlisted.iterdir())
    names = json.loads((unlisted / "names.json").read_bytes())["files"]
    assert "<script>alert(1)<_script>.txt" in [one["name"] for one in names]


def test_the_digest_of_the_package_can_be_given(packages: dict[str, Path], place: Place, good: Path) -> None:
    app = place.app()
    told = [json.loads(e.body) for e in app.ledger.evidence.events() if e.kind == "exported"]
    app.close()
    (digest,) = {one["manifest_sha256"] for one in told if one["ids"] == [place.item("good")["id"]]}
    assert check(good, "--package", digest).status == 0
    (good / "data/evidence").joinpath(item_of(good).name, "item.json").write_text("{}\n")
    reseal(good)
    assert check(good).status == 0, "nothing signs the archive's own words"
    done = check(good, f"--package={digest}")
    assert done.status == 1
    assert done.names("NOT the one whose SHA-256 you gave")


def test_the_second_digest_can_be_left_out(good: Path) -> None:
    done = check(good, "--no-sha512")
    assert done.status == 0
    assert any("--no-sha512" in line for line in done.unsure)


@pytest.mark.parametrize("arguments", [["--log-key"], ["--package"], ["--what"], ["more"]])
def test_a_wrong_call_checks_nothing(good: Path, arguments: list[str]) -> None:
    done = check(good, *arguments)
    assert (done.status, done.passed) == (2, [])


@pytest.mark.parametrize("missing", ["openssl", "sha256sum"])
def test_a_missing_tool_is_said_and_passes_nothing(good: Path, tmp_path: Path, missing: str) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    other = {"openssl": "sha256sum", "sha256sum": "openssl"}[missing]
    (tools / other).symlink_to(shutil.which(other) or "")
    done = check(good, shell="dash" if "dash" in shells() else "", tools=str(tools))
    assert (done.status, done.passed) == (2, [])
    assert f"{missing} is not there" in done.text


def test_an_openssl_that_knows_no_ed25519_is_said(good: Path, tmp_path: Path) -> None:
    """OpenSSL 1.1.1 has no -rawin: nothing fails, and nothing is called proved."""
    real = shutil.which("openssl")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "sha256sum").symlink_to(shutil.which("sha256sum") or "")
    old = tools / "openssl"
    old.write_text(
        "#!/bin/sh\ncase $1 in pkeyutl) echo 'pkeyutl: Unrecognized flag rawin'; exit 1;;\n"
        f"version) echo 'OpenSSL 1.1.1w  11 Sep 2023';; *) exec {real} \"$@\";; esac\n"
    )
    old.chmod(0o755)
    done = check(good, tools=str(tools))
    assert (done.status, done.failed) == (2, [])
    assert any("OpenSSL 3.0" in line for line in done.unsure)


def test_it_can_be_called_from_anywhere_and_from_outside(good: Path, tmp_path: Path) -> None:
    odd = tmp_path / "it's a $(folder) \\ *"
    shutil.move(good, odd)
    assert check(odd).status == 0


def test_the_scripts_of_all_packages_are_the_one_of_the_release(packages: dict[str, Path]) -> None:
    assert {(path / "verify.sh").read_bytes() for path in packages.values()} == {SCRIPT.read_bytes()}


# ------------------------------------------------------------------------------------------ plain damage

FILES = (
    "data/evidence/*/delivery/result_1.csv.gz",
    "data/evidence/*/delivery/result_sign.json",
    "data/evidence/*/artefacts/hash_list",
    "data/evidence/*/artefacts/signature.bin",
    "data/evidence/*/artefacts/public_key_pkcs1.pem",
    "data/evidence/*/artefacts/public_key_x509.pem",
    "data/evidence/*/custody/*.leaf",
    "data/evidence/*/custody/*.path",
    "data/evidence/*/item.json",
    "data/evidence/*/proof.json",
    "data/evidence/*/verdict.txt",
    "data/evidence/*/key_provenance.json",
    "data/log/checkpoint",
    "data/log/checkpoint.text",
    "data/log/checkpoint.sig",
    "data/log/log_key.pem",
    "data/log/vkey",
    "bagit.txt",
    "bag-info.txt",
    "VERIFY.md",
    "manifest-sha256.txt",
    "manifest-sha512.txt",
    "tagmanifest-sha256.txt",
    "tagmanifest-sha512.txt",
)


@pytest.mark.parametrize("pattern", FILES)
def test_one_flipped_bit_is_found_and_its_file_named(good: Path, pattern: str) -> None:
    path = sorted(good.glob(pattern))[0]
    flip(path)
    done = check(good)
    assert done.status == 1
    assert done.names(path.name) or path.name.startswith("tagmanifest"), done.text  # nothing is above those
    assert done.failed


@pytest.mark.parametrize("pattern", FILES)
def test_a_missing_file_is_named(good: Path, pattern: str) -> None:
    path = sorted(good.glob(pattern))[0]
    path.unlink()
    done = check(good)
    if path.name == "bagit.txt":
        assert (done.status, done.passed) == (2, [])  # nothing says that this is a package
        return
    assert done.status == 1
    assert done.names(path.name)


@pytest.mark.parametrize(
    "name",
    [
        "extra",
        "data/extra.txt",
        "data/log/.hidden",
        "data/evidence/x",
        "data/new/deep/file",
        "data/log/..odd",
        "data/a\nPASS         forged",
        "data/\x1b[2J\u202e",
        "data/$(touch owned)`touch owned`",
        "data/-rf *",
        'data/log/it\'s "quoted" \\',
        "\x1b]0;x\x07",
    ],
)
def test_an_added_file_is_named_without_its_tricks(good: Path, name: str) -> None:
    path = good / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"more")
    done = check(good)
    assert done.status == 1
    assert any("does not belong to the package" in line for line in done.failed)
    assert "forged" not in "".join(line for line in done.text.splitlines() if line.startswith("PASS"))
    assert not list(good.rglob("owned"))
    assert not Path("/owned").exists()


@pytest.mark.parametrize("name", ["data/link", "data/log/vkey", "link"])
def test_a_link_ends_it_all(good: Path, name: str) -> None:
    (good / name).unlink(missing_ok=True)
    (good / name).symlink_to("/dev/zero")
    done = check(good)
    assert (done.status, done.passed) == (1, [])
    assert done.names(f"{name} is a link")


def test_a_pipe_does_not_make_it_wait(good: Path) -> None:
    os.mkfifo(good / "data" / "pipe")
    done = check(good)
    assert (done.status, done.passed) == (1, [])
    assert done.names("data/pipe is neither file nor folder")


# ------------------------------------------------------------------------------------------ by hand


def test_the_steps_of_the_guide_work_as_they_are_written(good: Path, tmp_path: Path) -> None:
    guide = (good / "VERIFY.md").read_text()
    commands = [line[4:] for line in guide.splitlines() if line.startswith("    ")]
    assert len(commands) == 12
    item = item_of(good)
    leaf = min((item / "custody").glob("*.leaf"))
    said = []
    for command in commands:
        line = command.replace("/tmp/", f"{tmp_path}/").replace("custody/N.leaf", f"custody/{leaf.name}")
        line = f"E={item.relative_to(good)}; {line.replace('VKEY', shlex.quote(vkey(good)))}"
        by_hand = ["bash", "-euo", "pipefail", "-c", line]
        done = subprocess.run(by_hand, cwd=good, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stderr)
        said.append(done.stdout)
    sign = json.loads((item / "delivery/result_sign.json").read_bytes())
    told = "".join(said[1:])
    assert "FAILED" not in told
    assert said[4].split()[::2] == [one["fileHashValue"] for one in sign["files"]]
    assert told.count("Verified OK") == 2
    assert sign["publicKeyFingerprint"] in told
    assert "Signature Verified Successfully" in told
    assert hashlib.sha256(b"\0" + leaf.read_bytes()).hexdigest() in said[-2]
    assert said[-1].split()[0] == (good / "data/log/accounts.txt").read_text().split()[2]
