"""The one-pass grouping gives what a simple reading of the whole listing gives."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from archiver.domain.delivery import SourceObject, parse_query_path
from archiver.domain.folders import deliveries

QUERY = "AWSLogs/111122223333/CloudTrail-Lake/Query/2022/11/04/f0355626-411d-42a9-8365-339a37a8b8c0"
OTHER = QUERY.replace("f0355626", "f1355626")

segments = st.sampled_from(
    ["", ".", "..", "a", "b", "result_1.csv.gz", "result_sign.json", "AWSLogs", QUERY, OTHER, "\xe9", "\udce9", "a.b"]
)
names = st.sampled_from(
    ["result_1.csv.gz", "result_2.csv.gz", "result_sign.json", "notes.txt", "", "a", "\U0001f600"]
)
keys = st.builds(lambda parts, name: "/".join([*parts, name]), st.lists(segments, max_size=4), names)
listings = st.dictionaries(keys.filter(bool), st.integers(0, 1), max_size=25)


def expected(listing: dict[str, int]) -> dict[str, list[str]]:
    """Each folder by itself, then each object's nearest owner: no stack, no order, no limit."""
    kept = [key for key, size in listing.items() if size or not key.endswith("/")]
    folders = {key[: key.rfind("/") + 1] for key in kept}

    def is_delivery(folder: str) -> bool:
        direct = {key[len(folder) :] for key in kept if key[: key.rfind("/") + 1] == folder}
        results = parse_query_path(folder) is not None and {"result_1.csv.gz", "result_2.csv.gz"} & direct
        return "result_sign.json" in direct or bool(results)

    def owner(folder: str) -> str | None:
        if folder in folders and is_delivery(folder):
            return folder
        above = [folder[: at + 1] for at, character in enumerate(folder[:-1]) if character == "/"]
        canonical = [parent for parent in reversed(above) if parse_query_path(parent) is not None]
        return next((parent for parent in canonical if is_delivery(parent)), None)

    owned: dict[str, list[str]] = {folder: [] for folder in folders if is_delivery(folder)}
    for key in sorted(kept, key=in_bytes):
        folder = owner(key[: key.rfind("/") + 1])
        if folder is not None:
            owned[folder].append(key[len(folder) :])
    return owned


def in_bytes(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")


@settings(max_examples=400)
@given(listings)
@example({QUERY + "/result_1.csv.gz": 1, QUERY + "/result_1.csv.gz/x": 1, QUERY + "/result_sign.json": 1})
@example({QUERY + "/a/" + OTHER + "/notes.txt": 1, QUERY + "/result_1.csv.gz": 1})
@example({QUERY + "/a/result_sign.json": 1, QUERY + "/a/b/x": 1, QUERY + "/result_1.csv.gz": 1})
@example({f"{QUERY}/result_1.csv.gz": 1, f"{QUERY}/{OTHER}/result_1.csv.gz": 1, f"{QUERY}/{OTHER}/a/notes.txt": 1})
def test_deliveries_are_what_a_simple_reading_gives(listing):
    objects = [SourceObject(key, listing[key], "e") for key in sorted(listing, key=in_bytes)]
    found = list(deliveries(iter(objects)))
    assert {d.prefix: [d.name_of(o) for o in d.objects] for d in found} == expected(listing)
    assert len({d.prefix for d in found}) == len(found)
    assert all(d.overflow == 0 for d in found)
    taken = [o.key for d in found for o in d.objects]
    assert len(taken) == len(set(taken)), "no object belongs to two deliveries"
