"""The verification recipe, in one place, in its order. Everything that says "verified" says it through here.

 1. Sign file: read strictly (``domain.sign_file``). A bad one ends here; nothing it names is opened.
 2. Key: one with the sign file's fingerprint; the fingerprint recomputed from the key.
 3. Signature: over the ordered list of hashes, before any file that the list names is trusted or opened.
 4. Files: each listed file there, its bytes hashing to the listed value.
 5. Findings: what none of this covers and a careful reader wants to know (``verify.findings``).

:func:`examine` does 1 to 3 with the sign file's bytes alone; :func:`judge` adds 4 and 5 once the caller has
read the files. The caller lists the folder itself: a name out of a sign file is compared, never opened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from archiver.domain.keys import HeldKey, by_trust
from archiver.domain.sign_file import (
    SignFile,
    SignFileInvalidError,
    SignFileUnsupportedError,
    parse_sign_file,
)
from archiver.domain.text import printable
from archiver.domain.verdict import Check, CheckResult, FileResult, Finding, Judgement, Reason, Verdict, judgement
from archiver.verify.contents import Contents
from archiver.verify.findings import Circumstances, Noticed, findings
from archiver.verify.signature import KeyUnusableError, signature_holds

FindKeys = Callable[[SignFile], Sequence[HeldKey]]
"""Every key on hand whose list calls it by the sign file's fingerprint."""


@dataclass(frozen=True, slots=True)
class Examination:
    """Steps 1 to 3. ``sign_file`` is None where it could not be read; ``key``: the one that was used.

    ``copies``: every copy of that key that is on hand, ``key`` first (``domain.keys.by_trust``): they may
    contradict each other about its Region and window.
    """

    sign_file: SignFile | None
    key: HeldKey | None
    reasons: tuple[Reason, ...]
    checks: tuple[Check, ...]
    copies: tuple[HeldKey, ...] = ()

    @property
    def signature_holds(self) -> bool:
        """True where the signature over the hash list was checked and holds."""
        return any(c.id == "signature" and c.result is CheckResult.PASS for c in self.checks)


@dataclass(frozen=True, slots=True)
class ObservedFile:
    """One file that was found and read. ``sha256`` is None where reading failed, and ``trouble`` says how.

    ``absent`` is a name that is there but is no file (a link, a folder): it counts as missing.
    """

    name: str
    size: int | None
    sha256: str | None
    contents: Contents | None = None
    trouble: str = ""
    absent: bool = False


def examine(
    sign_bytes: bytes | None,
    find_keys: FindKeys,
    missing: str = "there is no sign file",
    why: Reason = Reason.UNSIGNED,
) -> Examination:
    """Steps 1 to 3 for a sign file's bytes; None means that there are none: *missing* and *why* say the rest."""
    if sign_bytes is None:
        return _ended(why, missing)
    try:
        sign_file = parse_sign_file(sign_bytes)
    except SignFileUnsupportedError as error:
        return _ended(Reason.SIGN_FILE_UNSUPPORTED, str(error))
    except SignFileInvalidError as error:
        return _ended(Reason.SIGN_FILE_INVALID, str(error))
    parsed = Check("sign_file", CheckResult.PASS, f"well-formed, lists {_count(len(sign_file.files))}")
    return _with_key(sign_file, find_keys(sign_file), parsed)


def _ended(reason: Reason, detail: str) -> Examination:
    skipped = "there is no sign file that can be used"
    result = CheckResult.UNKNOWN if reason.verdict is Verdict.INDETERMINATE else CheckResult.FAIL
    checks = (
        Check("sign_file", result, detail),
        Check("key", CheckResult.SKIP, skipped),
        Check("signature", CheckResult.SKIP, skipped),
    )
    return Examination(None, None, (reason,), checks)


def _with_key(sign_file: SignFile, candidates: Sequence[HeldKey], parsed: Check) -> Examination:
    named = sign_file.claims.fingerprint
    candidates = by_trust(candidates)
    genuine = [held for held in candidates if held.key.fingerprint == named]
    if not candidates:
        detail = f"no public key with fingerprint {named} is to be had now"
        checks = (
            parsed,
            Check("key", CheckResult.UNKNOWN, detail),
            Check("signature", CheckResult.UNKNOWN, "no key to check it with"),
        )
        return Examination(sign_file, None, (Reason.KEY_UNAVAILABLE,), checks)
    if not genuine:
        detail = f"the key listed as {named} has the fingerprint {candidates[0].key.fingerprint}"
        checks = (
            parsed,
            Check("key", CheckResult.FAIL, detail),
            Check("signature", CheckResult.SKIP, "the key is not the one that is named"),
        )
        return Examination(sign_file, None, (Reason.KEY_FINGERPRINT_MISMATCH,), checks)
    return _with_signature(sign_file, genuine, parsed)


def _with_signature(sign_file: SignFile, genuine: Sequence[HeldKey], parsed: Check) -> Examination:
    """MD5 can be made to collide, so several keys may bear the name: one under which the signature holds wins.

    *genuine*: in the order of trust. All copies of the key that wins are told: none of them hides a finding.
    """
    trouble = "the RSA signature over the hash list does not hold"
    for held in genuine:
        try:
            holds = signature_holds(held.key.der, sign_file.signature, sign_file.signing_string)
        except KeyUnusableError as error:
            trouble = f"the key cannot be used: {error}"
            continue
        if holds:
            checks = (parsed, _key_check(held), _SIGNATURE_HOLDS)
            return Examination(sign_file, held, (), checks, _copies(held, genuine))
    checks = (parsed, _key_check(genuine[0]), Check("signature", CheckResult.FAIL, trouble))
    return Examination(sign_file, genuine[0], (Reason.SIGNATURE_INVALID,), checks, _copies(genuine[0], genuine))


