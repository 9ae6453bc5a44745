"""Checkpoints: the published example, what is refused, and that nothing can be written that reads otherwise."""

from __future__ import annotations

import pytest

from archiver.log.checkpoint import Checkpoint, checkpoint_text, parse_checkpoint, read_checkpoint
from archiver.log.note import parse_note

# c2sp.org/tlog-checkpoint, the example
EXAMPLE = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""  # noqa: E501
TEXT = EXAMPLE[: EXAMPLE.index("\n\n") + 1]
HASH = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="


def test_the_published_example():
    checkpoint, note = read_checkpoint(EXAMPLE.encode())
    root = bytes.fromhex("0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62")
    assert checkpoint == Checkpoint("example.com/behind-the-sofa", 20852163, root)
    assert note == parse_note(EXAMPLE.encode())
    assert checkpoint_text(checkpoint) == note.text == TEXT


def test_extension_lines_are_skipped():
    assert parse_checkpoint(TEXT + "more\nand more\n") == parse_checkpoint(TEXT)


def test_origins_may_be_any_line():
    checkpoint = Checkpoint("Das Archiv + seine Belege", 0, bytes(32))
    assert parse_checkpoint(checkpoint_text(checkpoint)) == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "origin\n",
        "origin\n1\n",
        f"origin\n1\n{HASH}",
        f"\n1\n{HASH}\n",
        f"origin\n\n{HASH}\n",
        f"origin\n1\n{HASH}\n\n",
        f"origin\n1\n{HASH}\n\nmore\n",
        f"origin\n01\n{HASH}\n",
        f"origin\n+1\n{HASH}\n",
        f"origin\n-1\n{HASH}\n",
        f"origin\n 1\n{HASH}\n",
        f"origin\n1_0\n{HASH}\n",
        f"origin\n\u0661\n{HASH}\n",
        f"origin\n{2**63}\n{HASH}\n",
        f"origin\n1{'0' * 5000}\n{HASH}\n",
        f"origin\n1\n{HASH} \n",
        f"origin\n1\n{HASH[:-1]}\n",
        f"origin\n1\n{HASH[:-2]}J=\n",
        f"origin\n1\n{HASH[:40]}\n",
        f"origin\n1\n{HASH.replace('/', '_')}\n",
        f"ori\rgin\n1\n{HASH}\n",
        f"ori\ud800gin\n1\n{HASH}\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text):
    with pytest.raises(ValueError, match=r"checkpoint|number|base64|hash|control|UTF-8"):
        parse_checkpoint(text)


@pytest.mark.parametrize(
    "checkpoint",
    [
        Checkpoint("", 1, bytes(32)),
        Checkpoint("two\nlines", 1, bytes(32)),
        Checkpoint("origin\n5\n" + HASH, 1, bytes(32)),
        Checkpoint("a\tb", 1, bytes(32)),
        Checkpoint("origin", -1, bytes(32)),
        Checkpoint("origin", 2**63, bytes(32)),
        Checkpoint("origin", 1, bytes(31)),
        Checkpoint("origin", 1, b""),
    ],
)
def test_what_would_be_read_as_something_else_is_not_written(checkpoint):
    with pytest.raises(ValueError, match=r"origin|checkpoint|number|hash|control"):
        checkpoint_text(checkpoint)
