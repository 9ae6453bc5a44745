"""The bare loops that ours are measured beside: what must be done, and nothing else.

``python -m benchmarks.bare verify FOLDER KEYS`` reads every small delivery below FOLDER, parses its sign file, hashes
what it lists and checks the RSA signature. ``… copy FOLDER TO`` copies every delivery and fsyncs each file. Neither
looks for what could be wrong, records anything, or lasts.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key


def verify(root: Path, keys: Path) -> int:
    """How many deliveries below *root* verify with a key of the list *keys*."""
    public = {
        entry["Fingerprint"]: load_der_public_key(base64.b64decode(entry["Value"]))
        for entry in json.loads(keys.read_bytes())["PublicKeyList"]
    }
    verified = 0
    for folder, _, names in os.walk(root):
        if "result_sign.json" not in names:
            continue
        sign_file = json.loads(Path(folder, "result_sign.json").read_bytes())
        listed = sign_file["files"]
        for file in listed:
            found = hashlib.sha256(Path(folder, file["fileName"]).read_bytes()).hexdigest()
            if found != file["fileHashValue"]:
                raise SystemExit(f"{folder}: {file['fileName']} has another hash")
        key = public[sign_file["publicKeyFingerprint"]]
        if not isinstance(key, rsa.RSAPublicKey):
            raise SystemExit("the key list holds a key that is no RSA key")
        signed = " ".join(file["fileHashValue"] for file in listed).encode()
        key.verify(bytes.fromhex(sign_file["hashSignature"]), signed, padding.PKCS1v15(), SHA256())
        verified += 1
    return verified


def copy(root: Path, to: Path) -> int:
    """Copies every file below *root* and fsyncs it; answers how many."""
    copied = 0
    for folder, _, names in os.walk(root):
        target = to / Path(folder).relative_to(root)
        target.mkdir(parents=True, exist_ok=True)
        for name in names:
            with (target / name).open("wb") as file:
                file.write(Path(folder, name).read_bytes())
                file.flush()
                os.fsync(file.fileno())
            copied += 1
    return copied


if __name__ == "__main__":
    print({"verify": verify, "copy": copy}[sys.argv[1]](*map(Path, sys.argv[2:])))
