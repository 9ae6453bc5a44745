"""The Merkle paths of verify.sh, in every shell, against the trees of this program: every leaf of many sizes."""

from __future__ import annotations

import base64
import re
import subprocess
from pathlib import Path

import pytest

from archiver.log.tree import Frontier, Node, inclusion_proof, leaf_hash, root_of
from tests.support.packages import SCRIPT, shells

SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 11, 16, 21)
TEXT = SCRIPT.read_text("utf-8")
TOOLS = TEXT[TEXT.index("x4=") : TEXT.index("# ----", TEXT.index("x4="))]
INCLUDED = re.search(r"^included\(\) \{.*?^\}", TEXT, re.DOTALL | re.MULTILINE)


def nodes(size: int) -> dict[Node, bytes]:
    found: dict[Node, bytes] = {}
    tree = Frontier()
    for seq in range(size):
        for level, value in enumerate(tree.append(leaf_hash(b"leaf %d" % seq))):
            found[level, seq >> level] = value
    return found


@pytest.mark.thorough
@pytest.mark.parametrize("shell", shells())
def test_every_leaf_of_every_size(shell: str, tmp_path: Path) -> None:
    assert INCLUDED
    lines = ["nl='\n'", TOOLS, INCLUDED[0]]
    wanted = []
    for size in SIZES:
        known = nodes(size)
        root = base64.b64encode(root_of(size, lambda asked, known=known: {n: known[n] for n in asked})).decode()
        # what one size has proved is not for another
        lines += [f"( size={size} root64={root} root=''"]
        for seq in range(size):
            path = inclusion_proof(seq, size, lambda asked, known=known: {n: known[n] for n in asked})
            file = tmp_path / f"{size}-{seq}"
            text = [f"index {seq}", f"size {size}", *(one.hex() for one in path)]
            file.write_text("".join(f"{line}\n" for line in text))
            leaf = leaf_hash(b"leaf %d" % seq).hex()
            bad = leaf_hash(b"leaf x").hex()
            for value in (leaf, bad, leaf):
                lines.append(f"if included {file} {seq} {value}; then echo yes; else echo no; fi")
            wanted += ["yes", "no", "yes"]
        lines.append(")")
    script = tmp_path / "all.sh"
    script.write_text("\n".join(lines) + "\n")
    done = subprocess.run([*shells()[shell], str(script)], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.split() == wanted
