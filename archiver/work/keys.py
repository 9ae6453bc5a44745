"""Public keys: admitted only as what they are, kept in ledger and archive with their provenance, found again.

Keys are searched first where no network is needed. ListPublicKeys is asked widely round queryCompleteTime, for
that time is a claim and windows overlap.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from archiver.domain.custody import Entry, KeyHarvested, KeyRejected, to_json
from archiver.domain.keys import HeldKey, KeyProvenance, PublicKey
from archiver.domain.paths import KEYS_FOLDER
from archiver.domain.records import Alert
from archiver.domain.sign_file import SignFile
from archiver.domain.times import format_time
from archiver.errors import SourceError, StoreConflictError
from archiver.ports import Clock, Journal, KeyAuthority, Keys
from archiver.store_ports import Store
from archiver.verify.signature import KeyUnusableError, load_key, pem_pkcs1, pem_x509

SEARCH_WIDTH: Final = timedelta(days=35)
"""ListPublicKeys is asked this much before and after queryCompleteTime: a window is 30 days."""

HARVEST_BACK: Final = timedelta(days=400)
"""A harvest asks this far back: nothing published says how long old keys go on being listed."""

HARVEST_AHEAD: Final = timedelta(days=35)

_ASK_AGAIN: Final = timedelta(minutes=10)
"""An answer without the key stands this long: a million unsigned claims must not become a million requests."""

_FRESH: Final = timedelta(seconds=1)
"""Keys that were found are found again for so long without looking: a thousand deliveries name the same one."""

_FRESH_MOST: Final = 1000

Held = Callable[[str], Sequence[HeldKey]]
"""Fingerprint -> the keys on hand that bear it."""

Admit = Callable[[Sequence[PublicKey], KeyProvenance], object]
"""Takes in keys as an authority has listed them."""

Authorities = Callable[[str], KeyAuthority | None]
"""Region -> who answers for it, None where nobody may be asked (offline)."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What became of a list of keys. ``rejected``: (claimed fingerprint, why)."""

    new: int
    known: int
    rejected: tuple[tuple[str, str], ...]


def key_folder(key: PublicKey) -> str:
    """Where a key lies in the archive."""
    return f"{KEYS_FOLDER}/{key.fingerprint}-{key.sha256[:16]}"


def key_files(key: PublicKey) -> dict[str, bytes]:
    """The files that a key is in the archive: path -> bytes. The PEM forms are what openssl reads."""
    folder = key_folder(key)
    return {
        f"{folder}/public_key.der": key.der,
        f"{folder}/public_key_pkcs1.pem": pem_pkcs1(key.der),
        f"{folder}/public_key_x509.pem": pem_x509(key.der),
    }


def unusable(key: PublicKey) -> str:
    """Why *key* cannot be what its list calls it; "" where nothing speaks against it."""
    if key.claimed_fingerprint != key.fingerprint:
        return f"it is listed as {key.claimed_fingerprint}, its fingerprint is {key.fingerprint}"
    try:
        load_key(key.der)
    except KeyUnusableError as error:
        return str(error)
    return ""


@dataclass(frozen=True)
class KeyKeeper:
    """Takes keys in: checks each, writes it to the archive, then to the ledger."""

    keys: Keys
    journal: Journal
    store: Store
    clock: Clock

    def admit(self, listed: Sequence[PublicKey], provenance: KeyProvenance) -> Admission:
        """Keeps the sound ones of *listed*; the others are recorded as rejected and raise an alert."""
        entries: list[Entry] = []
        alerts: list[Alert] = []
        rejected: list[tuple[str, str]] = []
        new = 0
        for key in listed:
            why = unusable(key)
            if why:
                rejected.append((key.claimed_fingerprint, why))
                alerts.append(_rejection(key, provenance, why))
                entries.append(KeyRejected(at=self.clock(), key=key, provenance=provenance, detail=why))
                continue
            new += all(held.key.sha256 != key.sha256 for held in self.keys.by_fingerprint(key.fingerprint))
            try:
                self._archive(key, provenance)
            except StoreConflictError as error:
                alerts.append(_altered(key, error))
            entries.append(KeyHarvested(at=self.clock(), key=key, sha256=key.sha256, provenance=provenance))
        if entries:
            self.journal.record(entries, alerts)
        return Admission(new, len(listed) - len(rejected) - new, tuple(rejected))

    def _archive(self, key: PublicKey, provenance: KeyProvenance) -> None:
        for path, data in key_files(key).items():
            self.store.put(path, data)
        if not _is_on_record(self.keys, key, provenance):
            note = json.dumps(
                {"key": to_json(key), "sha256": key.sha256, "provenance": to_json(provenance)}, indent=1
            )
            name = hashlib.sha256(note.encode()).hexdigest()[:16]
            self.store.put(f"{key_folder(key)}/provenance-{name}.json", note.encode() + b"\n")


def _is_on_record(keys: Keys, key: PublicKey, provenance: KeyProvenance) -> bool:
    wanted = (provenance.method, provenance.endpoint, provenance.caller)
    return any(
        (known.method, known.endpoint, known.caller) == wanted
        for held in keys.by_fingerprint(key.fingerprint)
        if held.key.sha256 == key.sha256
        for known in held.provenance
    )


