"""Every vector, judged by the pure recipe; and openssl's word on every signature, by the article's own steps."""

from __future__ import annotations

import base64
import filecmp
import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from archiver.domain.sign_file import SIGN_FILE_NAME, SignFileInvalidError, SignFileUnsupportedError, parse_sign_file
from archiver.domain.verdict import Finding, Reason
from tests.support.reading import judge_tree, keys_in
from tests.vectors.make import all_cases

HERE = Path(__file__).parent
VECTORS = sorted(path.parent for path in HERE.glob("*/expected.json"))
NOT_OFFLINE = {
    Reason.ARCHIVE_ALTERED,  # these three are about an archive, a ledger, a medium
    Reason.LEDGER_ALTERED,
    Reason.READ_ERROR,
    Finding.SOURCE_CHANGED,  # and these about a source over time
    Finding.SOURCE_DELETED,
}


def expected_of(vector: Path) -> dict[str, dict[str, object]]:
    return json.loads((vector / "expected.json").read_bytes())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda path: path.name)
def test_vector(vector):
    judged = judge_tree(vector / "delivery", keys_in(vector / "keys.json"))
    answers = {
        path: {"verdict": answer.verdict, "reasons": list(answer.reasons), "findings": list(answer.findings)}
        for path, answer in judged.items()
    }
    assert answers == expected_of(vector)
    for answer in judged.values():
        results = [(check.id, str(check.result)) for check in answer.checks]
        assert sorted(results) == sorted(expected_checks(answer.reasons, answer.findings))
        assert all(check.detail for check in answer.checks)


def expected_checks(reasons, findings):
    """What each check must say, from the reasons alone: an earlier failure leaves the later ones nothing."""
    given = set(reasons)
    unusable = given & {Reason.SIGN_FILE_INVALID, Reason.SIGN_FILE_UNSUPPORTED, Reason.UNSIGNED}
    if unusable:
        steps = {"sign_file": "fail", "key": "skip", "signature": "skip", "files": "skip"}
    else:
        steps = {"sign_file": "pass", "key": "pass", "signature": "pass", "files": "pass"}
        if Reason.KEY_UNAVAILABLE in given:
            steps |= {"key": "unknown", "signature": "unknown"}
        if Reason.KEY_FINGERPRINT_MISMATCH in given:
            steps |= {"key": "fail", "signature": "skip"}
        if Reason.SIGNATURE_INVALID in given:
            steps["signature"] = "fail"
        if given & {Reason.FILE_MISSING, Reason.HASH_MISMATCH}:
            steps["files"] = "fail"
    noticed = [str(finding) for finding in findings]
    return [*steps.items(), *((finding, "fail") for finding in noticed)]


def test_files_carry_the_signed_hash_only_where_the_signature_holds():
    judged = judge_tree(HERE / "article-stand_in" / "delivery", keys_in(HERE / "article-stand_in" / "keys.json"))
    (answer,) = judged.values()
    (file,) = answer.files
    assert file.signed_sha256 == "052b4cd259cef22414fbdc0a6821cb11c0aaf757e07f21818a242c021ffa29ee"
    assert file.sha256 not in (None, file.signed_sha256)
    vector = HERE / "signature_invalid-hash_replaced"
    (answer,) = judge_tree(vector / "delivery", keys_in(vector / "keys.json")).values()
    assert answer.files[0].sha256 == answer.files[0].listed_sha256
    assert answer.files[0].signed_sha256 is None


def test_every_reason_and_finding_that_can_be_shown_offline_has_a_vector():
    shown = {
        code
        for vector in VECTORS
        for answer in expected_of(vector).values()
        for code in (*answer["reasons"], *answer["findings"])
    }
    assert shown == {str(code) for code in (*Reason, *Finding) if code not in NOT_OFFLINE}


def test_names_of_vectors_begin_with_what_they_show():
    for vector in VECTORS:
        kind = vector.name.partition("-")[0]
        codes = {code for a in expected_of(vector).values() for code in (*a["reasons"], *a["findings"])}
        assert kind in {*codes, "honest", "article", "crafted"} or vector.name.endswith("-beside_genuine")
        if kind == "honest":
            assert not codes
        if kind == "crafted":
            assert codes, "the AWS CLI is fooled by it: ours says no, or at least something"


