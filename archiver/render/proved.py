"""What a reader may take as proved of an item and what not, in sentences: with whose key it was signed, above all."""

from __future__ import annotations

from collections.abc import Iterator

from archiver.domain.custody import Reported
from archiver.domain.custody_facts import Exported
from archiver.domain.dossier import ItemDossier, Standing
from archiver.domain.evidence import FileRole
from archiver.domain.facts import Label
from archiver.domain.keys import LISTED
from archiver.domain.times import format_time
from archiver.domain.verdict import Verdict
from archiver.render.words.vocabulary import Words

_FILES_SHOWN = 10
_OF_MANY = frozenset({Reported.kind, Exported.kind})
"""Kinds of events about many items: they mention an item, and its proof does not hold them."""


def proved(item: ItemDossier, words: Words) -> list[str]:
    """What a reader may take as proved, each in a sentence."""
    told = []
    if item.signed_hashes:
        told.append(_signed(item, words))
        results = [file for file in item.files if file.role is FileRole.RESULT]
        signed = sum(file.standing is Standing.SIGNED for file in results)
        if signed:
            files = words.count("files", len(results))
            told.append(words.text("proved.files", n=signed, files=files, at=_at(item, words)))
    if item.is_read:
        told.append(words.text("proved.read"))
    if item.proof.data is not None and item.proof.size is not None:
        size = item.proof.size
        own = sum(event.seq < size and event.kind not in _OF_MANY for event in item.history)
        told.append(words.text("proved.log", n=own))
    return told


def not_proved(item: ItemDossier, words: Words) -> Iterator[tuple[str, str]]:
    """What a reader may not, each as (sentence, tone): the verdict that it speaks for, "" for what holds of all."""
    unknown = Verdict.INDETERMINATE.value
    if not item.signed_hashes:
        yield words.text("proved.nothing", signature=_signature(item, words)), unknown
    if unproved := _unproved_key(item, words):
        yield unproved, unknown
    doubtful = [f for f in item.files if f.standing not in (Standing.SIGNED, Standing.SIGN_FILE)]
    for file in doubtful[:_FILES_SHOWN]:
        tone = Verdict.FAILED.value if file.standing.is_bad else unknown
        yield words.text("not_proved.file", file=file.name, standing=words.standings[file.standing]), tone
    if len(doubtful) > _FILES_SHOWN:
        yield words.count("more", len(doubtful) - _FILES_SHOWN), unknown
    if not item.is_read:
        yield words.text("not_proved.not_read", at=_at(item, words)), unknown
    if item.fixity.overdue:
        yield words.text("not_proved.overdue", at=format_time(item.fixity.due_at)), unknown
    if item.proof.data is None:
        yield words.text("not_proved.no_proof"), unknown
    yield words.text("not_proved.claims"), ""


def _at(item: ItemDossier, words: Words) -> str:
    """When it was last judged."""
    return format_time(item.judged[-1].at) if item.judged else words.text("not_known")


def _signature(item: ItemDossier, words: Words) -> str:
    return words.signatures[item.signature.value] if item.signature else words.text("proved.never_judged")


def _signed(item: ItemDossier, words: Words) -> str:
    """What the signature proves of *item*, whose hashes are signed, and what an unlisted key leaves open."""
    hashes = words.count("hashes", len(item.signed_hashes))
    signature = _signature(item, words)
    if item.signed_label is Label.SIGNED:
        return words.text("proved.signed", hashes=hashes, signature=signature)
    terms = {"key": _key(item, words), "whence": _whence(item, words)}
    return words.text("proved.signed_unlisted", hashes=hashes, signature=signature, **terms)


def _unproved_key(item: ItemDossier, words: Words) -> str | None:
    """That the key is not proved to be CloudTrail's; None where CloudTrail listed it, or where nothing is signed."""
    if not item.signed_hashes or item.signed_label is Label.SIGNED:
        return None
    return words.text("not_proved.key", key=_key(item, words), whence=_whence(item, words))


def _key(item: ItemDossier, words: Words) -> str:
    """SHA-256 of the key."""
    if item.keys:
        return item.keys[0].key.sha256
    used = (one.key_sha256 for one in reversed(item.judged) if one.key_sha256)
    return next(used, None) or item.evidence.key_sha256 or words.text("not_known")


def _whence(item: ItemDossier, words: Words) -> str:
    """Where the key came from, which is not from CloudTrail."""
    if not item.keys:
        return words.text("key.unheld")
    listed = [one for held in item.keys for one in held.provenance if one.method == LISTED]
    return words.text("key.elsewhere", endpoint=listed[0].endpoint) if listed else words.text("key.imported")
