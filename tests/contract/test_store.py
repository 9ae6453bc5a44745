"""What every archive store does: the docstrings of ``store_ports``, claim by claim."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from archiver.domain.limits import CHUNK_BYTES
from archiver.errors import StoreConflictError, StoreError
from archiver.store_ports import Store
from tests.support.stores import fill, names, read

FOLDER = "prod/AWSLogs/111122223333/CloudTrail-Lake/Query/2024/05/06/0a1b"
LONG = random.Random(7).randbytes(2 * CHUNK_BYTES + 17)
FILES = {"data:result_1.csv.gz": LONG, "data:result_sign.json": b"{}"}
PLACES = {
    "data:result_1.csv.gz": f"{FOLDER}/result_1.csv.gz",
    "data:result_sign.json": f"{FOLDER}/result_sign.json",
}
UNLISTED = f"unlisted/{FOLDER}@r1/readme.txt"
HOSTILE = ["", ".", "..", "../x", "/etc/passwd", "a/b\\c", "nul\0", "\ud800\udfff", "\udcff", "n" * 5000, "%2E", "ü"]
NOWHERE = ["", "/etc/passwd", "../outside", "a/../../outside", "a//b", "a/./b", "nul\0", "\ud800"]


def archived(store: Store, called: str = "aa") -> None:
    stage = store.stage(called)
    fill(stage, FILES)
    assert stage.publish(PLACES, FOLDER)


def test_what_is_published_is_read_back(store: Store) -> None:
    archived(store)
    assert names(store, FOLDER) == [("result_1.csv.gz", "file"), ("result_sign.json", "file")]
    for from_medium in (True, False):
        assert read(store, f"{FOLDER}/result_1.csv.gz", from_medium) == LONG
        assert read(store, f"{FOLDER}/result_sign.json", from_medium) == b"{}"


def test_nothing_appears_before_publish(store: Store) -> None:
    fill(store.stage("aa"), FILES)
    assert store.entries(FOLDER) == ()
    with pytest.raises(FileNotFoundError), store.open(f"{FOLDER}/result_sign.json", from_medium=False):
        pass


def test_an_empty_file_is_a_file(store: Store) -> None:
    stage = store.stage("aa")
    fill(stage, {"empty": b""})
    assert stage.publish({"empty": f"{FOLDER}/result_1.csv.gz"}, FOLDER)
    assert read(store, f"{FOLDER}/result_1.csv.gz") == b""


def test_unlisted_files_go_apart(store: Store) -> None:
    stage = store.stage("aa")
    fill(stage, FILES | {"data:readme.txt": b"hello"})
    assert stage.publish(PLACES | {"data:readme.txt": UNLISTED}, FOLDER)
    assert read(store, UNLISTED) == b"hello"
    assert names(store, FOLDER) == [("result_1.csv.gz", "file"), ("result_sign.json", "file")]


def test_a_folder_in_the_delivery_folder_is_made_too(store: Store) -> None:
    stage = store.stage("aa")
    fill(stage, {"a": b"1", "b": b"2"})
    assert stage.publish({"a": f"{FOLDER}/result_1.csv.gz", "b": f"{FOLDER}/deep/er/x"}, FOLDER)
    assert read(store, f"{FOLDER}/deep/er/x") == b"2"
    again = store.stage("aa")
    fill(again, {"a": b"1", "b": b"2"})
    assert again.publish({"a": f"{FOLDER}/result_1.csv.gz", "b": f"{FOLDER}/deep/er/x"}, FOLDER)


def test_the_same_bytes_again_are_there_already(store: Store) -> None:
    archived(store, "aa")
    archived(store, "bb")
    assert names(store, FOLDER) == [("result_1.csv.gz", "file"), ("result_sign.json", "file")]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(FILES | {"data:result_sign.json": b"[]"}, id="other bytes"),
        pytest.param(FILES | {"data:result_sign.json": b"{} "}, id="longer"),
        pytest.param({"data:result_sign.json": b"{}"}, id="a file less"),
        pytest.param(FILES | {"data:more": b"1"}, id="a file more"),
    ],
)
def test_another_delivery_takes_another_folder(store: Store, other: dict[str, bytes]) -> None:
    archived(store)
    stage = store.stage("bb")
    fill(stage, other | {"data:readme.txt": b"hello"})
    places = {name: f"{FOLDER}/{name.removeprefix('data:')}" for name in other}
    assert not stage.publish(places | {"data:readme.txt": UNLISTED}, FOLDER)
    assert read(store, f"{FOLDER}/result_sign.json") == b"{}"
    with pytest.raises(FileNotFoundError), store.open(UNLISTED, from_medium=False):
        pass  # nothing was moved
    second = {name: path.replace(FOLDER, f"{FOLDER}@r2") for name, path in places.items()}
    assert stage.publish(second | {"data:readme.txt": UNLISTED.replace("@r1", "@r2")}, f"{FOLDER}@r2")
    for name, data in other.items():
        assert read(store, second[name]) == data


def test_a_folder_that_others_lie_in_is_taken(store: Store) -> None:
    archived(store)
    above = FOLDER.rpartition("/")[0]
    stage = store.stage("bb")
    fill(stage, {"sign": b"{}"})
    assert not stage.publish({"sign": f"{above}/result_sign.json"}, above)
    assert stage.publish({"sign": f"{above}@r2/result_sign.json"}, f"{above}@r2")


def test_a_delivery_can_lie_inside_another(store: Store) -> None:
    archived(store)
    stage = store.stage("bb")
    fill(stage, {"sign": b"{}"})
    assert stage.publish({"sign": f"{FOLDER}/below/result_sign.json"}, f"{FOLDER}/below")
    assert ("below", "folder") in names(store, FOLDER)


def test_an_unlisted_file_that_is_there_already_is_fine(store: Store) -> None:
    archived(store)
    for token in ("bb", "cc"):
        stage = store.stage(token)
        fill(stage, FILES | {"data:readme.txt": b"hello"})
        assert stage.publish(PLACES | {"data:readme.txt": UNLISTED}, FOLDER)
    assert read(store, UNLISTED) == b"hello"


def test_an_unlisted_place_with_other_bytes_is_taken(store: Store) -> None:
    store.put(UNLISTED, b"other")
    stage = store.stage("aa")
    fill(stage, FILES | {"data:readme.txt": b"hello"})
    assert not stage.publish(PLACES | {"data:readme.txt": UNLISTED}, FOLDER)
    assert store.entries(FOLDER) == ()
    assert read(store, UNLISTED) == b"other"


def test_a_published_stage_is_gone(store: Store) -> None:
    stage = store.stage("aa")
    fill(stage, FILES)
    assert stage.publish(PLACES, FOLDER)
    with pytest.raises(StoreError):
        stage.publish(PLACES, f"{FOLDER}@r2")
    with store.stage("aa").file("data:result_1.csv.gz", "v1") as staged:
        assert staged.size == 0


def test_staged_bytes_are_found_again(store: Store) -> None:
    with store.stage("aa").file("data:x", "etag 1") as staged:
        staged.append(b"one ")
        staged.append(b"two ")
        assert staged.size == 8
    with store.stage("aa").file("data:x", "etag 1") as staged:
        assert staged.size == 8
        assert b"".join(staged.read_back()) == b"one two "
        staged.append(b"three")
        assert b"".join(staged.read_back()) == b"one two three"
    stage = store.stage("aa")
    assert stage.publish({"data:x": f"{FOLDER}/result_1.csv.gz"}, FOLDER)
    assert read(store, f"{FOLDER}/result_1.csv.gz") == b"one two three"


def test_staged_bytes_of_another_version_are_not(store: Store) -> None:
    stage = store.stage("aa")
    for pin in ("etag 1", "etag 2", "etag 1", "etag 1 "):
        with stage.file("data:x", pin) as staged:
            assert staged.size == 0
            staged.append(pin.encode())
    assert stage.publish({"data:x": f"{FOLDER}/x"}, FOLDER)
    assert read(store, f"{FOLDER}/x") == b"etag 1 "


def test_read_back_comes_in_bounded_pieces(store: Store) -> None:
    with store.stage("aa").file("data:x", "1") as staged:
        staged.append(LONG)
        pieces = list(staged.read_back())
    assert b"".join(pieces) == LONG
    assert max(map(len, pieces)) <= CHUNK_BYTES


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_and_any_pin_can_be_staged(store: Store, name: str) -> None:
    stage = store.stage("aa")
    with stage.file(name, name) as staged:
        staged.append(b"data")
    with store.stage("aa").file(name, name) as staged:
        assert staged.size == 4
    assert stage.publish({name: f"{FOLDER}/x"}, FOLDER)
    assert read(store, f"{FOLDER}/x") == b"data"


def test_names_that_look_alike_are_different_files(store: Store) -> None:
    stage = store.stage("aa")
    fill(stage, {name: name.encode("utf-8", "surrogatepass") for name in HOSTILE})
    places = {name: f"{FOLDER}/{number}" for number, name in enumerate(HOSTILE)}
    assert stage.publish(places, FOLDER)
    for name, path in places.items():
        assert read(store, path) == name.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("path", NOWHERE)
def test_no_path_leads_out_of_the_archive(store: Store, path: str) -> None:
    with pytest.raises(FileNotFoundError), store.open(path, from_medium=False):
        pass
    if path:
        assert store.entries(path) == ()
    with pytest.raises(StoreError):
        store.put(path, b"x")
    stage = store.stage("aa")
    fill(stage, {"a": b"1"})
    with pytest.raises(StoreError):
        stage.publish({"a": path}, FOLDER)
    with pytest.raises(StoreError):
        stage.publish({"a": f"{FOLDER}/x"}, path)
    with pytest.raises(StoreError):
        store.replace_damaged(path, stage, "a", "set-aside/x")


@pytest.mark.parametrize("token", ["", "..", "a/b", "A", "xyz", "a" * 200])
def test_a_stage_is_named_by_hex(store: Store, token: str) -> None:
    with pytest.raises(StoreError):
        store.stage(token)


def test_publishing_what_was_not_staged_is_an_error(store: Store) -> None:
    stage = store.stage("aa")
    fill(stage, {"a": b"1"})
    with pytest.raises(StoreError, match="nothing called"):
        stage.publish({"a": f"{FOLDER}/a", "b": f"{FOLDER}/b"}, FOLDER)
    assert store.entries(FOLDER) == ()


def test_two_files_cannot_have_one_path(store: Store) -> None:
    stage = store.stage("aa")
    fill(stage, {"a": b"1", "b": b"2"})
    with pytest.raises(StoreError, match="two files"):
        stage.publish({"a": f"{FOLDER}/a", "b": f"{FOLDER}/a"}, FOLDER)


def test_nothing_can_be_archived_in_the_staging_folder(store: Store) -> None:
    stage = store.stage("aa")
    fill(stage, {"a": b"1"})
    with pytest.raises(StoreError):
        stage.publish({"a": ".staging/bb/x"}, FOLDER)


def test_a_discarded_stage_leaves_nothing(store: Store) -> None:
    stage = store.stage("aa")
    fill(stage, FILES)
    stage.discard()
    stage.discard()
    with store.stage("aa").file("data:result_1.csv.gz", "v1") as staged:
        assert staged.size == 0


def test_put_is_write_once(store: Store) -> None:
    store.put("keys/ab-cd/public_key.der", b"key")
    store.put("keys/ab-cd/public_key.der", b"key")
    for other in (b"kex", b"ke", b"keys", b""):
        with pytest.raises(StoreConflictError, match=r"public_key\.der"):
            store.put("keys/ab-cd/public_key.der", other)
    assert read(store, "keys/ab-cd/public_key.der") == b"key"
    assert names(store, "keys/ab-cd") == [("public_key.der", "file")]


def test_many_threads_put_the_same(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store.put(f"keys/{number % 4}/k", b"key" * 1000), range(64)))
    for number in range(4):
        assert read(store, f"keys/{number}/k") == b"key" * 1000


def test_many_threads_archive_beside_each_other(store: Store) -> None:
    def one(number: int) -> bool:
        folder = f"prod/{number % 3}/{number}"
        stage = store.stage(f"{number:02x}")
        fill(stage, {"a": b"%d" % number, "u": b"u"})
        return stage.publish({"a": f"{folder}/a", "u": f"unlisted/{folder}@r1/u"}, folder)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(48)))
    for number in range(48):
        assert read(store, f"prod/{number % 3}/{number}/a") == b"%d" % number


def test_a_folder_or_nothing_is_no_file(store: Store) -> None:
    archived(store)
    for path in (
        FOLDER,
        f"{FOLDER}/none",
        f"{FOLDER}/none/none",
        f"{FOLDER}/result_sign.json/x",
        f"{FOLDER}/" + "n" * 300,
    ):
        with pytest.raises(FileNotFoundError), store.open(path, from_medium=True):
            pass
        if path != FOLDER:
            assert store.entries(path) == ()


def test_entries_are_sorted_and_named_by_kind(store: Store) -> None:
    for name in ("b", "a/x", "B", "ü"):
        store.put(f"prod/{name}", b"1")
    assert names(store, "prod") == [("B", "file"), ("a", "folder"), ("b", "file"), ("ü", "file")]


def test_a_folder_is_opened_once_for_its_files(store: Store) -> None:
    archived(store)
    with store.folder(FOLDER, True) as inside:
        for name, place in PLACES.items():
            with inside.open(place.rpartition("/")[2]) as file:
                assert file.read() == FILES[name]
        assert inside.entries() == store.entries(FOLDER)
        for name in ("nothing", "..", ".", "", "a/b", "../result_1.csv.gz", "\0"):
            with pytest.raises(FileNotFoundError), inside.open(name):
                pass
    for path in ("prod/nothing", "..", "/etc"):
        with pytest.raises(FileNotFoundError), store.folder(path, True):
            pass


def test_a_damaged_file_is_kept_and_replaced(store: Store) -> None:
    archived(store)
    path = f"{FOLDER}/result_sign.json"
    for number, kept in ((1, "set-aside/e/t/sign"), (2, "set-aside/e/t/sign~2")):
        stage = store.stage("bb")
        fill(stage, {"data": b"mended %d" % number}, pin=str(number))
        before = read(store, path)
        assert store.replace_damaged(path, stage, "data", "set-aside/e/t/sign") == kept
        assert read(store, kept) == before
        assert read(store, path) == b"mended %d" % number


def test_a_lost_file_is_put_back(store: Store) -> None:
    stage = store.stage("bb")
    fill(stage, {"data": b"found"})
    assert store.replace_damaged(f"{FOLDER}/result_sign.json", stage, "data", "set-aside/e/t/sign") is None
    assert read(store, f"{FOLDER}/result_sign.json") == b"found"
    assert store.entries("set-aside/e") == ()


def test_there_is_room(store: Store) -> None:
    assert store.free_bytes() > 0
    assert "://" in store.url
