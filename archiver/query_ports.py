"""The edge to CloudTrail's account of a query. The docstring is the contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from archiver.domain.custody_facts import QueryFigures


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """What became of one question about a query.

    ``data``: the answer's bytes as they came, JSON; ``figures``: what is in them, the query's text apart. Both are
    None where there was none, and ``refusal`` says why: codes and names of ours only, never a message from outside,
    which might repeat the query's text. ``is_about_query``: the refusal is about this query alone; others may be
    asked about. ``endpoint``, ``caller``, ``request_id``: as for keys; ``endpoint`` is "" where nobody was asked.
    """

    data: bytes | None
    figures: QueryFigures | None
    refusal: str
    is_about_query: bool
    endpoint: str
    caller: str | None
    request_id: str | None


class QueryAuthority(Protocol):
    """Answers about the queries of one Region (``cloudtrail:DescribeQuery``). Safe from several threads."""

    def describe(self, query_id: str) -> QueryAnswer:
        """What is known of *query_id*: one try, with short time-outs. Never raises ArchiverError."""
        ...
