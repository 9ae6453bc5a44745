"""English."""

from __future__ import annotations

from typing import Final

from archiver.domain.dossier import Standing
from archiver.domain.evidence import FileRole
from archiver.domain.facts import Absent, Label
from archiver.domain.log_records import KeyStanding
from archiver.domain.verdict import Finding, Reason, Verdict
from archiver.render.words.en_texts import TEXTS
from archiver.render.words.vocabulary import Words

_LABELS: Final = {
    Label.SIGNED: "signed by AWS",
    Label.FITS_KEY: "signed by a key that did not come from AWS (imported, or listed elsewhere): not proved",
    Label.OBSERVED: "observed from an AWS API, or from the server that the configuration names in its place",
    Label.CLAIMED: "claimed, not signed",
    Label.RECORDED: "recorded here",
    Label.STATED: "stated by the operator",
}

_MARKS: Final = {
    Label.SIGNED: "AWS-signed",
    Label.FITS_KEY: "unproved key",
    Label.OBSERVED: "AWS API",
    Label.CLAIMED: "claimed",
    Label.RECORDED: "recorded",
    Label.STATED: "stated",
}

_ABSENCES: Final = {
    Absent.NOT_GIVEN: "nobody stated it",
    Absent.NOT_S3: "the source is a folder, which has no such thing",
    Absent.NOT_ANSWERED: "the answer from AWS did not say it",
    Absent.NOT_ASKED: "it was not asked for when this was acquired",
    Absent.REFUSED: "it was asked for and refused; the custody event holds the answer",
    Absent.TOO_LATE: "CloudTrail tells of a query for seven days only, and these were over",
    Absent.NOT_READ: "the files were not read to their end for this report, nor for an earlier one",
    Absent.NOT_THERE: "the file it stands in is not there, or is not what was acquired",
    Absent.NO_COLUMN: "the result has no such column",
    Absent.UNREADABLE: "it does not have the form that it should have",
    Absent.NO_KEY: "no key is on record that it could be checked with",
    Absent.NEVER: "never, so far",
    Absent.NONE: "none, and none is needed",
}

_FACTS: Final = {
    "partition": "AWS partition",
    "account": "Account",
    "region": "Region in the sign file",
    "source_name": "Source",
    "source_url": "Source URL",
    "bucket": "Bucket",
    "prefix": "Found at",
    "query_id": "Query ID",
    "key_region": "Region that listed the key",
    "sql_text": "SQL in the result’s header",
    "execution_time": "Execution time in the result’s header",
    "query_complete_time": "Query complete in the sign file",
    "described_at": "CloudTrail was asked",
    "query_status": "Query status",
    "delivery_status": "Delivery status",
    "delivery_uri": "Delivery URI",
    "owner": "Owner of the event data store",
    "event_data_store": "Event data store named in the SQL",
    "events_matched": "Events matched",
    "events_scanned": "Events scanned",
    "bytes_scanned": "Bytes scanned",
    "milliseconds": "Execution, in ms",
    "created_at": "Query begun",
    "query_string": "SQL by DescribeQuery",
    "how": "How",
    "who": "By the user",
    "host": "On the host",
    "version": "With version",
    "caller": "As the AWS identity",
    "first_seen_at": "First seen",
    "acquired_at": "Acquired",
    "clock_offset_ms": "Clock offset, in ms",
    "archived_at": "Archived at",
    "revision": "Revision",
    "etag": "ETag",
    "version_id": "Version ID",
    "last_modified": "Last modified",
    "encryption": "Encryption",
    "retention": "Object Lock",
    "request_id": "Request ID",
    "request_id_2": "Request ID 2",
    "sha512": "SHA-512",
    "packing": "gzip",
    "unpacked": "Bytes unpacked",
    "rows": "Rows",
    "first_event": "First event",
    "last_event": "Last event",
}

_VALUES: Final = {
    "how.fetched": "fetched",
    "how.imported": "imported",
    "how.fetched_s3": "fetched over the S3 API, each object pinned to its version or ETag",
    "how.fetched_folder": "read from a folder",
    "packing.intact": "intact to its end",
    "packing.damaged": "damaged",
    "packing.not_gzip": "no gzip file",
    "packing.too_large": "not read to its end: it unpacks to too much",
    "occasion.acquisition": "at acquisition",
    "occasion.audit": "read again",
    "occasion.key": "judged again, for a key had come",
    "occasion.repair": "read again after the repair",
}

_SENTENCES: Final = {
    "evidence_acquired": "{how} {files} from {url}; {outcome}",
    "evidence_verified": "{occasion}; {outcome}",
    "source_observed": "{finding}: {detail}",
    "source_restored": "the source holds again what was deleted there",
    "evidence_repaired": "repaired {files} from {url}: {paths}",
    "query_described": "CloudTrail was asked about the query {query}. {refusal}",
    "evidence_surveyed": "{files} read to the end: SHA-512, rows, times of events",
    "reported": "in a report as {form}, SHA-256 {sha256}",
    "events_accounted": "the log's entries about the items of a package were counted",
    "exported": "in a package as {form}, whose tagmanifest-sha256.txt has the SHA-256 {sha256}",
}