def _copies(used: HeldKey, genuine: Sequence[HeldKey]) -> tuple[HeldKey, ...]:
    return tuple(held for held in genuine if held.key.der == used.key.der)


_SIGNATURE_HOLDS = Check(
    "signature", CheckResult.PASS, "RSASSA-PKCS1-v1_5 with SHA-256 holds over the ordered hash list"
)


def _key_check(held: HeldKey) -> Check:
    key = held.key
    return Check("key", CheckResult.PASS, f"fingerprint {key.fingerprint} recomputed, SHA-256 {key.sha256}")


def judge(
    examination: Examination,
    observed: Sequence[ObservedFile],
    circumstances: Circumstances,
) -> Judgement:
    """Steps 4 and 5: the whole answer about a delivery whose files are *observed* (the sign file left out)."""
    by_name = {file.name: file for file in observed}
    reasons, check = _files(examination, by_name)
    noticed = findings(examination.sign_file, examination.copies, tuple(observed_names(observed)), circumstances)
    noticed += _content_findings(examination, by_name)
    return judgement(
        reasons=examination.reasons + reasons,
        findings=(finding for finding, _ in noticed),
        checks=(
            *examination.checks,
            check,
            *_finding_checks(noticed),
        ),
        files=_results(examination, by_name),
    )


def _finding_checks(noticed: Sequence[Noticed]) -> list[Check]:
    """One check a finding, with everything that was noticed of its kind."""
    details: dict[Finding, list[str]] = {}
    for finding, detail in noticed:
        details.setdefault(finding, []).append(detail)
    return [Check(finding, CheckResult.FAIL, _shortened(found)) for finding, found in details.items()]


def observed_names(observed: Sequence[ObservedFile]) -> list[str]:
    """The names of *observed*, in their order."""
    return [file.name for file in observed]


def _files(examination: Examination, by_name: Mapping[str, ObservedFile]) -> tuple[tuple[Reason, ...], Check]:
    sign_file = examination.sign_file
    if sign_file is None:
        return (), Check("files", CheckResult.SKIP, "there is no list to hold the files against")
    reasons: list[Reason] = []
    troubles: list[str] = []
    for listed in sign_file.files:
        found = by_name.get(listed.name)
        if found is None or found.absent:
            reasons.append(Reason.FILE_MISSING)
            troubles.append(
                f"{listed.name} is listed and not there" + (f": {printable(found.trouble, 200)}" if found else "")
            )
        elif found.sha256 is None:
            reasons.append(Reason.READ_ERROR)
            troubles.append(f"{listed.name} could not be read: {printable(found.trouble, 200)}")
        elif found.sha256 != listed.sha256:
            reasons.append(Reason.HASH_MISMATCH)
            troubles.append(f"{listed.name} has SHA-256 {found.sha256}, listed is {listed.sha256}")
    if not reasons:
        kind = "signed" if examination.signature_holds else "listed (not proved to be signed)"
        return (), Check("files", CheckResult.PASS, f"{_count(len(sign_file.files))} with the {kind} SHA-256")
    only_unread = set(reasons) == {Reason.READ_ERROR}
    result = CheckResult.UNKNOWN if only_unread else CheckResult.FAIL
    return tuple(reasons), Check("files", result, _shortened(troubles))


def _content_findings(examination: Examination, by_name: Mapping[str, ObservedFile]) -> list[Noticed]:
    """Gzip state of the listed files; a plain copy of a gzip file is recognised, for it is so common."""
    noticed: list[Noticed] = []
    for listed in examination.sign_file.files if examination.sign_file else ():
        found = by_name.get(listed.name)
        if found is None or found.contents is None or found.sha256 is None:
            continue
        if found.contents.plain and found.sha256 != listed.sha256:
            noticed.append(
                (
                    Finding.DECOMPRESSED_COPY,
                    f"{listed.name} looks like an unpacked result, which a forger can write too: fetch it again "
                    "without transparent decompression to know",
                )
            )
        elif found.contents.damaged:
            noticed.append((Finding.GZIP_DAMAGED, f"{listed.name} is not an intact gzip file"))
    return noticed


def _results(examination: Examination, by_name: Mapping[str, ObservedFile]) -> list[FileResult]:
    """Listed files in listed order, then the others in the order they were found."""
    listed = {f.name: f.sha256 for f in examination.sign_file.files} if examination.sign_file else {}
    names = [*listed, *(name for name in by_name if name not in listed)]
    results = []
    for name in names:
        found, claim = by_name.get(name), listed.get(name)
        results.append(
            FileResult(
                name=name,
                size=found.size if found else None,
                sha256=found.sha256 if found else None,
                listed_sha256=claim,
                signed_sha256=claim if examination.signature_holds else None,
            )
        )
    return results


def _count(files: int) -> str:
    return "1 file" if files == 1 else f"{files} files"


def _shortened(troubles: Sequence[str], most: int = 20) -> str:
    more = f"; and {len(troubles) - most} more" if len(troubles) > most else ""
    return "; ".join(troubles[:most]) + more
