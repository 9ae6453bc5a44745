"""Anchoring a ledger's heads: real ledger, real log folder, real servers; and whatever may end a run half-way."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from archiver import custody_key
from archiver.adapters.anchors.timestamp import TimestampAuthority
from archiver.adapters.anchors.witness import Witness
from archiver.adapters.files.log_folder import LogFolder
from archiver.adapters.files.store import FolderStore
from archiver.adapters.ledger.database import SqlLedger
from archiver.domain.custody_upkeep import SourceSynced
from archiver.errors import AnchorError, AnchorForkedError, LedgerError, MediumError, StoreFullError
from archiver.log.anchors import expired
from archiver.log.note import cosigned_at, parse_key, parse_note, signed_by
from archiver.log.tiles import checkpoint_path
from archiver.log_ports import Anchorer
from archiver.work.anchor import Anchors
from archiver.work.checkpoint import Checkpoints
from tests.support.anchoring import NOWHERE, object_lock_stand
from tests.support.made_log import ORIGIN
from tests.support.tsa import TsaServer, authority

NOON = datetime(2027, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
YEAR = timedelta(days=365)


@dataclass
class Keeper:
    """A ledger with its archive, key and clock; ``time`` is what the clock shows."""

    ledger: SqlLedger
    root: Path
    time: datetime = NOON
    anchorers: list[Anchorer] = field(default_factory=list)

    def __post_init__(self) -> None:
        FolderStore.create(self.root / "archive")
        self.log = self.root / "archive" / "log"
        self.published = LogFolder(self.root / "archive")
        custody_key.create(self.root / "key")
        self.signer = custody_key.FileSigner(str(self.root / "key"), ORIGIN, {})

    def clock(self) -> datetime:
        return self.time

    def happen(self, count: int = 1) -> None:
        """Something is recorded."""
        entry = SourceSynced(at=self.time, source="src", url="s3://b", full_objects=None)
        self.ledger.journal.record([entry] * count)

    def head(self, *, force: bool = False) -> int:
        """Signs the ledger as it is; its size."""
        made = Checkpoints(self.ledger, self.published, self.signer, ORIGIN, self.clock).make(force=force)
        assert made is not None
        return made.size

    def new_head(self) -> int:
        self.happen()
        return self.head()

    @property
    def anchors(self) -> Anchors:
        return Anchors(self.ledger, self.published, self.anchorers, self.clock, 90 * DAY)

    def recorded(self, size: int) -> list[tuple[str, str]]:
        return [(anchor.method, anchor.path) for anchor in self.ledger.log.anchors(size)]

    def alerts(self) -> list[str]:
        """Titles of all that were raised."""
        return [json.loads(body)["title"] for _, body in self.ledger.log.of_kind("alert_raised")]

    def authority(self, tsa: TsaServer, name: str = "authority", **more: Any) -> TimestampAuthority:
        return TimestampAuthority(name, more.get("url", tsa.url), tsa.ca_file, self.clock)

    def witness(self, server: Any) -> Witness:
        server.logs[ORIGIN] = parse_key(self.signer.key).public
        server.clock = lambda: int(self.time.timestamp())
        return Witness(parse_key(server.key.vkey), ORIGIN, server.url, server.monitoring_url, self.clock)


@pytest.fixture
def keeper(sqlite_ledger, tmp_path):
    return Keeper(sqlite_ledger, tmp_path)


@pytest.fixture
def witnesses(witness_servers):
    for server in witness_servers.values():
        server.forget()
    return witness_servers


def test_before_the_first_head_nobody_is_asked(keeper, tsa):
    keeper.anchorers = [keeper.authority(tsa)]
    assert keeper.anchors.run() == []
    assert tsa.asked == []


def test_the_newest_head_is_vouched_for_by_everybody(ledger, tmp_path, tsa, aws, witnesses):
    keeper = Keeper(ledger, tmp_path)
    locked = object_lock_stand(aws, keeper.clock).anchorer
    keeper.anchorers = [keeper.authority(tsa), locked, *map(keeper.witness, witnesses.values())]
    keeper.new_head()
    size = keeper.new_head()
    results = keeper.anchors.run()
    assert [(one.method, one.size, one.error) for one in results] == [
        (method, size, None) for method in ("timestamp", "object_lock", "witness", "witness")
    ]
    recorded = list(ledger.log.anchors())
    assert [one.name for one in recorded] == [one.name for one in results] == [one.name for one in keeper.anchorers]
    assert all(one.size == size for one in recorded)
    note = (keeper.log / checkpoint_path(size)).read_text()
    for anchor, anchorer in zip(recorded, keeper.anchorers, strict=True):
        proof = (keeper.log / anchor.path).read_bytes()
        assert hashlib.sha256(proof).hexdigest() == anchor.sha256
        assert anchorer.check(anchor, note, proof) is None
    assert keeper.alerts() == []


def test_the_published_head_bears_the_cosignatures(keeper, tsa, witnesses):
    keeper.anchorers = [keeper.authority(tsa), *map(keeper.witness, witnesses.values())]
    size = keeper.new_head()
    alone = (keeper.log / "checkpoint").read_bytes()
    keeper.anchors.run()
    head = (keeper.log / "checkpoint").read_bytes()
    assert head.startswith(alone)
    note = parse_note(head)
    assert len(note.signatures) == 3
    assert signed_by(note, parse_key(keeper.signer.key))
    for server in witnesses.values():
        assert cosigned_at(note, parse_key(server.key.vkey)) == NOON
    assert (keeper.log / checkpoint_path(size)).read_bytes() == alone
    keeper.anchors.run()
    assert (keeper.log / "checkpoint").read_bytes() == head
    keeper.new_head()
    assert len(parse_note((keeper.log / "checkpoint").read_bytes()).signatures) == 1


def test_cosignatures_that_were_lost_come_back(keeper, witnesses):
    keeper.anchorers = [keeper.witness(witnesses[4])]
    size = keeper.new_head()
    keeper.anchors.run()
    head = (keeper.log / "checkpoint").read_bytes()
    keeper.published.replace("checkpoint", (keeper.log / checkpoint_path(size)).read_bytes())
    assert keeper.anchors.run() == []
    assert (keeper.log / "checkpoint").read_bytes() == head


@pytest.mark.parametrize("content", [b"", b"garbage\n", b"another log\n1\nAAAA\n\n\xe2\x80\x94 x AAAAAAAAAAAA\n"])
def test_a_published_head_that_is_not_the_newest_is_left_alone(keeper, witnesses, content):
    keeper.anchorers = [keeper.witness(witnesses[4])]
    keeper.new_head()
    keeper.published.replace("checkpoint", content)
    (result,) = keeper.anchors.run()
    assert result.error is None
    assert (keeper.log / "checkpoint").read_bytes() == content


def test_witnesses_follow_the_growing_ledger(keeper, witnesses):
    keeper.anchorers = [keeper.witness(witnesses[4])]
    for count in (1, 1, 2, 30, 300, 1, 255):
        keeper.happen(count)
        size = keeper.head()
        (result,) = keeper.anchors.run()
        assert result.error is None
        assert witnesses[4].seen[ORIGIN].size == size


def test_who_has_vouched_is_not_asked_again(keeper, tsa):
    keeper.anchorers = [keeper.authority(tsa)]
    keeper.new_head()
    keeper.anchors.run()
    assert keeper.anchors.run() == []
    assert len(tsa.asked) == 1
    keeper.new_head()
    assert len(keeper.anchors.run()) == 1


def test_one_who_is_retired_is_not_asked(keeper, tsa):
    keeper.anchorers = [TimestampAuthority("old", None, tsa.ca_file, keeper.clock)]
    keeper.new_head()
    assert keeper.anchors.run() == []


def test_who_cannot_be_reached_stops_nobody_else(keeper, tsa, witnesses):
    away = keeper.authority(tsa, "away", url=NOWHERE)
    keeper.anchorers = [away, keeper.witness(witnesses[6])]
    size = keeper.new_head()
    failed, held = keeper.anchors.run()
    assert isinstance(failed.error, AnchorError)
    assert failed.proved_at is None
    assert (held.name, held.error) == (keeper.anchorers[1].name, None)
    assert keeper.alerts() == ["timestamp away cannot vouch for the log"]
    keeper.anchorers[0] = keeper.authority(tsa, "away")
    (result,) = keeper.anchors.run()
    assert (result.name, result.error) == ("away", None)
    assert len(keeper.recorded(size)) == 2


def test_alerts_come_at_once_and_then_once_a_day(keeper, tsa):
    keeper.anchorers = [keeper.authority(tsa, url=NOWHERE)]
    keeper.new_head()
    told = []
    for hours in (0, 1, 23, 24, 25, 30, 47, 48, 49):
        keeper.time = NOON + timedelta(hours=hours)
        keeper.anchors.run()
        told.append(len(keeper.alerts()))
    assert told == [1, 1, 1, 2, 2, 2, 3, 3, 3]  # with each new day of the calendar, once a whole day has gone
    assert keeper.alerts()[1] == "timestamp authority has not vouched for the log since 2027-01-01T12:00:00Z"


def test_after_a_success_a_failure_is_news_again(keeper, tsa):
    there, away = keeper.authority(tsa), keeper.authority(tsa, url=NOWHERE)
    for anchorer in (away, there, away, away):
        keeper.anchorers = [anchorer]
        keeper.new_head()
        keeper.anchors.run()
    assert keeper.alerts() == ["timestamp authority cannot vouch for the log"] * 2
    texts = [json.loads(body)["text"] for _, body in keeper.ledger.log.of_kind("alert_raised")]
    assert "It never vouched for any." in texts[0]
    assert "The last checkpoint that it vouched for has" in texts[1]


def test_another_history_is_told_although_it_failed_before(keeper, tsa, witnesses):
    """A second copy of the ledger went on and was cosigned: this one has forked from it."""
    there = keeper.witness(witnesses[4])
    keeper.anchorers = [Witness(parse_key(witnesses[4].key.vkey), ORIGIN, NOWHERE, None, keeper.clock)]
    keeper.new_head()
    keeper.anchors.run()
    witnesses[4].seen[ORIGIN] = SimpleNamespace(size=3, root=bytes(32), note="")
    keeper.anchorers = [there]
    (result,) = keeper.anchors.run()
    assert isinstance(result.error, AnchorForkedError)
    assert keeper.alerts()[1].endswith("holds another history of the log")
    keeper.anchors.run()
    assert len(keeper.alerts()) == 2


# -------------------------------------------------------------------------------------------- ended half-way


def broken(keeper: Keeper, error: Exception) -> Any:
    """The keeper's ledger, whose journal records nothing any more."""

    def record(*_: object) -> None:
        raise error

    ledger = keeper.ledger
    return SimpleNamespace(log=ledger.log, locks=ledger.locks, journal=SimpleNamespace(record=record))


