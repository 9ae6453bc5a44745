"""What reports say in plain words: of the method, of what it cannot show, and of each verdict, reason and finding."""

from __future__ import annotations

from typing import Final

from archiver.domain.dossier import Standing
from archiver.domain.log_records import KeyStanding
from archiver.domain.verdict import Finding, Reason, Verdict

CHECK_LATER: Final = "archiver ledger verify"
"""The command that holds a later ledger against the head that a report carries."""

VERIFIED_MEANS: Final = (
    "CloudTrail, in the Region that the key belongs to, signed exactly these bytes. It does not mean that the events "
    "in them happened, that they are complete, or that they answer the question they are shown for."
)

NOT_COVERED: Final = (
    (
        "Only the ordered list of hashes is signed",
        "The names of the files, the Region, the time at which the query was complete, the version, the account, the "
        "query ID, the bucket and the date in the path are claims of whoever wrote them there. Two files that change "
        "places together with their names still verify.",
    ),
    (
        "Files that the sign file does not list",
        "Anything may be put into a folder. What no sign file lists is kept apart, marked as unlisted, and is "
        "evidence of nothing.",
    ),
    (
        "Where a delivery lies",
        "A genuine delivery that is copied to the path of another query, day or account verifies there too. The "
        "signed header of a result holds its execution time to the microsecond, so no two queries share a list of "
        "hashes: where one list is found twice, this report says so.",
    ),
    (
        "What is not here",
        "Nothing links one query to the next. A delivery that was deleted before it was archived leaves no trace in "
        "the others; only an inventory that was kept at the time can tell that it existed.",
    ),
    (
        "When it was signed",
        "The key's window bounds the time of signing loosely, and the time that the sign file gives is not signed. "
        "It is compared with the signed header, the date in the path, the time of storage and the key's window; each "
        "disagreement is reported as a finding.",
    ),
    (
        "Whose key it is",
        "A key that lay beside the evidence would prove only that the two fit together. How each key was obtained, "
        "from which endpoint, by which caller and when, is given with the key. Its MD5 fingerprint is a name that "
        "can be forged; the SHA-256 pins it.",
    ),
    (
        "What a query leaves out",
        "A result is what one query selected from one event data store. Running the same query later gives other "
        "bytes, for events arrive late: a new run neither confirms nor repairs an old result.",
    ),
)
"""(heading, text)"""

VERDICTS: Final = {
    Verdict.VERIFIED: "The signature holds, and every signed file is here with the signed bytes.",
    Verdict.FAILED: "At least one check speaks against it. The reasons say which.",
    Verdict.INDETERMINATE: "It could not be judged: something that is needed was not to be had. It is tried again.",
    Verdict.PENDING: "It is still arriving and is not evidence yet.",
}

REASONS: Final = {
    Reason.SIGN_FILE_INVALID: "the sign file does not have the form that CloudTrail gives it",
    Reason.SIGN_FILE_UNSUPPORTED: "the sign file names a version or an algorithm that is not known",
    Reason.SIGNATURE_INVALID: "the signature over the list of hashes does not hold",
    Reason.KEY_FINGERPRINT_MISMATCH: "the key that was offered is not the one that its fingerprint names",
    Reason.FILE_MISSING: "a file that the sign file lists is not there",
    Reason.HASH_MISMATCH: "a file's bytes are not those that the sign file lists",
    Reason.ARCHIVE_ALTERED: "bytes in the archive are not the bytes that were acquired",
    Reason.LEDGER_ALTERED: "the ledger disagrees with itself about this item",
    Reason.UNSIGNED: "no sign file came with the results",
    Reason.KEY_UNAVAILABLE: "the public key that the sign file names was not to be had",
    Reason.READ_ERROR: "the medium or the source gave an error instead of bytes",
}

FINDINGS: Final = {
    Finding.UNLISTED_FILE: "there are files that the sign file does not list",
    Finding.REPLAYED_HASH_LIST: "the same signed list of hashes is known under another query ID",
    Finding.TIME_INCONSISTENT: "the times that are stated for it disagree with each other",
    Finding.KEY_OUTSIDE_WINDOW: "the time that it states lies outside of the key's window",
    Finding.FILES_OUT_OF_ORDER: "the sign file lists the files neither by number nor by name",
    Finding.REGION_MISMATCH: "the key is another Region's than the sign file states",
    Finding.PATH_NONSTANDARD: "it did not lie where CloudTrail delivers results",
    Finding.DECOMPRESSED_COPY: "a file looks like a decompressed copy of what was signed",
    Finding.GZIP_DAMAGED: "a file is not an intact gzip file",
    Finding.SOURCE_CHANGED: "the source has shown other objects since",
    Finding.SOURCE_DELETED: "the source does not hold it any more",
}

STANDINGS: Final = {
    Standing.SIGNED: "signed",
    Standing.LISTED: "as listed; not proved to be signed",
    Standing.MISMATCH: "NOT what the sign file lists",
    Standing.MISSING: "LISTED AND NOT DELIVERED",
    Standing.ALTERED: "ALTERED OR LOST since it was acquired",
    Standing.UNREAD: "could not be read",
    Standing.UNLISTED: "listed by no sign file: covered by nothing",
    Standing.SIGN_FILE: "carries the signature; not covered by it",
}

KEYS: Final = {
    KeyStanding.CONFIGURED: "the configured key",
    KeyStanding.ADOPTED: "another key of this log: an event adopted it, which the checkpoint below proves",
    KeyStanding.NOT_CONFIGURED: "NOT the configured key: the ledger calls it the log's, and nothing vouches for it",
    KeyStanding.NOT_COMPARED: "by the ledger's word alone: it could NOT be compared with the configured key",
}

SIGNATURES: Final = {
    "pass": "holds",
    "fail": "DOES NOT HOLD",
    "unknown": "could not be checked",
    "skip": "was not checked",
}
"""How the check ``signature`` ended, in words."""
