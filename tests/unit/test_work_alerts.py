"""Alerts: one a cause, delivered together, tried again ever later, lost never."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from archiver.domain.records import Alert, QueuedAlert
from archiver.domain.verdict import Finding, Reason
from archiver.work.alerts import alert_for, deliver, source_alert
from tests.support.ledgers import item, told

NOW = datetime(2026, 1, 5, tzinfo=UTC)


class Queue:
    """An outbox in memory that asserts what the port promises."""

    def __init__(self, count, attempts=0):
        self.waiting = {
            number: QueuedAlert(number, Alert(f"c{number}", f"title {number}", f"text {number}"), NOW, attempts)
            for number in range(count)
        }
        self.next_try = dict.fromkeys(self.waiting, NOW)
        self.rounds = 0

    def due(self, now):
        return [self.waiting[number] for number in sorted(self.waiting) if self.next_try[number] <= now][:100]

    def delivered(self, alert_id, at):
        del self.waiting[alert_id]

    def failed(self, alert_ids, at, refused, next_try_at):
        assert refused
        assert alert_ids
        assert next_try_at > at >= NOW
        self.rounds += 1
        for alert_id in alert_ids:
            before = self.waiting[alert_id]
            self.waiting[alert_id] = replace(before, attempts=before.attempts + 1, refused=tuple(refused))
            self.next_try[alert_id] = next_try_at


class Post:
    """A messenger; *refusing*: the addresses that take nothing."""

    def __init__(self, refusing=()):
        self.refusing, self.sent, self.addressed = refusing, [], []

    def send(self, title, text, only=()):
        self.sent.append((title, text))
        self.addressed.append(tuple(only))
        return self.refusing


def test_many_alerts_are_few_messages():
    queue, post = Queue(250), Post()
    assert deliver(queue, post, lambda: NOW) == (250, 0)
    assert queue.waiting == {}
    assert len(post.sent) == 13, "20 a message"
    title, text = post.sent[0]
    assert title.startswith("20 alerts: title 0")
    assert all(f"title {number}\ntext {number}" in text for number in range(20))


def test_one_alert_is_itself():
    post = Post()
    deliver(Queue(1), post, lambda: NOW)
    assert post.sent == [("title 0", "text 0")]


def test_what_is_refused_is_kept_for_later():
    queue = Queue(3)
    assert deliver(queue, Post(["mailto://…"]), lambda: NOW) == (0, 3)
    assert len(queue.waiting) == 3
    assert deliver(queue, Post(), lambda: NOW) == (0, 0), "not due yet"
    again = Post()
    assert deliver(queue, again, lambda: NOW + timedelta(hours=1)) == (3, 0)
    assert again.addressed == [("mailto://…",)], "who took it hears of it once"


def test_alerts_that_wait_for_other_addresses_do_not_go_together():
    queue = Queue(4)
    for number, refused in enumerate([(), ("a",), (), ("a", "b")]):
        queue.waiting[number] = replace(queue.waiting[number], refused=refused)
    post = Post()
    assert deliver(queue, post, lambda: NOW) == (4, 0)
    assert sorted(post.addressed) == [(), ("a",), ("a", "b")]


def test_tries_come_ever_later_up_to_an_hour():
    waits = []
    for attempts in (0, 1, 2, 5, 10, 1000):
        queue = Queue(1, attempts)
        deliver(queue, Post(["x"]), lambda: NOW)
        waits.append((queue.next_try[0] - NOW).total_seconds())
    assert waits == [30, 60, 120, 960, 3600, 3600]


def test_a_dead_address_costs_an_entry_a_round_and_not_one_an_alert():
    queue, now = Queue(80), NOW + timedelta(minutes=7)
    end = now + timedelta(days=2)
    while now < end:
        deliver(queue, Post(["dead"]), lambda now=now: now)
        now += timedelta(seconds=30)
    assert queue.rounds <= 7 + 48, "ever later, and then at each full hour"
    assert len({alert.attempts for alert in queue.waiting.values()}) == 1
    late = NOW + timedelta(days=2, hours=1)
    queue.waiting[99] = QueuedAlert(99, Alert("c99", "title 99", "text 99"), late, 0)
    queue.next_try[99] = late
    before = queue.rounds
    deliver(queue, Post(["dead"]), lambda: late)
    assert queue.rounds == before + 1, "a new one joins the others"
    assert {queue.next_try[number] for number in queue.waiting} == {late + timedelta(hours=1)}
    assert deliver(queue, Post(), lambda: late + timedelta(hours=1)) == (81, 0), "none is lost"


def test_only_what_is_new_is_told():
    evidence = item()
    judged = told([Reason.HASH_MISMATCH], [Finding.UNLISTED_FILE])
    (alert,) = alert_for(evidence, judged, (), "acquisition", NOW)
    assert alert.title.startswith("failed: hash_mismatch, unlisted_file")
    assert f"archiver show {evidence.id}" in alert.text
    (alert,) = alert_for(evidence, judged, ["hash_mismatch"], "audit", NOW)
    assert alert.title.startswith("failed: unlisted_file")
    assert alert_for(evidence, judged, ["unlisted_file", "hash_mismatch"], "audit", NOW) == []
    assert alert_for(evidence, told([]), ["hash_mismatch"], "audit", NOW) == []


def test_a_relapse_has_a_cause_of_its_own():
    evidence, judged = item(), told([Reason.HASH_MISMATCH])
    causes = {
        alert_for(evidence, judged, (), occasion, at)[0].cause
        for occasion, at in (("acquisition", NOW), ("audit", NOW), ("audit", NOW + timedelta(days=1)))
    }
    assert len(causes) == 3


def test_hostile_names_are_escaped():
    evidence = item(prefix="a\x1b[31m\n/", query_id=None)
    for alert in (
        *alert_for(evidence, told([Reason.UNSIGNED]), (), "acquisition", NOW),
        source_alert(evidence, "source_deleted", "gone", NOW),
    ):
        assert "\x1b" not in alert.title + alert.text