def _altered(key: PublicKey, error: StoreConflictError) -> Alert:
    return Alert(
        cause=f"key_altered:{key.sha256}",
        title=f"the archive's copy of public key {key.fingerprint} is altered",
        text=f"{error}\nThe ledger holds the key as it was listed. See: archiver audit --all --repair",
    )


def _rejection(key: PublicKey, provenance: KeyProvenance, why: str) -> Alert:
    identity = hashlib.sha256(key.der).hexdigest()
    return Alert(
        cause=f"key_rejected:{key.claimed_fingerprint}:{identity}",
        title=f"public key {key.claimed_fingerprint} rejected",
        text=f"{provenance.method} ({provenance.endpoint}) gave a key that cannot be used: {why}.",
    )


@dataclass
class KeyBox:
    """Keys that are only held while a command runs, unchecked: what they are is for the recipe to say."""

    _held: dict[str, list[HeldKey]] = field(default_factory=dict)

    def held(self, fingerprint: str) -> Sequence[HeldKey]:
        """Those that their lists call *fingerprint*."""
        return self._held.get(fingerprint, ())

    def admit(self, listed: Sequence[PublicKey], provenance: KeyProvenance) -> None:
        """Takes *listed* in as they are."""
        for key in listed:
            self._held.setdefault(key.claimed_fingerprint, []).append(HeldKey(key, (provenance,)))


@dataclass
class KeyRing:
    """Finds the key that a sign file names: on hand, or by asking. Safe from several threads.

    ``held``: the keys on hand by fingerprint; ``admit``: takes in what an authority has answered;
    ``ask_first``: a Region that the user named.
    ``troubles``: what went wrong while asking, by Region; for the pass to report.
    """

    held: Held
    admit: Admit
    authorities: Authorities
    clock: Clock
    ask_first: str | None = None
    troubles: dict[str, SourceError] = field(default_factory=dict)
    _asked: dict[tuple[str, date], datetime] = field(default_factory=dict)
    _suspect: dict[str, list[HeldKey]] = field(default_factory=dict)
    _found: dict[str, tuple[datetime, Sequence[HeldKey]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, sign_file: SignFile, source_region: str | None) -> Sequence[HeldKey]:
        """Every key known by the sign file's fingerprint; asks *source_region*, then the claimed one."""
        claims = sign_file.claims
        return self.seek(claims.fingerprint, (source_region, claims.region), claims.query_complete_time)

    def seek(self, fingerprint: str, regions: Sequence[str | None], about: datetime) -> Sequence[HeldKey]:
        """Every key known by *fingerprint*; where none is on hand, *regions* are asked for the time *about*."""
        if held := self._on_hand(fingerprint):
            return held
        for region in dict.fromkeys(r for r in (self.ask_first, *regions) if r):
            self._ask(region, about)
            if held := self._on_hand(fingerprint):
                return held
        return self._suspect.get(fingerprint, [])

    def _on_hand(self, fingerprint: str) -> Sequence[HeldKey]:
        at, held = self._found.get(fingerprint, (None, ()))
        if at is not None and timedelta(0) <= self.clock() - at < _FRESH:
            return held
        held = self.held(fingerprint)
        if held:
            if len(self._found) >= _FRESH_MOST:
                self._found.clear()
            self._found[fingerprint] = self.clock(), held
        return held

    def _ask(self, region: str, about: datetime) -> None:
        with self._lock:  # one question at a time: others wait for the answer instead of asking again
            last = self._asked.get((region, about.date()))
            if last is not None and self.clock() - last < _ASK_AGAIN:
                return
            authority = self.authorities(region)
            if authority is None:
                return
            self._asked[region, about.date()] = self.clock()
            try:
                listed, provenance = authority.list_keys(_moved(about, -SEARCH_WIDTH), _moved(about, SEARCH_WIDTH))
            except SourceError as error:
                self.troubles[region] = error
                return
            self.admit(listed, provenance)
            for key in listed:
                if unusable(key):
                    held = HeldKey(key, (provenance,))
                    self._suspect.setdefault(key.claimed_fingerprint, []).append(held)


def _moved(moment: datetime, by: timedelta) -> datetime:
    """*moment* plus *by*, held within the years that exist: queryCompleteTime is a claim."""
    try:
        return moment + by
    except OverflowError:
        return moment


@dataclass(frozen=True)
class Harvest:
    """What a harvest of one Region gave; ``error`` where it could not be asked."""

    region: str
    admission: Admission | None
    error: SourceError | None


def harvest(
    keeper: KeyKeeper,
    authorities: Sequence[KeyAuthority],
    clock: Clock,
    journal: Journal,
) -> list[Harvest]:
    """Asks each authority for all keys that it still lists and keeps them; one Region's error stops no other."""
    done = []
    for authority in authorities:
        now = clock()
        try:
            listed, provenance = authority.list_keys(now - HARVEST_BACK, now + HARVEST_AHEAD)
        except SourceError as error:
            done.append(Harvest(authority.region, None, error))
            journal.record([], [_unreachable(authority.region, error, now)])
            continue
        done.append(Harvest(authority.region, keeper.admit(listed, provenance), None))
    return done


def _unreachable(region: str, error: SourceError, now: datetime) -> Alert:
    """One alert a day and Region: keys that are not harvested may be gone for good."""
    return Alert(
        cause=f"keys:{region}:{format_time(now)[:10]}",
        title=f"public keys of {region} could not be harvested",
        text=f"{error}\n{error.remedy}",
    )
