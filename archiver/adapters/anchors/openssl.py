"""``openssl ts``, for time stamps that a strict reader refuses. Fixed arguments, private files, no configuration."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cryptography import x509

from archiver.adapters.anchors.stamp import Stamp
from archiver.domain.text import printable
from archiver.errors import AnchorError

_SECONDS: Final = 30
_TIME: Final = re.compile(
    r"^Time stamp: (\w{3} [ \d]\d \d\d:\d\d:\d\d)(?:\.\d+)? (\d{4}) GMT$", re.ASCII | re.MULTILINE
)
_NONCE: Final = re.compile(r"^Nonce: (0x[0-9A-F]+)$", re.ASCII | re.MULTILINE)


def check_stamp(response: bytes, digest: bytes, ca_file: Path, nonce: int | None, why: str) -> Stamp:
    """As ``tokens.check_stamp``, by way of the program. *why*: what the strict reader had against it.

    Raises AnchorError where it does not hold, and where openssl is not installed.
    """
    program = shutil.which("openssl")
    if program is None:
        raise AnchorError(
            f"the time stamp {printable(why, 200)}", "install openssl: it checks time stamps that are not strict DER"
        )
    with TemporaryDirectory(prefix="archiver-stamp-") as folder:
        return _Check(program, Path(folder), why).run(response, digest, ca_file, nonce)


class _Check:
    def __init__(self, program: str, folder: Path, why: str) -> None:
        self._program = program
        self._folder = folder
        self._why = why

    def run(self, response: bytes, digest: bytes, ca_file: Path, nonce: int | None) -> Stamp:
        """Takes the token's time from its signed part, then has all of it verified at that time."""
        reply, token, signer = (self._folder / name for name in ("reply.tsr", "token.der", "signer.pem"))
        reply.write_bytes(response)
        self._openssl("ts", "-reply", "-in", str(reply), "-token_out", "-out", str(token))
        # of the token alone: the text around it is nobody's word, and may look like anything
        text = self._openssl("ts", "-reply", "-in", str(token), "-token_in", "-token_out", "-text")
        at = self._time(text)
        stated = _NONCE.search(text)
        if nonce is not None and (stated is None or int(stated[1], 16) != nonce):
            raise AnchorError("the time stamp has another nonce: it is an answer to something else")
        when = ("-attime", str(int(at.timestamp())))
        self._openssl("ts", "-verify", "-in", str(reply), "-digest", digest.hex(), "-CAfile", str(ca_file), *when)
        # the chain was judged just now: this is for the certificate
        content = ("-signer", str(signer), "-out", os.devnull)
        self._openssl("cms", "-verify", "-inform", "DER", "-in", str(token), "-noverify", *content)
        return Stamp(at, self._end(signer))

    def _time(self, text: str) -> datetime:
        found = _TIME.search(text)
        if found is None:
            raise AnchorError("the time stamp tells no time")
        return datetime.strptime(f"{found[1]} {found[2]}", "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)

    def _end(self, signer: Path) -> datetime:
        try:
            (certificate,) = x509.load_pem_x509_certificates(signer.read_bytes())
        except (OSError, ValueError) as error:
            raise AnchorError("the time stamp has not one signer") from error
        return certificate.not_valid_after_utc

    def _openssl(self, *arguments: str) -> str:
        """What the program prints. Raises AnchorError where it says no."""
        environment = {"LC_ALL": "C", "OPENSSL_CONF": os.devnull}
        try:
            ran = subprocess.run(
                [self._program, *arguments],
                check=False,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                env=environment,
                timeout=_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise AnchorError(f"{self._program} cannot be run: {error}") from error
        if ran.returncode:
            said = _reason(ran.stderr.decode("utf-8", "replace"))
            raise AnchorError(
                f"the time stamp {printable(self._why, 120)}; openssl {arguments[0]} refuses it: {said}"
            )
        return ran.stdout.decode("utf-8", "replace")


def _reason(said: str) -> str:
    """The last thing that openssl complains of, which is the first cause."""
    lines = [line for line in said.splitlines() if ":error:" in line or "rror:" in line]
    return printable(lines[-1].strip() if lines else "without a reason", 200)