def every_kind(keeper: Keeper, request: pytest.FixtureRequest) -> list[Anchorer]:
    locked = object_lock_stand(request.getfixturevalue("aws"), keeper.clock).anchorer
    witnesses = request.getfixturevalue("witnesses")
    return [keeper.authority(request.getfixturevalue("tsa")), locked, keeper.witness(witnesses[4])]


def test_a_proof_that_was_published_and_not_recorded_is_adopted(keeper, tsa, witnesses, request):
    keeper.anchorers = every_kind(keeper, request)
    size = keeper.new_head()
    for anchorer in keeper.anchorers:
        with pytest.raises(LedgerError, match="ended here"):
            replace(keeper.anchors, ledger=broken(keeper, LedgerError("ended here")), anchorers=[anchorer]).run()
    assert keeper.recorded(size) == []
    asked = len(tsa.asked), len(witnesses[4].asked)
    results = keeper.anchors.run()
    assert [one.error for one in results] == [None] * 3
    assert (len(tsa.asked), len(witnesses[4].asked)) == asked
    note = (keeper.log / checkpoint_path(size)).read_text()
    for anchor, anchorer in zip(keeper.ledger.log.anchors(size), keeper.anchorers, strict=True):
        assert anchorer.check(anchor, note, (keeper.log / anchor.path).read_bytes()) is None
    assert len(parse_note((keeper.log / "checkpoint").read_bytes()).signatures) == 2


