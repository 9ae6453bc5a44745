"""How to repeat an item's check with openssl alone, in the archive as it lies: shell commands, step by step.

The method is the manual one of AWS's documentation: hash the result files, rebuild the signed text from the sign
file's hashes in listed order with one space between, and check the RSA signature over it with CloudTrail's key.
"""

from __future__ import annotations

import shlex
from datetime import timedelta
from typing import Final

from archiver.domain.dossier import Step
from archiver.domain.evidence import Evidence, FileRole
from archiver.domain.keys import HeldKey
from archiver.domain.sign_file import SIGN_FILE_NAME
from archiver.domain.times import format_time

_NAMED_FILES: Final = 10
"""Up to so many result files are named one by one; beyond, the shell finds them."""

_SIGN: Final = f'"$D/{SIGN_FILE_NAME}"'
_HASH_LIST: Final = (
    f"""grep -o '"fileHashValue"[^,}}]*' {_SIGN} | grep -oE '[0-9a-f]{{64}}' """
    """| paste -sd ' ' - | tr -d '\\n' > "$W/hash_list_file\""""
)
_SIGNATURE: Final = (
    f"""grep -o '"hashSignature"[^,}}]*' {_SIGN} | cut -d '"' -f 4 | xxd -r -p > "$W/signature.bin\""""
)
_VERIFY: Final = (
    'openssl dgst -sha256 -verify "$W/public_key_x509.pem" -signature "$W/signature.bin" "$W/hash_list_file"'
)


def steps_for(evidence: Evidence, key: HeldKey | None, key_folder: str | None, archive: str) -> tuple[Step, ...]:
    """The steps for *evidence* below the folder *archive*; none where there is no sign file to check by.

    Run in one shell, in order. Every path is quoted: an archived path may hold any printable character.
    """
    has_sign_file = any(file.role is FileRole.SIGN_FILE for file in evidence.files)
    if not has_sign_file or evidence.hash_list_sha256 is None:
        return ()
    return (
        _places(evidence, archive),
        _hashes(evidence),
        _public_key(evidence, key, key_folder),
        Step(
            "The signed text: the listed hashes in their order, one space between, no newline",
            (_HASH_LIST, 'openssl dgst -sha256 "$W/hash_list_file"'),
            f"{evidence.hash_list_sha256}, as recorded when the delivery was acquired",
            "signing",
            {"sha256": evidence.hash_list_sha256},
        ),
        Step("The signature, from hex to bytes", (_SIGNATURE,), "", "signature"),
        Step("The check itself", (_VERIFY,), "Verified OK", "check"),
    )


def _places(evidence: Evidence, archive: str) -> Step:
    return Step(
        "Where things are: the archive, the delivery in it, and a folder for what is made here",
        (
            f"A={shlex.quote(archive)}",
            f'D="$A"/{shlex.quote(evidence.path)}',
            "W=$(mktemp -d)",
        ),
        "",
        "places",
    )


def _hashes(evidence: Evidence) -> Step:
    """The hash of each result file, and what it is to be held against."""
    results = [file for file in evidence.files if file.role is FileRole.RESULT]
    title = "The hash of each result file as it lies, compressed"
    if 0 < len(results) <= _NAMED_FILES:
        names = " ".join(f'"$D"/{shlex.quote(file.name)}' for file in results)
        listed = "; ".join(f"{file.name} {file.listed_sha256 or 'is not listed'}" for file in results)
        expected = f"what the sign file lists: {listed}"
        return Step(title, (f"openssl dgst -sha256 {names}",), expected, "hashes", {"listed": listed})
    commands = (
        f"""grep -oE '"file(Name|HashValue)"[^,}}]*' {_SIGN}""",
        'openssl dgst -sha256 "$D"/result_*.csv.gz',
    )
    return Step(title, commands, "for each file the hash that the sign file lists with its name", "many_hashes")


def _public_key(evidence: Evidence, key: HeldKey | None, key_folder: str | None) -> Step:
    if key is None or key_folder is None:
        return _asking_for_key(evidence)
    folder = f'"$A"/{shlex.quote(key_folder)}'
    return Step(
        "The public key: its fingerprint (MD5), its identity (SHA-256), and the form that openssl verifies with",
        (
            f"openssl dgst -md5 {folder}/public_key.der",
            f"openssl dgst -sha256 {folder}/public_key.der",
            f'openssl rsa -RSAPublicKey_in -in {folder}/public_key_pkcs1.pem -pubout -out "$W/public_key_x509.pem"',
        ),
        f"MD5 {key.key.fingerprint}, which the sign file names; SHA-256 {key.key.sha256}",
        "key",
        {"fingerprint": key.key.fingerprint, "sha256": key.key.sha256},
    )


def _asking_for_key(evidence: Evidence) -> Step:
    """No key is held: AWS may still list it, round the time that the sign file claims."""
    complete = evidence.query_complete_time
    window = ""
    if complete is not None and 2 < complete.year < 9998:
        start, end = (format_time(complete + timedelta(days=days)) for days in (-35, 35))
        window = f" --start-time {start} --end-time {end}"
    region = shlex.quote(evidence.region or "us-east-1")
    query = shlex.quote(f"PublicKeyList[?Fingerprint=='{evidence.fingerprint}'].Value")
    return Step(
        "The public key: the archive holds none with this fingerprint, so it must be asked for",
        (
            f"aws cloudtrail list-public-keys --region {region}{window} --query {query} --output text"
            ' | base64 -d > "$W/public_key.der"',
            'openssl rsa -RSAPublicKey_in -inform DER -in "$W/public_key.der" -pubout -out "$W/public_key_x509.pem"',
        ),
        f"a key; its MD5 (openssl dgst -md5) must be {evidence.fingerprint}",
        "asked_key",
        {"fingerprint": evidence.fingerprint or "–"},
    )
