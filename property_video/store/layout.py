"""Which layout a store has, and bringing an older one to the present.

A layout is what keys there are and what their records look like. The store carries its number. A step from one layout
to the next tells what keys shall hold; what they held is copied under `backups/` first, and the number is written last,
so that a step that was cut off is taken again and comes to the same end.

Not here: records that an older version wrote otherwise and that are simply made again (`Store.read` passes them over).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from property_video.core.errors import StoreError
from property_video.core.records import Record
from property_video.store import keys
from property_video.store.base import Store
from property_video.store.leases import whole_store


class Layout(Record):
    """A store's layout."""

    version: int


@dataclass(frozen=True)
class Change:
    """What a key shall hold; None for nothing."""

    key: str
    content: bytes | None


Step = Callable[[Store], Iterator[Change]]
"""Tells what is to be changed; nothing where it was changed before."""


def _mark(store: Store) -> Iterator[Change]:
    """Stores had no number at first; nothing else is different."""
    yield from ()


STEPS: Final[Sequence[Step]] = (_mark,)
"""From layout 0 to 1, and so on. The present layout is their number."""


def brought_up(store: Store, steps: Sequence[Step] = STEPS) -> Store:
    """The store in the present layout. An empty one is left empty.

    Raises:
        StoreError: it is of a later version of the product, or cannot be read or written.
        CampaignBusy: it has to be changed, and a film is being made.
    """
    version = _version(store)
    if version > len(steps):
        raise StoreError(
            f"{store.address('')} has layout {version}, and this version of the product knows up to {len(steps)}.",
            "Update the product, or name another store.",
        )
    if version == len(steps) or not store.keys(""):
        return store
    for number in range(version, len(steps)):
        _take(store, steps[number], number)
    return store


def _take(store: Store, step: Step, number: int) -> None:
    done = Layout(version=number + 1)
    if next(step(store), None) is None:
        with suppress(StoreError):  # a store that is only read needs no number
            store.write(keys.LAYOUT, done)
        return
    with whole_store(store):
        for change in step(store):
            _back_up(store, change.key, number)
            if change.content is None:
                store.remove(change.key)
            else:
                _put(store, change.key, change.content)
        store.write(keys.LAYOUT, done)


def _version(store: Store) -> int:
    layout = store.read(keys.LAYOUT, Layout)
    if layout is None and store.exists(keys.LAYOUT):
        raise StoreError(
            f"{store.address(keys.LAYOUT)} tells no layout that this version of the product knows.",
            "Update the product, or restore that file from a backup.",
        )
    return layout.version if layout is not None else 0


def _back_up(store: Store, key: str, number: int) -> None:
    """Copy what a key holds; what is there already is what it held before a first attempt."""
    content, backup = store.read_bytes(key), keys.backup(number, key)
    if content is not None and not store.exists(backup):
        _put(store, backup, content)


def _put(store: Store, key: str, content: bytes) -> None:
    with store.scratch("layout") as scratch:
        draft = scratch / "draft"
        draft.write_bytes(content)
        store.place(draft, key)
