"""Every bound on input from outside, named, in one room.

Anything from S3, a sign file, a CSV or a config is hostile until checked, and nothing hostile decides how much
memory or time is spent on it.
"""

from __future__ import annotations

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB

SIGN_FILE_BYTES: Final = 4 * MIB
"""Largest sign file that is parsed. One listed file takes under 200 bytes and stands for up to 1 TB."""

DESCRIPTION_BYTES: Final = MIB
"""Largest answer of DescribeQuery that is taken; a query's text has 10,000 characters at most."""

SIGN_FILE_FILES: Final = 20_000
"""Most files that one sign file may list."""

KEY_LIST_BYTES: Final = 16 * MIB
"""Largest file that ``keys import`` reads; one key takes about 600 bytes."""

PUBLIC_KEY_BYTES: Final = 4 * KIB
"""Largest PKCS#1 DER public key; RSA-16384 takes 2.1 KiB."""

RSA_BITS: Final = range(2048, 16384 + 1)
"""RSA modulus sizes that are accepted; CloudTrail's keys are 2048 bits. Shorter ones prove nothing today."""

FOLDER_OBJECTS: Final = 10_000
"""Most objects of one folder that are held while listing; more are counted and reported, not kept."""

PATH_SEGMENT_BYTES: Final = 200
"""Longest path segment stored as it is; the usual file system limit is 255."""

CHUNK_BYTES: Final = MIB
"""Size of one read or write while streaming: memory does not depend on the size of a file."""

GZIP_PROBE_BYTES: Final = MIB
"""Compressed bytes at the head of a result file that are kept and inflated to look at gzip state and header."""

GZIP_PROBE_OUTPUT_BYTES: Final = 64 * MIB
"""Most inflated bytes of that probe (deflate reaches 1:1032, a bomb)."""

RESUME_FROM_BYTES: Final = 8 * MIB
"""Objects from this size on are resumed after an interruption; smaller ones are simply fetched again."""

CSV_HEADER_BYTES: Final = 64 * KIB
"""Longest first line of a result CSV that is looked at; a query statement is at most 10,000 characters."""

LOG_FILE_BYTES: Final = 64 * MIB
"""Largest file below the archive's log folder that is read; 256 entries of 64 KiB make 16 MiB."""

ANCHOR_ANSWER_BYTES: Final = 256 * KIB
"""Largest answer of a time-stamping authority or a witness; a time stamp with its certificates has some 10 KiB."""

CONFIG_BYTES: Final = MIB
"""Largest configuration file."""

DETAIL_CHARS: Final = 500
"""Longest text from outside that goes into a message; the rest is cut and marked."""
