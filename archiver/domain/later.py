"""Fields that values in custody events got later than the first of them were recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, field
from types import MappingProxyType
from typing import Any, Final

_LATER: Final[Mapping[str, bool]] = MappingProxyType({"later": True})


def later() -> Any:
    """A field that is None where a body has no such member, and that is left out of a body where it is None.

    So bodies from before it stay what they are: read and written again they are the same bytes.
    """
    return field(default=None, metadata=_LATER)


def is_later(found: Field[Any]) -> bool:
    """True for a field that :func:`later` made."""
    return bool(found.metadata.get("later"))