def test_the_script_still_makes_these_vectors(tmp_path):
    subprocess.run([sys.executable, "-m", "tests.vectors.make", str(tmp_path)], cwd=HERE.parents[1], check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [vector.name for vector in VECTORS]
    for vector in VECTORS:
        assert_same(vector, tmp_path / vector.name)


def assert_same(one: Path, other: Path) -> None:
    names = sorted(p.relative_to(one).as_posix() for p in one.rglob("*") if p.is_file())
    assert names == sorted(p.relative_to(other).as_posix() for p in other.rglob("*") if p.is_file())
    assert filecmp.cmpfiles(one, other, names, shallow=False) == (names, [], [])


def test_names_of_cases_are_unique():
    names = [case.name for case in all_cases()]
    assert len(names) == len(set(names))


def with_readable_sign_file():
    found = []
    for vector in VECTORS:
        for sign_path in sorted((vector / "delivery").rglob(SIGN_FILE_NAME)):
            try:
                parse_sign_file(sign_path.read_bytes())
            except (SignFileInvalidError, SignFileUnsupportedError):
                continue
            found.append(pytest.param(vector, sign_path.parent, id=f"{vector.name}-{sign_path.parent.name[:8]}"))
    return found


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize(("vector", "folder"), with_readable_sign_file())
def test_openssl_agrees_by_the_articles_own_steps(vector, folder, tmp_path):
    """Its hashes, its conversion of the key, its check of the signature: no line of ours in between."""
    sign_file = json.loads((folder / SIGN_FILE_NAME).read_bytes())
    keys = json.loads((vector / "keys.json").read_bytes())["PublicKeyList"]
    named = [key for key in keys if key["Fingerprint"] == sign_file["publicKeyFingerprint"]]
    signed = [says_openssl(key["Value"], sign_file, tmp_path) for key in named]
    files = [file for file in sign_file["files"] if (folder / file["fileName"]).is_file()]
    hashed = [openssl_sha256(folder / file["fileName"]) == file["fileHashValue"] for file in files]

    path = folder.relative_to(vector / "delivery").as_posix()
    reasons = expected_of(vector)[path]["reasons"]
    assert any(signed) == (not {"signature_invalid", "key_unavailable", "key_fingerprint_mismatch"} & set(reasons))
    assert all(hashed) == ("hash_mismatch" not in reasons)
    assert (len(files) == len(sign_file["files"])) == ("file_missing" not in reasons)


def says_openssl(value: str, sign_file: dict[str, object], work: Path) -> bool:
    lines = "\n".join(textwrap.wrap(value, 64))
    (work / "pkcs1.pem").write_text(f"-----BEGIN RSA PUBLIC KEY-----\n{lines}\n-----END RSA PUBLIC KEY-----\n")
    (work / "signature.bin").write_bytes(bytes.fromhex(str(sign_file["hashSignature"])))
    (work / "hash_list").write_text(" ".join(file["fileHashValue"] for file in sign_file["files"]))
    openssl("rsa", "-RSAPublicKey_in", "-in", work / "pkcs1.pem", "-pubout", "-out", work / "x509.pem")
    answer = subprocess.run(
        ["openssl", "dgst", "-sha256", "-verify", "x509.pem", "-signature", "signature.bin", "hash_list"],
        cwd=work,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ("Verified OK" in answer.stdout) == (answer.returncode == 0)
    return answer.returncode == 0


def openssl_sha256(path: Path) -> str:
    return openssl("dgst", "-sha256", "-r", path).split()[0]


def openssl(*arguments: object) -> str:
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=True).stdout


def test_the_test_keys_are_listed_nowhere_but_here():
    """A genuine list must never be mixed up with ours: fingerprints of the article and of the test keys differ."""
    article = json.loads((HERE / "article" / "keys.json").read_bytes())["PublicKeyList"]
    test = json.loads((HERE / "honest-among_other_keys" / "keys.json").read_bytes())["PublicKeyList"]
    assert len({base64.b64decode(key["Value"]) for key in (*article, *test)}) == 3
