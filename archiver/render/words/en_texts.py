"""English: headings and running text."""

from __future__ import annotations

from typing import Final

TEXTS: Final = {
    # of the whole report
    "kind": "AWS CloudTrail Lake query results",
    "title": "Chain-of-custody report",
    "report_id": "Report",
    "case": "Case",
    "exhibit": "Exhibit",
    "purpose": "Purpose",
    "requester": "Requested by",
    "generated": "Generated",
    "generated_by": "{at} by the user {user} on the host {host}",
    "tool": "Tool",
    "selection": "Covers",
    "choice.all": "everything archived",
    "choice.ids.one": "one item, by its ID",
    "choice.ids.many": "{n} items, by their IDs",
    "choice.since": "acquired at {value} or later",
    "choice.until": "acquired before {value}",
    "choice.verdict": "now {value}",
    "choice.source": "of source {value}",
    "choice.account": "of account {value}",
    "ledger": "Ledger",
    "archive": "Archive",
    "as_of": "As of",
    "as_of_head": "the signed head of {size} events, begun {at}",
    "as_of_events": "the first {size} events of the ledger",
    "as_of_all": "all events in the ledger; no signed head was asked for",
    "unreadable_event": "THE BODY OF THIS EVENT CANNOT BE READ ({trouble})",
    "none": "none",
    "not_known": "not known",
    "join": ", ",
    "pair": "{what}: {text}",
    "no_value": "No value",
    "items.one": "{n} item",
    "items.many": "{n} items",
    "files.one": "{n} file",
    "files.many": "{n} files",
    "hashes.one": "{n} hash",
    "hashes.many": "{n} hashes",
    "bytes.one": "{n} byte",
    "bytes.many": "{n} bytes",
    "times.one": "once",
    "times.many": "{n} times",
    "more.one": "And {n} more, which the JSON report lists.",
    "more.many": "And {n} more, which the JSON report lists.",
    # the result
    "result": "Result",
    "result.failed": "{n} of {items} FAILED",
    "result.indeterminate": "{n} of {items} could NOT be judged",
    "result.verified": "All verified: {items}",
    "result.verified_unread": "All verified when last judged; NOT all were read for this report: {items}",
    "result.unverified": "NOT verified: the ledger, or who signed its head, could not be checked ({items})",
    "result.log_unverified": (
        "The log could NOT be verified whole: the section “The log that holds this custody” says why"
    ),
    "result.empty": "No item is in this report",
    "result.disagreeing": "The ledger disagrees with itself about {n} of them",
    "result.contradicted": "FAILED: the ledger that this report is made of does NOT pass its verification",
    "result.altered": "The archive does NOT hold what was acquired for {n} of them: it was read for this report",
    "result.unread": "Files of {n} of them could NOT be read for this report",
    "result.log": "The log does NOT stand: the section “The log that holds this custody” says why",
    "result.imported": (
        "{items} signed with a key that CloudTrail is not on record to have listed: that CloudTrail signed is NOT "
        "proved there"
    ),
    "result.read": "Read whole for this report, and found to be what was acquired: the files of {n} of {items}.",
    "result.figures": (
        "{files}, {size}. With findings, which change no verdict: {with_findings}. Overdue for their next reading: "
        "{overdue}. The verdicts are those of the last time that each item was judged, which is given with it."
    ),
    "result.events": "Events in the files that were read for it: {first} to {last}.",
    "overview": "Overview",
    "overview.verdict": "Verdict",
    "overview.evidence": "Evidence",
    "overview.query": "Source and query",
    "overview.codes": "Reasons, findings",
    "overview.more": "And {n} more, which stand below and are not named here.",
    "labels": "Whose word each value is",
    "verified_means": "What “verified” means, and what the signature does not cover",
    "evidence": "The evidence",
    # one item
    "disagrees": "The ledger disagrees with itself: {what}",
    "proved": "What is proved",
    "not_proved": "What is not",
    "proved.signed": "CloudTrail signed these hashes: {hashes}, in this order. The signature {signature}.",
    "proved.signed_unlisted": (
        "These hashes were signed with the key {key}, {whence}: that the key is CloudTrail’s is NOT proved here. "
        "{hashes}, in this order. The signature {signature}."
    ),
    "key.imported": "which an operator imported",
    "key.elsewhere": "which {endpoint} listed, no endpoint of AWS’s",
    "key.unheld": "of which no copy is on record",
    "proved.nothing": "Nothing is proved to be signed. The signature {signature}.",
    "proved.never_judged": "was never judged",
    "proved.files": "{n} of {files} have the signed bytes, as last judged on {at}.",
    "proved.read": "Every file was read for this report and is, byte for byte, what was acquired.",
    "proved.log": "{n} custody events about it alone, and those of its key, stand in the log; the proof is below.",
    "not_proved.file": "{file}: {standing}",
    "not_proved.key": (
        "That CloudTrail signed them: no copy of the key {key}, {whence}, came from CloudTrail’s ListPublicKeys. It "
        "proves only that the key and the evidence fit together."
    ),
    "not_proved.not_read": (
        "Not every file was read for this report: what is said of them is as of the last judgement, {at}."
    ),
    "not_proved.claims": (
        "Names, account, Region, query ID and time of completion are claims: no signature covers them."
    ),
    "not_proved.overdue": "The next reading was due on {at} and is OVERDUE.",
    "not_proved.no_proof": "No proof from the log is in this report.",
    "source": "Source",
    "query": "Query",
    "acquisition": "Acquisition",
    "files": "Files, as acquired",
    "file.path": "Archived at",
    "file.size": "Size",
    "file.computed": "SHA-256 as acquired",
    "file.last_read": "SHA-256 as last read",
    "file.event": "event {seq}",
    "file.signed": "SHA-256 signed",
    "file.listed": "SHA-256 listed",
    "file.not_delivered": "not delivered",
    "signed_list": "The signed list of hashes",
    "sign_file": "Sign file, signature and key",
    "sign_file.text": "The sign file, verbatim",
    "sign_file.sha256": "SHA-256 of the file",
    "sign_file.signing": "Signing string: what the signature is over",
    "sign_file.signature": "Signature, hex",
    "key.fingerprint": "Key fingerprint (MD5)",
    "key.sha256": "Key SHA-256",
    "key.path": "Archived at",
    "key.region": "Region",
    "key.window": "Window",
    "key.obtained": "Obtained",
    "key.obtained_how": "{at}, {method} ({endpoint})",
    "key.caller": "by {caller}",
    "key.request": "request {id}",
    "key.none": "None: no key that it could be judged with is on record.",
    "checks": "Checks",
    "checks.intro": "{n} in all; judgements in a row that say the same stand together, with the checks of the last.",
    "checks.run": "{times}, {first} ({first_occasion}) to {last} ({last_occasion})",
    "fixity": "Fixity",
    "fixity.count": "Judged",
    "fixity.first": "First",
    "fixity.last": "Last",
    "fixity.last_good": "Last good",
    "fixity.first_bad": "First bad after it",
    "fixity.failures": "Failures",
    "fixity.due": "Next due",
    "fixity.overdue": "OVERDUE",
    "fixity.line": "{at}, {occasion}, event {seq}",
    "custody": "Custody",
    "custody.intro": (
        "Every event about this item, by its leaf in the log. Where an event tells of files, their SHA-256 before "
        "and after it stand below."
    ),
    "custody.leaf": "Leaf",
    "custody.when": "When",
    "custody.who": "Who",
    "custody.what": "What",
    "custody.actor": "{user} on {host} ({version})",
    "custody.body": "SHA-256 of the body",
    "custody.before": "before",
    "custody.after": "after",
    "custody.no_file": "no file, or not readable",
    "custody.first_hash": "first known",
    "custody.unchanged": "unchanged",
    "custody.same": "{hashes}, before and after the same as at leaf {seq}",
    "proof": "Proof from the log",
    "proof.text": "Proof file (docs/proof-format.md) under the head of {size} events: {bytes}, SHA-256 {sha256}",
    "proof.elsewhere": "It is too long to stand here. {command} writes it.",
    "proof.none": "None: {trouble}",
    "proof.checkpoint": "The checkpoint that it leads to stands once, in the section on the log.",
    "steps": "To repeat the check by hand",
    "steps.intro": "In one shell, in this order, where the archive can be read. Needs openssl, grep and xxd.",
    "steps.expected": "Expected: {what}",
    # the log
    "log": "The log that holds this custody",
    "log.intro": (
        "Every custody event is a leaf of one tree, whose head is signed: the checkpoint. Whoever keeps this page "
        "can hold a later checkpoint against this one, and so tell whether anything was changed, removed or put in "
        "before it since."
    ),
    "log.none": "This report was made without asking the log.",
    "log.forked": "Ledger and published log contradict each other: {why}",
    "log.held": "Verified for this report",
    "log.held.good": "all {size} events, tree, heads, the published log and every row of the ledger: no problem",
    "log.held.not": "the ledger was not verified for this report",
    "log.held.problems": "The ledger does NOT pass its verification: {problems}. archiver ledger verify tells all.",
    "log.held.note": "Not all of it could be looked at: {why}",
    "log.stranger": "The ledger names a key of the log that is NOT the configured key: {key}",
    "log.unasked": "The log’s key could NOT be compared with the configured one, which was not to be had: {why}",
    "log.trouble": "The checkpoint below is NOT verified: {why}",
    "log.key": "Verifier key",
    "log.claimed": "Key by the ledger",
    "log.events": "Events",
    "log.root": "Root of all",
    "log.root_unreadable": "cannot be read: archiver ledger verify",
    "log.checkpoint": "Checkpoint",
    "log.head": "{size} events, begun {at}",
    "log.verified": "verified: signed with the configured key, and the ledger’s tree leads to it",
    "log.not_verified": "NOT verified",
    "log.last": "Ledger verified",
    "log.last.never": "never: no ledger verify is on record",
    "log.last.unreadable": "event {seq} tells, and cannot be read: archiver ledger verify",
    "log.last.line": "{at}, {problems} in the first {size} events, {unchecked} not checked (event {seq})",
    "log.last.failed": "When the ledger was last verified, it did NOT fit together: {problems}",
    "problems.one": "{n} problem",
    "problems.many": "{n} problems",
    "log.later": (
        "To hold a later ledger against this page, where the ledger can be read (for other readers: archiver ledger "
        "prove):"
    ),
    "log.no_head": "none was signed yet",
    "footer": (
        "The SHA-256 of this page is on record in the ledger, in the custody event “reported” that was made with it."
    ),
    # pictures
    "timeline": "Custody timeline",
    "timeline.desc": "{events} between {first} and {last}, one line for each kind.",
    "events.one": "{n} point in time",
    "events.many": "{n} points in time",
    "timeline.scales": "Two scales: left of the break {left}, right of it {right}. Each is even within itself.",
    "timeline.scale": "One even scale: {span}.",
    "timeline.outside": "A triangle at the edge: outside of the picture; its time stands with its name.",
    "timeline.executed": "Query executed",
    "timeline.completed": "Query complete",
    "timeline.delivered": "Delivered",
    "timeline.first_seen": "First seen here",
    "timeline.acquired": "Acquired",
    "timeline.judged": "Judged",
    "timeline.repaired": "Repaired",
    "timeline.observed": "Source observed",
    "timeline.report": "This report’s signed head",
    "timeline.spread": "{times}, {first} to {last}",
    "days.one": "{n} day",
    "days.many": "{n} days",
    "hours.one": "{n} hour",
    "hours.many": "{n} hours",
    "minutes.one": "{n} minute",
    "minutes.many": "{n} minutes",
    "calendar": "Fixity calendar",
    "calendar.desc": (
        "Days on which the item was judged, by the worst verdict of the day, {first} to {last}: {times} in all. "
        "Longest time without a reading: {gap}."
    ),
    "calendar.kept": "kept, not read",
    "calendar.weekdays": "Mon Tue Wed Thu Fri Sat Sun",
    "calendar.months": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    "calendar.years_left_out": "Earlier years are left out: {n}.",
    "coverage": "Coverage",
    "coverage.desc": (
        "Items by the day of their path, else of their acquisition, by verdict: {items}, {first} to {last}."
    ),
    "coverage.by_day": "by day",
    "coverage.by_month": "by month",
    "coverage.by_year": "by year",
    "coverage.gap": "no item",
    "coverage.left_out": "Earlier items that are not drawn: {n}.",
    # the certification
    "certification": "Certification: a draft",
    "certification.draft": (
        "DRAFT, NOT LEGAL ADVICE. It is filled in from the ledger. Only a qualified person who has checked it and "
        "can speak to it may complete, change and sign it, and counsel decides whether and how it is used."
    ),
    "certification.know": "What the signer must know",
    "certification.902": (
        "Rules 902(13) and 902(14) of the Federal Rules of Evidence let a record authenticate itself by the "
        "certification of a qualified person, in the place of testimony. (13) is about a process or system that "
        "produces an accurate result; (14) is about a copy that is identified, as by its hash value. Both ask for "
        "the form of Rule 902(11) (domestic) or 902(12) (foreign), and for its notice."
    ),
    "certification.know.qualified": (
        "You must be the custodian or another qualified person: one who could testify to what stands here. Say what "
        "your training, experience and part in it are."
    ),
    "certification.know.check": (
        "Check it yourself before you sign: repeat the hashes and the signature on the copy that you certify, with "
        "the commands that stand with each item, and check the log’s checkpoint with a key that you trust."
    ),
    "certification.know.exceptions": (
        "Name every exception. Items that failed or could not be judged are not identical copies, and this draft "
        "must not call them so. Of items whose key did not come from AWS it is not shown that AWS CloudTrail "
        "signed them: obtain the key by ListPublicKeys, or do not say so."
    ),
    "certification.know.limits": (
        "You certify authenticity alone: that the records are what they are said to be. Whether the events "
        "happened, whether they are complete, hearsay and relevance stay open."
    ),
    "certification.know.notice": (
        "The adverse party must have reasonable written notice of the intent to offer the record, and the record "
        "and the certification must be open to inspection, before the trial or hearing."
    ),
    "certification.know.penalty": (
        "What is false in it can be perjury. Use the form for the place where you sign. Outside of the United "
        "States Rule 902(12) asks in civil cases for a signature which, if falsely made, is punishable where you "
        "sign."
    ),
    "certification.rule": "Text of the rule",
    "certification.statement": "Draft of the statement",
    "certification.1746": "28 U.S.C. § 1746: the words to sign under",
    "certification.choose": "Choose one, strike out the other.",
    "certification.without": "Executed outside of the United States",
    "certification.within": "Executed within the United States, its territories, possessions or commonwealths",
    "certification.name": "Name",
    "certification.position": "Title, employer",
    "certification.address": "Address",
    "certification.signature": "Signature",
    "certification.date": "Date",
    "certification.place": "Place",
}