def test_a_proof_that_could_not_be_published_is_asked_for_again(keeper, request):
    keeper.anchorers = every_kind(keeper, request)
    size = keeper.new_head()

    class Full:
        def __init__(self, published: LogFolder) -> None:
            self.read = published.read

        def put(self, path: str, data: bytes) -> None:
            raise StoreFullError("no room")

    for anchorer in keeper.anchorers:
        with pytest.raises(StoreFullError):
            replace(keeper.anchors, published=Full(keeper.published), anchorers=[anchorer]).run()
    assert keeper.recorded(size) == []
    assert [one.error for one in keeper.anchors.run()] == [None] * 3
    assert len(keeper.recorded(size)) == 3


@pytest.mark.parametrize("kind", ["garbage", "link", "folder"])
def test_something_else_in_the_place_of_a_proof_is_not_touched(keeper, tsa, witnesses, kind):
    keeper.anchorers = [keeper.authority(tsa), keeper.witness(witnesses[4])]
    size = keeper.new_head()
    place = keeper.log / keeper.anchorers[0].path(size)
    place.parent.mkdir(parents=True)
    if kind == "garbage":
        place.write_bytes(b"planted")
    elif kind == "link":
        place.symlink_to("/etc/hostname")
    else:
        place.mkdir()
    failed, held = keeper.anchors.run()
    assert isinstance(failed.error, MediumError if kind != "garbage" else AnchorError)
    assert held.error is None
    assert tsa.asked == []
    assert os.path.lexists(place)
    assert keeper.alerts() == ["timestamp authority cannot vouch for the log"]


