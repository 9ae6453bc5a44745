"""Audits with processes that help: they find what is to be found, and nobody outlives whoever asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from archiver.adapters.helper_process import HelperProcess
from archiver.cli import audit as audit_command
from archiver.cli.main import EXIT_INTERRUPTED
from archiver.work import audit as audit_module
from archiver.work.audit import Budget
from archiver.work.crew import Crew
from archiver.work.inspect import Inspector
from tests.support.cli import archived_home

ROOT = Path(__file__).parents[2]
ITEMS = 120


@pytest.fixture(scope="module")
def archived(tmp_path_factory):
    """A home whose archive holds many small deliveries; and their folders there."""
    return archived_home(tmp_path_factory.mktemp("archived"), *[{"files": 1}] * ITEMS)


@pytest.fixture
def held(home, archived):
    """Makes *home* such a one; answers the folders."""
    made, folders = archived
    made.restore(home)
    return folders


@pytest.fixture
def asked(monkeypatch):
    """Helpers are worth it for few items, and waited for; answers what they were asked, and whom."""
    found = []
    gather, ask = Crew.gather, HelperProcess.ask

    def gathered(crew):
        gather(crew)
        end = time.monotonic() + 60
        while not all(helper.is_ready() for helper in crew._all):
            assert time.monotonic() < end
            time.sleep(0.01)

    def asking(helper, question):
        found.append((helper, question))
        return ask(helper, question)

    monkeypatch.setattr(audit_module, "WORTH_IT", 10)
    monkeypatch.setattr(Crew, "gather", gathered)
    monkeypatch.setattr(HelperProcess, "ask", asking)
    return found


def children():
    there = Path(f"/proc/self/task/{os.getpid()}/children").read_text("ascii")
    return {int(number) for number in there.split()}


def audit(home, *arguments, status):
    return home.run_here("audit", "--all", *arguments, "--json", status=status).json


def events_of(home, kind):
    return home.kinds().count(kind)


def test_helpers_judge_and_all_is_recorded_here(home, held, asked):
    before = children()
    answer = audit(home, status=0)
    assert (answer["audited"], answer["verified"]) == (ITEMS, ITEMS)
    assert sum(len(question.ids) for _, question in asked) > ITEMS // 2
    assert events_of(home, "evidence_verified") == ITEMS
    assert children() == before
    assert answer["bytes"] == sum(path.stat().st_size for folder in held for path in folder.iterdir())
    ids = "SELECT evidence_id FROM custody_events WHERE kind = 'evidence_verified' ORDER BY seq"
    order = "SELECT evidence_id FROM evidence_state ORDER BY acquired_at, evidence_id"
    assert home.ledger.query(ids) == home.ledger.query(order)


def test_what_was_tampered_with_is_found_by_a_helper_told_and_mended(home, held, asked):
    altered, lost, odd = held[60] / "result_1.csv.gz", held[80] / "result_1.csv.gz", held[100] / "stray"
    altered.chmod(0o644)
    altered.write_bytes(altered.read_bytes() + b"!")
    lost.unlink()
    odd.write_bytes(b"?")
    answer = audit(home, status=1)
    assert (answer["audited"], answer["failed"], answer["with_findings"]) == (ITEMS, 2, 2)
    assert {"archive_altered"} <= set(answer["items"][0]["reasons"]) & set(answer["items"][1]["reasons"])
    by_helpers = {item for _, question in asked for item in question.ids}
    assert {item["id"] for item in answer["items"]} & by_helpers
    assert len(home.alerts()) == 3
    audit(home, status=1)
    assert len(home.alerts()) == 3, "the same harm is told once"
    assert len(audit(home, "--repair", status=0)["repaired_ids"]) == 2


@pytest.mark.parametrize(
    ("forgery", "reason"),
    [
        ("UPDATE evidence_state SET size = size + 1 WHERE {}", "ledger_altered"),
        ("UPDATE files SET etag = 'forged' WHERE {}", "ledger_altered"),
        ("UPDATE verifications SET checks = '[]' WHERE {}", "ledger_altered"),
        ("UPDATE evidence_state SET verdict = 'fine' WHERE {}", "ledger_altered"),
        ("UPDATE key_provenance SET region = 'eu-west-1'", "ledger_altered"),
    ],
)
def test_an_altered_ledger_is_found_by_a_helper(home, held, asked, forgery, reason):
    ((item,),) = home.ledger.query("SELECT evidence_id FROM evidence_state ORDER BY acquired_at DESC LIMIT 1")
    home.ledger.forge(forgery.format(f"evidence_id = '{item}'"))
    answer = audit(home, status=1)
    assert item in {one["id"] for one in answer["items"]}
    assert all(reason in one["reasons"] for one in answer["items"])
    assert answer["audited"] == ITEMS
    assert asked


def test_a_fault_of_this_program_at_one_item_is_told_and_the_others_are_judged(home, held, monkeypatch):
    ((broken,),) = home.ledger.query("SELECT id FROM evidence ORDER BY acquired_at LIMIT 1")
    inspect = Inspector.inspect

    def inspecting(self, item, around):
        if item.record.evidence.id == broken:
            raise ZeroDivisionError("a fault")
        return inspect(self, item, around)

    monkeypatch.setattr(Inspector, "inspect", inspecting)
    answer = audit(home, status=3)
    assert (answer["audited"], answer["verified"]) == (ITEMS - 1, ITEMS - 1)
    (error,) = answer["errors"]
    assert broken in error["error"]
    assert "ZeroDivisionError" in error["error"]
    assert events_of(home, "evidence_verified") == ITEMS - 1


def test_what_a_killed_helper_was_at_is_judged_all_the_same(home, held, asked, monkeypatch):
    ask = HelperProcess.ask

    def killing(helper, question):
        if len(asked) in (2, 4):
            os.kill(helper._process.pid, signal.SIGKILL)
        return ask(helper, question)

    monkeypatch.setattr(HelperProcess, "ask", killing)
    answer = audit(home, status=0)
    assert (answer["audited"], answer["verified"]) == (ITEMS, ITEMS)
    assert events_of(home, "evidence_verified") == ITEMS


def test_a_budget_of_bytes_ends_where_it_would_without_helpers(home, held, asked):
    sizes = [int(size) for (size,) in home.ledger.query("SELECT size FROM evidence_state ORDER BY acquired_at")]
    some = sum(sizes[:70])
    answer = audit(home, "--max-bytes", str(some), status=0)
    assert answer["stopped_by"] == "max_bytes"
    assert answer["audited"] == 70
    assert events_of(home, "evidence_verified") == 70
    assert asked


def test_a_budget_of_time_ends_what_helpers_are_given_and_each_pass_gets_somewhere(home, held, asked, monkeypatch):
    monkeypatch.setattr(audit_command, "_budget", lambda *_: Budget(max_time=timedelta(microseconds=1)))
    answer = audit(home, status=0)
    assert (answer["stopped_by"], answer["audited"]) == ("max_time", 1)


def test_a_key_that_only_aws_has_is_asked_for_here(home, held, asked):
    """A helper asks nobody, and leaves such items; here none can be asked, and that is what is recorded."""
    home.ledger.forge("DELETE FROM keys", "DELETE FROM key_provenance")
    answer = audit(home, status=1)
    assert all({"key_unavailable", "ledger_altered"} <= set(item["reasons"]) for item in answer["items"])
    assert answer["audited"] == ITEMS


DRIVER = """
import os, signal, sys, time
from archiver.adapters.helper_process import HelperProcess
from archiver.cli.main import EXIT_INTERRUPTED
from archiver.cli.main import main
from archiver.work import audit
from archiver.work.crew import Crew
from archiver.work.inspect import Inspector
audit.WORTH_IT = 10
gather, ask = Crew.gather, HelperProcess.ask
count = 0
def gathered(crew):
    gather(crew)
    while not all(helper.is_ready() for helper in crew._all):
        time.sleep(0.01)
    print(*(helper._process.pid for helper in crew._all), file=sys.stderr, flush=True)
