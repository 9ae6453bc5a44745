"""From a flat listing to folders, in one pass and flat memory.

A listing in key order keeps everything below a folder together, so a stack of open folders suffices: its depth
times one folder's objects. A folder is a delivery if it holds a sign file, or if its path is canonical and it
holds a result file. A hostile sign file high up in the tree claims its own folder's objects and nothing below.

The sign file and every result file that one could list are always kept, whatever else was put into the folder:
flooding a folder hides nothing in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from archiver.domain.delivery import Delivery, SourceObject, parse_query_path
from archiver.domain.limits import FOLDER_OBJECTS, SIGN_FILE_FILES
from archiver.domain.sign_file import RESULT_NAME, SIGN_FILE_NAME


@dataclass(slots=True)
class _Open:
    prefix: str
    canonical: bool
    objects: list[SourceObject] = field(default_factory=list)
    overflow: int = 0
    others: int = 0

    def take(self, found: SourceObject) -> None:
        if not _can_be_listed(found.key[len(self.prefix) :]):
            if self.others >= FOLDER_OBJECTS:
                self.overflow += 1
                return
            self.others += 1
        self.objects.append(found)


def _can_be_listed(name: str) -> bool:
    """True for the sign file and for the names that one within its limits may list."""
    match = RESULT_NAME.fullmatch(name)
    return name == SIGN_FILE_NAME or (match is not None and int(match[1]) <= SIGN_FILE_FILES)


def deliveries(listing: Iterable[SourceObject]) -> Iterator[Delivery]:
    """The deliveries among *listing* (objects such that each folder's are contiguous), as each folder ends.

    Objects in a subfolder that is no delivery itself belong to the canonical folder that it lies in; outside
    of canonical folders they belong to nothing.
    """
    stack = [_Open("", canonical=False)]
    for found in listing:
        folder = found.key[: found.key.rfind("/") + 1]
        while not folder.startswith(stack[-1].prefix):
            yield from _close(stack)
        while stack[-1].prefix != folder:
            below = folder.index("/", len(stack[-1].prefix)) + 1
            stack.append(_Open(folder[:below], parse_query_path(folder[:below]) is not None))
        if found.key != folder or found.size:  # the console's "create folder" makes an empty object named like it
            stack[-1].take(found)
    while stack:
        yield from _close(stack)


def _close(stack: list[_Open]) -> Iterator[Delivery]:
    done = stack.pop()
    delivery = Delivery(done.prefix, tuple(sorted(done.objects, key=_listed_order)), done.overflow)
    if delivery.sign_object is not None or delivery.looks_like_results:
        yield delivery
        return
    owner = next((o for o in reversed(stack) if o.canonical), None)
    if owner is not None:
        for found in done.objects:
            owner.take(found)
        owner.overflow += done.overflow


def _listed_order(found: SourceObject) -> bytes:
    """UTF-8 bytes of the key: objects of subfolders join their owner as each subfolder ends, which is later."""
    return found.key.encode("utf-8", "surrogatepass")
