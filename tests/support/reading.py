"""Reads a folder tree and judges it by the pure recipe: the smallest caller that the recipe can have.

It holds whole files in memory, follows no link, and knows nothing of sources, archives or ledgers.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from archiver.domain.delivery import Delivery, ObjectKind, SourceObject
from archiver.domain.folders import deliveries
from archiver.domain.keys import HeldKey, PublicKey
from archiver.domain.sign_file import SIGN_FILE_NAME, SignFile
from archiver.domain.times import parse_time
from archiver.domain.verdict import Judgement
from archiver.verify.contents import look_at
from archiver.verify.findings import Circumstances
from archiver.verify.recipe import Examination, FindKeys, ObservedFile, examine, judge


def judge_tree(root: Path, find_keys: FindKeys) -> dict[str, Judgement]:
    """Every delivery below *root*: its folder without the last slash -> what is judged of it."""
    found = list(deliveries(objects_below(root)))
    examined = {delivery.prefix: examine(_sign_bytes(root, delivery), find_keys) for delivery in found}
    return {
        delivery.prefix.removesuffix("/"): _judged(root, delivery, examined, {d.prefix: d.query_id for d in found})
        for delivery in found
    }


def objects_below(root: Path) -> Iterator[SourceObject]:
    """Every file and link below *root*, in the order of S3: by the UTF-8 bytes of the key."""
    found = []
    for folder, folders, names in os.walk(root):
        for name in [*names, *(name for name in folders if (Path(folder) / name).is_symlink())]:
            path = Path(folder) / name
            kind = ObjectKind.LINK if path.is_symlink() else ObjectKind.FILE
            status = path.lstat()
            found.append(SourceObject(path.relative_to(root).as_posix(), status.st_size, "etag", None, kind))
    yield from sorted(found, key=lambda o: os.fsencode(o.key))


def keys_in(path: Path) -> FindKeys:
    """A finder over the list that ``aws cloudtrail list-public-keys`` printed to *path*."""
    return finder([_key(entry) for entry in json.loads(path.read_bytes())["PublicKeyList"]])


def finder(keys: Sequence[PublicKey]) -> FindKeys:
    """A finder over *keys*, by what their list calls them."""

    def find(sign_file: SignFile) -> list[HeldKey]:
        return [HeldKey(key) for key in keys if key.claimed_fingerprint == sign_file.claims.fingerprint]

    return find


def observe(name: str, data: bytes) -> ObservedFile:
    """The file *name* that consists of *data*."""
    return ObservedFile(name, len(data), hashlib.sha256(data).hexdigest(), look_at(data, whole=True))


def judge_files(files: Mapping[str, bytes], find_keys: FindKeys, around: Circumstances) -> Judgement:
    """The delivery that consists of *files* (name -> bytes)."""
    observed = [observe(name, data) for name, data in files.items() if name != SIGN_FILE_NAME]
    return judge(examine(files.get(SIGN_FILE_NAME), find_keys), observed, around)


def _key(entry: Mapping[str, Any]) -> PublicKey:
    return PublicKey(
        base64.b64decode(entry["Value"], validate=True),
        entry["Fingerprint"],
        entry.get("Region"),
        parse_time(entry["ValidityStartTime"]),
        parse_time(entry["ValidityEndTime"]),
    )


def _sign_bytes(root: Path, delivery: Delivery) -> bytes | None:
    found = delivery.sign_object
    return (root / found.key).read_bytes() if found and found.kind is ObjectKind.FILE else None


def _judged(
    root: Path, delivery: Delivery, examined: Mapping[str, Examination], query_ids: Mapping[str, str | None]
) -> Judgement:
    examination = examined[delivery.prefix]
    observed = [
        observe(delivery.name_of(found), (root / found.key).read_bytes())
        if found.kind is ObjectKind.FILE
        else ObservedFile(delivery.name_of(found), None, None, trouble="it is a link", absent=True)
        for found in delivery.objects
        if delivery.name_of(found) != SIGN_FILE_NAME
    ]
    listed = {f.name: f.sha256 for f in examination.sign_file.files} if examination.sign_file else {}
    headers = [
        file.contents.execution_time
        for file in observed
        if file.contents and file.sha256 == listed.get(file.name) and examination.signature_holds
    ]
    around = Circumstances(
        path=delivery.path,
        location=delivery.prefix,
        execution_time=next((time for time in headers if time), None),
        same_hash_list=[
            prefix
            for prefix, other in examined.items()
            if examination.sign_file
            and other.sign_file
            and other.sign_file.signing_string == examination.sign_file.signing_string
            and query_ids[prefix] != delivery.query_id
        ],
    )
    return judge(examination, observed, around)
