"""Deliveries as CloudTrail makes them: verified, without a finding. And the article's genuine values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

from archiver.demo.deliveries import OMIT
from archiver.domain.sign_file import SIGN_FILE_NAME
from tests.vectors.bricks import (
    DAY,
    KEY,
    OTHER_KEY,
    VERIFIED,
    Case,
    Files,
    case,
    document,
    failed,
    folder,
    listed_key,
    result,
    signed,
    single,
    with_sign_file,
)

ARTICLE_FOLDER = "AWSLogs/111122223333/CloudTrail-Lake/Query/2022/11/04/f0355626-411d-42a9-8365-339a37a8b8c0"
ARTICLE_KEY = {
    "Value": (
        "MIIBCgKCAQEA+bMJFO+f/gJLFq7vN9v/pOsW07r1f181fiRyOfZ3m/x7w1c61tQxflzPLHOtDS57WXjyhu4cGuFui8VnnWX68SAAew0N2vC/"
        "kRbd7ajgFdkv6T3enON3ylXROPPQfYQ/QGazMiomdSSPVJaiIRTjMsOg7QvBo2z8Y6rVMgBEcgnQbp0wFZwGuLiMQqAFjYn9xRrI+p4QdQlh"
        "xd1bir0Lg+H00d2MSsem+yKzvSV+4BVYqSwcJ2+SLdZ3wi9ot9iqahwK9zSMz1YG8EcpP/j2YBRt0WMQDEo9tjY2Hcsc+XkdqngDVzDXf//3"
        "CeW5LQ6DlPJ7nYY2L4loUylG3rgp7QIDAQAB"
    ),
    "ValidityStartTime": "2022-10-18T00:13:00+00:00",
    "ValidityEndTime": "2022-11-17T00:13:00+00:00",
    "Fingerprint": "93953f189caff2358f6231baabff2226",
}
ARTICLE_SIGN_FILE = {
    "version": "1.0",
    "region": "ap-northeast-1",
    "files": [
        {
            "fileHashValue": "052b4cd259cef22414fbdc0a6821cb11c0aaf757e07f21818a242c021ffa29ee",
            "fileName": "result_1.csv.gz",
        }
    ],
    "hashAlgorithm": "SHA-256",
    "signatureAlgorithm": "SHA256withRSA",
    "hashSignature": (
        "92788186b60871812fc12f0a65d7e562c33c0315a741214bb2a093828cf93fcb91c4f9532093c7524203844416a44e487cbcf1c09a35"
        "38385a3f415957135e84196902be82ff5d900f5c5bb0daf8de6faea86175a5ece68aa9972771e0480496164126b83cb12af31ead1f98"
        "cd793bc70f56fb8bbf57622723635052614926df10c72d6df0599cb0525f6182d264b0619e19ff84a9f1ee5bac7b41a6557f7d5db19b"
        "411f7f36d1b2aee913287dea76f8865d808cedd6c7f574b38a90437742751fdde6f7b68de45bbf719f84122ebd596e3ac86f7261140b"
        "938221dd7242dea36198e0f25c103239a407c0d3b3042fbe22af3c3cec7289252d3b0267fc682877"
    ),
    "publicKeyFingerprint": "93953f189caff2358f6231baabff2226",
    "queryCompleteTime": "2022-11-04T15:07:11Z",
}


def cases() -> Iterator[Case]:
    """Every honest vector."""
    yield case("honest-single_file", single(), VERIFIED)
    yield case("honest-two_files", signed(_results(2)), VERIFIED)
    yield case("honest-twelve_by_number", signed(_results(12)), VERIFIED)
    yield case("honest-twelve_by_name", signed(dict(sorted(_results(12).items()))), VERIFIED)
    yield case("honest-version_absent", single(version=OMIT), VERIFIED)
    yield case("honest-no_rows", signed({"result_1.csv.gz": result(0)}), VERIFIED)
    yield _placed("honest-prefix_of_several_segments", "audit/2022/lake/")
    yield _placed("honest-prefix_named_like_ours", "AWSLogs/444455556666/AWSLogs/")
    yield _placed("honest-account_of_16_digits", "", account="1111222233334444")
    yield case(
        "honest-past_midnight",
        signed({"result_1.csv.gz": result()}),
        VERIFIED,
        at=folder("honest-past_midnight", DAY - timedelta(days=1)),
    )
    # Unknown fields decide nothing: AWS may add some.
    files = single()
    yield case(
        "honest-field_unknown", with_sign_file(files, {**document(files), "queryStatus": ["FINISHED"]}), VERIFIED
    )
    yield case("honest-among_other_keys", single(), VERIFIED, [listed_key(OTHER_KEY), listed_key(KEY)])
    yield from _article()


def _results(count: int) -> dict[str, bytes]:
    return {f"result_{number}.csv.gz": result(number) for number in range(1, count + 1)}


def _placed(name: str, lead: str, account: str = "111122223333") -> Case:
    return case(name, single(), VERIFIED, at=folder(name, account=account, lead=lead))


def _article() -> Iterator[Case]:
    sign_file: Files = {SIGN_FILE_NAME: json.dumps(ARTICLE_SIGN_FILE, indent=2).encode()}
    yield case("article", sign_file, failed("file_missing"), [ARTICLE_KEY], ARTICLE_FOLDER)
    stand_in = {"result_1.csv.gz": result(), **sign_file}
    yield case("article-stand_in", stand_in, failed("hash_mismatch"), [ARTICLE_KEY], ARTICLE_FOLDER)