# ------------------------------------------------------------------------------------------------- over years


def stamping(tsa: TsaServer, start: datetime, end: datetime) -> bytes:
    """The authority gets a certificate for *start* to *end*; the root that it leads to."""
    tsa.held = authority(start, end)
    return tsa.held.root.pem


def pass_of(keeper: Keeper, tsa: TsaServer, force: Callable[[], bool]) -> None:
    """What the daemon does every quarter of an hour, on a ledger in which nothing happens."""
    tsa.at = keeper.time
    if force():
        keeper.head(force=True)
    keeper.anchors.run()


def test_time_stamps_are_renewed_before_their_certificate_ends(keeper, tsa, tmp_path):
    roots = tmp_path / "roots.pem"
    roots.write_bytes(stamping(tsa, NOON - DAY, NOON + YEAR))
    tsa.at = NOON

    def one() -> TimestampAuthority:
        return TimestampAuthority("authority", tsa.url, roots, keeper.clock)

    keeper.anchorers = [one()]
    keeper.new_head()
    keeper.anchors.run()
    sizes = set()
    for day in range(0, 4 * 365, 10):
        keeper.time = NOON + day * DAY
        if day % 360 == 300:  # the authority has a new certificate two months before the old one ends
            more = stamping(tsa, keeper.time - DAY, keeper.time + YEAR + 60 * DAY)
            roots.write_bytes(roots.read_bytes() + more)
            keeper.anchorers = [one()]
        pass_of(keeper, tsa, lambda: keeper.anchors.due_for_renewal(keeper.time))
        sizes.add(keeper.ledger.log.latest_checkpoint().size)
        assert expired(keeper.ledger.log.anchors(), keeper.time) == []
    # a few tries from the 90th day before the end to the new certificate: not one at each pass
    assert 4 < len(sizes) < 4 * 6
    note = {stored.size: stored.note for stored in keeper.ledger.log.checkpoints()}
    for anchor in keeper.ledger.log.anchors():
        assert keeper.anchorers[0].check(anchor, note[anchor.size], (keeper.log / anchor.path).read_bytes()) is None


def test_without_renewal_they_end(keeper, tsa):
    stamping(tsa, NOON - DAY, NOON + YEAR)
    tsa.at = NOON
    keeper.anchorers = [keeper.authority(tsa)]
    keeper.new_head()
    keeper.anchors.run()
    assert expired(keeper.ledger.log.anchors(), NOON + YEAR) == []
    assert len(expired(keeper.ledger.log.anchors(), NOON + YEAR + DAY)) == 1


def test_nothing_is_due_where_nobody_stamps(keeper, tsa):
    stamping(tsa, NOON - DAY, NOON + YEAR)
    tsa.at = NOON
    keeper.anchorers = [keeper.authority(tsa)]
    keeper.new_head()
    assert not keeper.anchors.due_for_renewal(NOON + YEAR)
    keeper.anchors.run()
    assert keeper.anchors.due_for_renewal(NOON + YEAR)
    keeper.anchorers = [TimestampAuthority("authority", None, tsa.ca_file, keeper.clock)]
    assert not keeper.anchors.due_for_renewal(NOON + YEAR)
