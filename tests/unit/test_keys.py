"""Public keys are named by MD5 and identified by SHA-256."""

from __future__ import annotations

import base64

from archiver.domain.keys import PublicKey
from tests.vectors.honest import ARTICLE_KEY


def test_the_fingerprint_is_the_md5_of_the_der_as_aws_computes_it():
    key = PublicKey(base64.b64decode(ARTICLE_KEY["Value"]), "whatever the list says")
    assert key.fingerprint == ARTICLE_KEY["Fingerprint"]
    assert key.claimed_fingerprint == "whatever the list says"


def test_the_identity_is_the_sha256_of_the_der_whatever_the_list_says():
    one, other = PublicKey(b"a", "x", "us-east-1"), PublicKey(b"a", "y", "eu-west-1")
    assert one.sha256 == other.sha256 == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    assert PublicKey(b"b", "x").sha256 != one.sha256
