"""What one language has to say: every word of a report, by the codes that it is looked up with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from archiver.domain.dossier import Happening, Standing, Step
from archiver.domain.evidence import FileRole
from archiver.domain.facts import Absent, Fact, Label
from archiver.domain.log_records import KeyStanding
from archiver.domain.records import Selection
from archiver.domain.times import format_time
from archiver.domain.verdict import Finding, Reason, Verdict

CHECK_LATER: Final = "archiver ledger verify"
"""The command that holds a later ledger against the head that a report carries."""


@dataclass(frozen=True, slots=True)
class Words:
    """One language. ``language``: as in HTML's ``lang``.

    ``labels`` in full, ``marks`` the same in a word or two, for where little room is. ``facts``: by name of a fact,
    ``values``: codes that stand as values (``packing``, ``how``, ``occasion`` …) by ``name.code``; ``sentences``: by
    kind of event, with ``{names}`` of its terms; ``checks``: by ID of a check that is no finding; ``results``: by
    result of a check; ``steps``: (title, expected) by code of a step, with ``{names}`` of its terms; ``texts``:
    headings and running words by a name of their own, some with ``{names}``. ``not_covered``: (heading, text).
    """

    language: str
    labels: Mapping[Label, str]
    marks: Mapping[Label, str]
    absences: Mapping[Absent, str]
    verdicts: Mapping[Verdict, str]
    verdict_names: Mapping[Verdict, str]
    reasons: Mapping[Reason, str]
    findings: Mapping[Finding, str]
    standings: Mapping[Standing, str]
    roles: Mapping[FileRole, str]
    keys: Mapping[KeyStanding, str]
    signatures: Mapping[str, str]
    checks: Mapping[str, str]
    results: Mapping[str, str]
    facts: Mapping[str, str]
    values: Mapping[str, str]
    sentences: Mapping[str, str]
    steps: Mapping[str, tuple[str, str]]
    texts: Mapping[str, str]
    verified_means: str
    not_covered: tuple[tuple[str, str], ...]

    def text(self, name: str, **terms: object) -> str:
        """The text *name* with *terms* put in as they are, for the renderer to escape. Raises KeyError."""
        return self.texts[name].format(**terms) if terms else self.texts[name]

    def count(self, name: str, number: int) -> str:
        """*number* of what *name* is (``items``, ``files`` …), in the language's way of counting."""
        return self.texts[f"{name}.{'one' if number == 1 else 'many'}"].format(n=f"{number:,}")

    def value(self, fact: Fact) -> str:
        """What *fact* says, or why it says nothing; a code as its words."""
        if fact.value is None:
            return self.absences[fact.absent] if fact.absent else ""
        if isinstance(fact.value, datetime):
            return format_time(fact.value)
        return self.values.get(f"{fact.name}.{fact.value}", str(fact.value))

    def fact_name(self, name: str) -> str:
        """What the fact *name* is called; one that is not known, by its own name."""
        return self.facts.get(name, name.replace("_", " "))

    def occasion(self, code: str) -> str:
        """When something was judged."""
        return self.values.get(f"occasion.{code}", code)

    def selection(self, chosen: Selection) -> str:
        """Which items were chosen. Names in it may be hostile, as in :meth:`sentence`."""
        if chosen.ids is not None:
            return self.count("choice.ids", len(set(chosen.ids)))
        given = (
            ("since", chosen.since and format_time(chosen.since)),
            ("until", chosen.until and format_time(chosen.until)),
            ("verdict", chosen.verdict and self.verdict_names[chosen.verdict].lower()),
            ("source", chosen.source),
            ("account", chosen.account),
        )
        told = [self.text(f"choice.{name}", value=value) for name, value in given if value is not None]
        return self.text("join").join([self.text("choice.all"), *told])

    def sentence(self, event: Happening) -> str:
        """What *event* says. Its terms may be hostile: they are put in as they are, for the renderer to escape."""
        if event.trouble:
            return self.text("unreadable_event", trouble=event.trouble)
        form = self.sentences.get(event.kind, event.kind.replace("_", " "))
        terms = {name: self.values.get(f"{name}.{value}", value) for name, value in event.terms.items()}
        try:
            return form.format(outcome=self._outcome(event), files=self._files(event), **terms).rstrip()
        except (
            KeyError,
            IndexError,
            ValueError,
        ):  # an event with fewer terms than the sentence, or a kind with braces
            return event.kind.replace("_", " ")

    def _outcome(self, event: Happening) -> str:
        verdict, codes = str(event.terms.get("verdict", "")), event.terms.get("codes")
        named = next((name for known, name in self.verdict_names.items() if known == verdict), verdict)
        return f"{named} ({codes})" if codes else named

    def _files(self, event: Happening) -> str:
        count = event.terms.get("count")
        return self.count("files", count) if isinstance(count, int) else ""

    def step(self, step: Step) -> tuple[str, str]:
        """(title, what must come out, "" for nothing) of *step*."""
        if step.code not in self.steps:
            return step.title, step.expected
        title, expected = self.steps[step.code]
        return title, expected.format(**step.terms)