def asking(helper, question):
    global count
    count += 1
    if count == 2:
        os.kill(helper._process.pid, signal.SIGSTOP)
        os.kill(os.getpid(), int(os.environ["SIGNAL"]))
    return ask(helper, question)
Crew.gather, HelperProcess.ask = gathered, asking
sys.argv = ["archiver", "audit", "--all", "--json"]
main()
"""


def is_there(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def driven(home, number):
    """An audit that gets the signal *number* while one of its helpers is stopped; and the helpers' numbers."""
    environ = {**home.environ, "PYTHONPATH": str(ROOT), "SIGNAL": str(int(number))}
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", DRIVER], cwd=home.root, env=environ, text=True, **pipes)
    helpers = [int(pid) for pid in process.stderr.readline().split()]
    assert helpers
    return process, helpers


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_in_the_middle_is_prompt_and_what_was_recorded_stands(home, held, number):
    """One helper hangs, as one does whose medium does not answer."""
    began = time.monotonic()
    process, helpers = driven(home, number)
    assert process.wait(30) == EXIT_INTERRUPTED
    assert time.monotonic() - began < 15
    process.stderr.close()
    assert not any(map(is_there, helpers))
    assert 0 < events_of(home, "evidence_verified") < ITEMS
    assert audit(home, status=0)["audited"] == ITEMS


def test_helpers_end_with_whoever_asked_however_that_ends(home, held):
    process, helpers = driven(home, signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    process.stderr.close()
    for helper in helpers:  # one of them was stopped
        if is_there(helper):
            os.kill(helper, signal.SIGCONT)
    end = time.monotonic() + 10
    while any(map(is_there, helpers)):
        assert time.monotonic() < end
        time.sleep(0.05)
