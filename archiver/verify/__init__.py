"""Verification: bytes in, verdicts out. No I/O, no clock, no network."""
