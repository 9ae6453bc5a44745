"""One item of a PDF report in full, as blocks. What is long is cut, and the count of what is left out stands."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

from archiver.domain.dossier import (
    FileAccount,
    Fixity,
    Happening,
    HashChange,
    ItemDossier,
    Judged,
    Run,
    Standing,
    event_runs,
    judged_runs,
)
from archiver.domain.evidence import FileRole
from archiver.domain.facts import Label
from archiver.domain.times import format_time
from archiver.domain.verdict import CheckResult, Verdict
from archiver.render.pdf_blocks import (
    ABSENT,
    DATA,
    LONGEST,
    PLAIN,
    Block,
    code,
    cut,
    fact_rows,
    group,
    heading,
    item_heading,
    mark,
    para,
    points,
    row,
    rows,
)
from archiver.render.proved import not_proved, proved
from archiver.render.words.pages import PAGES
from archiver.render.words.vocabulary import Words

_SIGNED: Final = 40
_CHANGES: Final = 8
"""Most files of one event that stand with their hashes before and after."""

_RESULT_TONES: Final = {
    CheckResult.PASS: Verdict.VERIFIED.value,
    CheckResult.FAIL: Verdict.FAILED.value,
    CheckResult.UNKNOWN: Verdict.INDETERMINATE.value,
    CheckResult.SKIP: "",
}


def item_blocks(item: ItemDossier, words: Words, pictures: Sequence[Block]) -> list[Block]:
    """All that a page tells of *item*; ``uncut`` ends its long lists. *pictures* stand below what is proved."""
    made = [*_result(item, words), *pictures]
    for name, facts in (("source", item.source), ("query", item.query), ("acquisition", item.acquisition)):
        made += [heading(3, words.text(name)), {"kind": "rows", "rows": fact_rows(facts, words)}]
    made += _files(item, words)
    made += _sign_file(item, words)
    made += _checks(item, words)
    made += _fixity(item.fixity, words)
    made += _custody(item, words)
    made += _proof(item, words)
    made += _steps(item, words)
    return made


def proof_name(evidence_id: str) -> str:
    """What the proof of an item is attached as."""
    return f"proof-{evidence_id}.json"


def _result(item: ItemDossier, words: Words) -> Iterator[Block]:
    evidence, state = item.evidence, item.state
    name = words.verdict_names[state.verdict]
    yield item_heading(evidence.query_id or evidence.prefix or evidence.path, name, state.verdict.value, evidence.id)
    for told in item.disagreements[:20]:
        yield para(words.text("disagrees", what=told), Verdict.FAILED.value)
    for told in item.archive_troubles[:20]:
        yield para(told, Verdict.FAILED.value)
    yield para(words.verdicts[state.verdict], state.verdict.value)
    reasons = [(code.value, words.reasons[code], code.verdict.value) for code in state.reasons]
    findings = [(f"+{code.value}", words.findings[code], "finding") for code in state.findings]
    if reasons or findings:
        yield points([*reasons, *findings])
    good = proved(item, words)
    bad = [("", text, tone) for text, tone in not_proved(item, words)]
    yield {
        "kind": "sides",
        "left": [heading(3, words.text("proved")), points(("", text) for text in good or [words.text("none")])],
        "right": [heading(3, words.text("not_proved")), points(bad)],
    }


def _files(item: ItemDossier, words: Words) -> Iterator[Block]:
    """Those that speak against the item first, the others as they were delivered."""
    yield heading(3, words.text("files"))
    ordered = sorted(item.files, key=lambda file: not file.standing.is_bad)
    shown = [group(*_file(file, item.signed_label, words)) for file in ordered[: LONGEST["files"]]]
    yield cut("files", shown, len(ordered))


def _file(file: FileAccount, signed: Label, words: Words) -> Iterator[Block]:
    tone = (
        Verdict.FAILED.value
        if file.standing.is_bad
        else Verdict.VERIFIED.value
        if file.standing is Standing.SIGNED
        else ""
        if file.role is FileRole.SIGN_FILE
        else Verdict.INDETERMINATE.value
    )
    yield {
        "kind": "file",
        "name": file.name,
        "role": words.roles[file.role],
        "standing": words.standings[file.standing],
        "tone": tone,
    }
    told = [
        row(words.text("file.path"), file.path or words.text("file.not_delivered"), DATA if file.path else ABSENT),
        row(words.text("file.size"), words.count("bytes", file.size) if file.size is not None else "–", PLAIN),
        row(words.text("file.computed"), file.sha256 or "–"),
    ]
    if file.signed_sha256:
        told.append({**row(words.text("file.signed"), file.signed_sha256), **mark(signed, words)})
    elif file.listed_sha256:
        told.append(row(words.text("file.listed"), file.listed_sha256))
    yield {"kind": "rows", "rows": [*told, *fact_rows(file.facts, words)]}


def _sign_file(item: ItemDossier, words: Words) -> Iterator[Block]:
    told = item.sign_file
    if item.signed_hashes and told.signing_string is None:
        yield heading(3, f"{words.text('signed_list')} ({words.marks[item.signed_label]})")
        shown = "\n".join(f"{place}  {sha256}" for place, sha256 in enumerate(item.signed_hashes[:_SIGNED], 1))
        yield code(shown)
        if len(item.signed_hashes) > _SIGNED:
            yield para(words.count("more", len(item.signed_hashes) - _SIGNED), "small")
    yield heading(3, words.text("sign_file"))
    if told.text is None:
        yield para(words.absences[told.absent] if told.absent else "–", Verdict.INDETERMINATE.value)
    else:
        yield heading(4, words.text("sign_file.text"))
        yield code(told.text)
    pairs = [
        (words.text("sign_file.sha256"), told.sha256),
        (words.text("sign_file.signing"), told.signing_string),
        (words.text("sign_file.signature"), told.signature),
    ]
    yield rows([(name, value) for name, value in pairs if value is not None])
    yield from _key(item, words)


def _key(item: ItemDossier, words: Words) -> Iterator[Block]:
    if not item.keys:
        yield para(words.text("key.none"), Verdict.INDETERMINATE.value)
        return
    key = item.keys[0].key
    made = [
        (words.text("key.fingerprint"), key.fingerprint),
        (words.text("key.sha256"), key.sha256),
        (words.text("key.path"), item.key_folder or "–"),
    ]
    unknown = words.text("not_known")
    for held in item.keys[:5]:
        start, end = (format_time(at) if at else unknown for at in (held.key.valid_from, held.key.valid_until))
        made.append((words.text("key.region"), held.key.region or unknown))
        made.append((words.text("key.window"), f"{start} – {end}"))
        for one in held.provenance[:5]:
            how = [
                words.text(
                    "key.obtained_how", at=format_time(one.obtained_at), method=one.method, endpoint=one.endpoint
                )
            ]
            how += [words.text("key.caller", caller=one.caller)] if one.caller else []
            how += [words.text("key.request", id=one.request_id)] if one.request_id else []
            made.append((words.text("key.obtained"), ", ".join(how)))
    yield rows(made)


def _checks(item: ItemDossier, words: Words) -> Iterator[Block]:
    runs = judged_runs(item.judged)
    yield heading(3, words.text("checks"))
    yield para(words.text("checks.intro", n=len(item.judged)), "intro")
    shown = [_run(run, words) for run in runs[-LONGEST["checks"] :]]
    yield cut("checks", shown[::-1], len(runs))


def _run(run: Run[Judged], words: Words) -> Block:
    last = run.last
    chip = words.verdict_names[last.verdict]
    over = {"kind": "run", "tone": last.verdict.value, "chip": chip, "text": _span(run, words)}
    return group(over, points(_checked(last, words)))


def _span(run: Run[Judged], words: Words) -> str:
    first, last = run.first, run.last
    if run.count == 1:
        return f"{format_time(first.at)}, {words.occasion(first.occasion)}"
    return words.text(
        "checks.run",
        times=words.count("times", run.count),
        first=format_time(first.at),
        first_occasion=words.occasion(first.occasion),
        last=format_time(last.at),
        last_occasion=words.occasion(last.occasion),
    )


def _checked(one: Judged, words: Words) -> Iterator[tuple[str, str, str]]:
    known = {finding.value: text for finding, text in words.findings.items()}
    for check in one.checks:
        name = words.checks.get(check.id) or known.get(check.id, check.id)
        result = "finding" if check.id in known and check.result is CheckResult.FAIL else check.result.value
        tone = "finding" if result == "finding" else _RESULT_TONES[check.result]
        yield words.results[result], f"{name}: {check.detail}" if check.detail else name, tone


def _fixity(fixity: Fixity, words: Words) -> Iterator[Block]:
    def line(one: Judged | None) -> tuple[str, str]:
        if one is None:
            return words.text("none"), ABSENT
        return words.text(
            "fixity.line", at=format_time(one.at), occasion=words.occasion(one.occasion), seq=one.seq
        ), PLAIN

    due = format_time(fixity.due_at) + (f" {words.text('fixity.overdue')}" if fixity.overdue else "")
    failures = [line(one)[0] for one in fixity.failures[:5]]
    if len(fixity.failures) > 5:
        failures.append(words.count("more", len(fixity.failures) - 5))
    yield heading(3, words.text("fixity"))
    yield rows(
        [
            (words.text("fixity.count"), words.count("times", fixity.count), PLAIN),
            (words.text("fixity.first"), *line(fixity.first)),
            (words.text("fixity.last"), *line(fixity.last)),
            (words.text("fixity.last_good"), *line(fixity.last_good)),
            (words.text("fixity.first_bad"), *line(fixity.first_bad)),
            (words.text("fixity.failures"), "; ".join(failures) or words.text("none"), PLAIN if failures else ABSENT),
            (words.text("fixity.due"), due, PLAIN),
        ]
    )


def _custody(item: ItemDossier, words: Words) -> Iterator[Block]:
    runs = event_runs(item.history)
    yield heading(3, words.text("custody"))
    yield para(words.text("custody.intro"), "intro")
    known: dict[tuple[HashChange, ...], int] = {}
    shown = [group(*_event(run, words, known, item.evidence.path)) for run in runs[: LONGEST["events"]]]
    yield cut("events", shown, len(runs))


def _event(
    run: Run[Happening], words: Words, known: dict[tuple[HashChange, ...], int], folder: str
) -> Iterator[Block]:
    """*known*: lists of hashes that stood before, and at which leaf; the same list is not shown twice."""
    event = run.first
    leaf = f"{event.seq}" if run.count == 1 else f"{event.seq} – {run.last.seq}"
    when = format_time(event.at) if run.count == 1 else f"{format_time(event.at)} – {format_time(run.last.at)}"
    actor = event.actor
    who = words.text("custody.actor", user=actor.user, host=actor.host, version=actor.version) if actor else "–"
    yield {
        "kind": "event",
        "leaf": f"{words.text('custody.leaf')} {leaf}",
        "when": when,
        "what": words.sentence(event) + (f" ({words.count('times', run.count)})" if run.count > 1 else ""),
        "who": who,
        "tone": Verdict.FAILED.value if event.trouble else "",
    }
    bodies = [event.body_sha256] if run.count == 1 else [event.body_sha256, run.last.body_sha256]
    yield rows([(words.text("custody.body"), sha256) for sha256 in bodies])
    yield from _changes(event, words, known, folder)


def _changes(
    event: Happening, words: Words, known: dict[tuple[HashChange, ...], int], folder: str
) -> Iterator[Block]:
    if not event.hashes:
        return
    count = words.count("hashes", len(event.hashes) + event.more_hashes)
    unchanged = all(change.before == change.after for change in event.hashes)
    after = tuple(HashChange(change.file, None, change.after) for change in event.hashes)
    if unchanged and after in known:
        yield para(words.text("custody.same", hashes=count, seq=known[after]), "small")
        return
    known[after] = event.seq
    for change in event.hashes[:_CHANGES]:
        yield _change(change, words, folder)
    more = len(event.hashes) - _CHANGES + event.more_hashes
    if more > 0:
        yield para(words.count("more", more), "small")


def _change(change: HashChange, words: Words, folder: str) -> Block:
    none = words.text("custody.no_file")
    before = change.before or words.text("custody.first_hash")
    after = words.text("custody.unchanged") if change.before == change.after else change.after or none
    return {
        "kind": "change",
        "file": change.file.removeprefix(f"{folder}/"),
        "before": [words.text("custody.before"), before, DATA if change.before else PLAIN],
        "after": [
            words.text("custody.after"),
            after,
            DATA if change.after and change.before != change.after else PLAIN,
        ],
        "tone": Verdict.FAILED.value if change.before and change.before != change.after else "",
    }


def _proof(item: ItemDossier, words: Words) -> Iterator[Block]:
    proof = item.proof
    yield heading(3, words.text("proof"))
    if proof.data is None:
        yield para(words.text("proof.none", trouble=proof.trouble), Verdict.INDETERMINATE.value)
        return
    name, size = proof_name(item.evidence.id), words.count("bytes", len(proof.data))
    sha256 = hashlib.sha256(proof.data).hexdigest()
    told = PAGES[words.language]["proof.attached"]
    yield para(told.format(name=name, bytes=size, sha256=sha256, size=proof.size))
    yield para(words.text("proof.checkpoint"), "small")


def _steps(item: ItemDossier, words: Words) -> Iterator[Block]:
    if not item.steps:
        return
    yield heading(3, words.text("steps"))
    yield para(words.text("steps.intro"), "intro")
    lines = []
    for place, step in enumerate(item.steps, 1):
        title, expected = words.step(step)
        lines += [f"# {place}. {title}", *step.commands]
        lines += [f"# {words.text('steps.expected', what=expected)}"] if expected else []
        lines.append("")
    yield code("\n".join(lines[:-1]))
