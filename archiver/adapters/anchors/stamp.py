"""What a time stamp says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Stamp:
    """``at``: the time that is proved, to the whole second below; ``ends``: of the signer's certificate. Both UTC."""

    at: datetime
    ends: datetime
