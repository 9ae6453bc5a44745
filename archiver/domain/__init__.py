"""Frozen values and pure decisions: no I/O, no clock, no third-party library."""
