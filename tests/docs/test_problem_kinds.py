"""Every kind of problem that the program tells is explained, and none that it does not."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from archiver.cli.ledger_verify_text import LEDGER_LOST, LOG_LOST, NAMES_PROBLEMS, NOT_CONTINUED, RUNBOOK

ROOT = Path(__file__).parents[2]
_KIND = re.compile(
    r"(?:event|tree|row|guard|schema|checkpoint|ledger|head|key|published|anchor)_"
    r"(?:altered|missing|added|malformed|inconsistent|behind|contradicted|ahead|replaced|unvouched|invalid|expired)|check_failed|unreadable"
)


def told() -> set[str]:
    """The kinds that stand as strings in what verifies."""
    files = [*(ROOT / "archiver/work").glob("log_verify*.py"), *(ROOT / "archiver/adapters/ledger").glob("*.py")]
    files.append(ROOT / "archiver/wiring_ledger.py")
    strings = (
        node.value
        for file in files
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return {text for text in strings if _KIND.fullmatch(text)}


def explained() -> set[str]:
    """Those of the table in the threat model."""
    text = (ROOT / "docs/threat-model.md").read_text("utf-8")
    table = text.partition("## What `ledger verify` calls it")[2].partition("\n## ")[0]
    first = [line.split("|")[1] for line in table.splitlines() if line.startswith("|")]
    return {kind for cell in first for kind in re.findall(r"`(\w+)`", cell)}


def advised() -> set[str]:
    """Those of the table in the runbook."""
    text = (ROOT / "docs/runbook.md").read_text("utf-8")
    table = text.partition(f"## {NAMES_PROBLEMS}")[2].partition("\n## ")[0]
    first = [line.split("|")[1] for line in table.splitlines() if line.startswith("|")]
    return {kind for cell in first for kind in re.findall(r"`(\w+)`", cell)}


def test_for_every_kind_the_runbook_says_what_to_do() -> None:
    assert advised() == told()


@pytest.mark.parametrize("section", [NAMES_PROBLEMS, LEDGER_LOST, LOG_LOST, NOT_CONTINUED])
def test_sections_that_the_command_names_are_in_the_runbook(section: str) -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / RUNBOOK).read_text("utf-8"), re.MULTILINE)
    assert len([heading for heading in headings if heading.startswith(section)]) == 1


def test_every_kind_is_explained_and_told() -> None:
    assert len(told()) > 20
    assert explained() == told()
