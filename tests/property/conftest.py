"""No property is timed: these tests share their machine with servers. What is tried is the same in every run.

To look further: ``pytest tests/property --hypothesis-profile=wide``.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("untimed", deadline=None, print_blob=True, derandomize=True)
settings.register_profile("wide", deadline=None, print_blob=True, max_examples=5000)
settings.load_profile("untimed")
