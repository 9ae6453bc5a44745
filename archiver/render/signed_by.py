"""With whose key the list of hashes was signed, in words: an imported key is no proof of AWS."""

from __future__ import annotations

from archiver.domain.dossier import ItemDossier
from archiver.domain.facts import Label
from archiver.domain.keys import LISTED
from archiver.render.words.vocabulary import Words


def signed_words(item: ItemDossier, words: Words) -> str:
    """What the signature proves of *item*, whose hashes are signed, and what an unlisted key leaves open."""
    hashes = words.count("hashes", len(item.signed_hashes))
    signature = words.signatures[item.signature.value] if item.signature else words.text("proved.never_judged")
    if item.signed_label is Label.SIGNED:
        return words.text("proved.signed", hashes=hashes, signature=signature)
    terms = {"key": _key(item, words), "whence": _whence(item, words)}
    return words.text("proved.signed_unlisted", hashes=hashes, signature=signature, **terms)


def unproved_key(item: ItemDossier, words: Words) -> str | None:
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