_STEPS: Final = {
    "places": ("Where things are: the archive, the delivery in it, and a folder for what is made here", ""),
    "hashes": ("The hash of each result file as it lies, compressed", "what the sign file lists: {listed}"),
    "many_hashes": (
        "The hash of each result file as it lies, compressed",
        "for each file the hash that the sign file lists with its name",
    ),
    "key": (
        "The public key: its fingerprint (MD5), its identity (SHA-256), and the form that openssl verifies with",
        "MD5 {fingerprint}, which the sign file names; SHA-256 {sha256}",
    ),
    "asked_key": (
        "The public key: the archive holds none with this fingerprint, so it must be asked for",
        "a key; its MD5 (openssl dgst -md5) must be {fingerprint}",
    ),
    "signing": (
        "The signed text: the listed hashes in their order, one space between, no newline",
        "{sha256}, as recorded when the delivery was acquired",
    ),
    "signature": ("The signature, from hex to bytes", ""),
    "check": ("The check itself", "Verified OK"),
}

_VERDICTS: Final = {
    Verdict.VERIFIED: "The signature holds, and every signed file is here with the signed bytes.",
    Verdict.FAILED: "At least one check speaks against it. The reasons say which.",
    Verdict.INDETERMINATE: "It could not be judged: something that is needed was not to be had. It is tried again.",
    Verdict.PENDING: "It is still arriving and is not evidence yet.",
}

_REASONS: Final = {
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

_FINDINGS: Final = {
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

_STANDINGS: Final = {
    Standing.SIGNED: "signed",
    Standing.LISTED: "as listed; not proved to be signed",
    Standing.MISMATCH: "NOT what the sign file lists",
    Standing.MISSING: "LISTED AND NOT DELIVERED",
    Standing.ALTERED: "ALTERED OR LOST since it was acquired",
    Standing.UNREAD: "could not be read",
    Standing.UNLISTED: "listed by no sign file: covered by nothing",
    Standing.SIGN_FILE: "carries the signature; not covered by it",
}

_ROLES: Final = {
    FileRole.SIGN_FILE: "sign file",
    FileRole.RESULT: "result file",
    FileRole.UNLISTED: "unlisted file",
}

_KEYS: Final = {
    KeyStanding.CONFIGURED: "the configured key",
    KeyStanding.ADOPTED: "another key of this log: an event adopted it, which the checkpoint below proves",
    KeyStanding.NOT_CONFIGURED: "NOT the configured key: the ledger calls it the log's, and nothing vouches for it",
    KeyStanding.NOT_COMPARED: "by the ledger's word alone: it could NOT be compared with the configured key",
}

_SIGNATURES: Final = {
    "pass": "holds",
    "fail": "DOES NOT HOLD",
    "unknown": "could not be checked",
    "skip": "was not checked",
}

_CHECKS: Final = {
    "sign_file": "form of the sign file",
    "key": "public key",
    "signature": "signature over the list of hashes",
    "files": "hash of each listed file",
    "archive": "archive against what was acquired",
    "ledger": "ledger against its own events",
}

_RESULTS: Final = {"pass": "pass", "fail": "FAIL", "unknown": "unknown", "skip": "skipped", "finding": "finding"}

_NOT_COVERED: Final = (
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

_VERIFIED_MEANS: Final = (
    "CloudTrail, in the Region that the key belongs to, signed exactly these bytes: so where CloudTrail itself "
    "listed the key. Where an operator imported it, or another server listed it, somebody who has its private half "
    "signed them, and that this is CloudTrail is not proved. It does not mean that the events "
    "in them happened, that they are complete, or that they answer the question they are shown for."
)

_VERDICT_NAMES: Final = {
    Verdict.VERIFIED: "verified",
    Verdict.FAILED: "FAILED",
    Verdict.INDETERMINATE: "indeterminate",
    Verdict.PENDING: "pending",
}

WORDS: Final = Words(
    language="en",
    labels=_LABELS,
    marks=_MARKS,
    absences=_ABSENCES,
    verdicts=_VERDICTS,
    verdict_names=_VERDICT_NAMES,
    reasons=_REASONS,
    findings=_FINDINGS,
    standings=_STANDINGS,
    roles=_ROLES,
    keys=_KEYS,
    signatures=_SIGNATURES,
    checks=_CHECKS,
    results=_RESULTS,
    facts=_FACTS,
    values=_VALUES,
    sentences=_SENTENCES,
    steps=_STEPS,
    texts=TEXTS,
    verified_means=_VERIFIED_MEANS,
    not_covered=_NOT_COVERED,
)
