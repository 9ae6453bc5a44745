"""What one language has to say: every word of a report, by the codes that it is looked up with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archiver.domain.dossier import Happening, Standing
from archiver.domain.facts import Absent, Label
from archiver.domain.log_records import KeyStanding
from archiver.domain.verdict import Finding, Reason, Verdict


@dataclass(frozen=True, slots=True)
class Words:
    """One language. ``language``: as in HTML's ``lang``.

    ``facts``: by name of a fact, ``values``: codes that stand as values (``packing``, ``how``, ``occasion`` …) by
    ``name.code``; ``sentences``: by kind of event, with ``{names}`` of its terms; ``texts``: headings and running
    words by a name of their own, some with ``{names}``. ``not_covered``: (heading, text).
    """

    language: str
    labels: Mapping[Label, str]
    absences: Mapping[Absent, str]
    verdicts: Mapping[Verdict, str]
    verdict_names: Mapping[Verdict, str]
    reasons: Mapping[Reason, str]
    findings: Mapping[Finding, str]
    standings: Mapping[Standing, str]
    keys: Mapping[KeyStanding, str]
    signatures: Mapping[str, str]
    facts: Mapping[str, str]
    values: Mapping[str, str]
    sentences: Mapping[str, str]
    texts: Mapping[str, str]
    verified_means: str
    not_covered: tuple[tuple[str, str], ...]

    def sentence(self, event: Happening) -> str:
        """What *event* says. Its terms may be hostile: they are put in as they are, for the renderer to escape."""
        if event.trouble:
            return self.texts["unreadable_event"].format(trouble=event.trouble)
        form = self.sentences.get(event.kind, event.kind.replace("_", " "))
        terms = {name: self.values.get(f"{name}.{value}", value) for name, value in event.terms.items()}
        codes = event.terms.get("codes")
        outcome = f"{event.terms.get('verdict', '')}" + (f" ({codes})" if codes else "")
        try:
            return form.format(outcome=outcome, **terms)
        except (KeyError, IndexError):  # an event of a kind that has fewer terms than the sentence
            return event.kind.replace("_", " ")
