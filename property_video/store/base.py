"""What every store can do, wherever it keeps its files: the only thing that the layers above know of it.

A key is a relative path with forward slashes (keys.py). What is written appears whole or not at all. Nobody above asks
where a key's file is: who needs one on this machine asks for `media_path`, who tells people about it for `address`.

Not here: the stores themselves (local.py, s3.py), opening one (opening.py).
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from property_video.core.outputs import MediaRef

R = TypeVar("R", bound=BaseModel)


def encoded(record: BaseModel) -> bytes:
    """A record as it is kept."""
    return (record.model_dump_json(indent=1) + "\n").encode()


def decoded(found: bytes | None, kind: type[R]) -> R | None:
    """A record as it was kept; None when there is none, or when an older version of the product wrote it otherwise."""
    if found is None:
        return None
    try:
        return kind.model_validate_json(found)
    except ValidationError:
        return None


@dataclass(frozen=True)
class Entry:
    """What a listing tells of a key: its size in bytes, when it was last written (seconds since 1970), and its tag.

    Equal tags mean equal content, as far as the store knows without reading it.
    """

    key: str
    bytes: int
    changed: float
    tag: str


class Store(Protocol):
    """Media, records, edits, events and leases.

    Every method raises `StoreError` (`StoreFull` where there is no room) for what the store cannot do, after trying
    again what may pass.
    """

    # --- media

    def adopt(self, file: Path) -> MediaRef:
        """Move a finished file from scratch into the store, under the hash of its bytes."""

    def media_path(self, key: str) -> Path:
        """A file on this machine with the present content of a key of media or a published name; it is only read.

        Raises:
            MissingMedia: it is not in the store.
        """

    def holds(self, ref: MediaRef) -> bool:
        """Whether the store has this file, in its full size."""

    def publish(self, ref: MediaRef, key: str) -> None:
        """Let a media file be found under a name as well, replacing what was there.

        Raises:
            MissingMedia: the file is not in the store.
        """

    def address(self, key: str) -> str:
        """Where people and their tools find a key's file, whether or not it exists: a path or `s3://…`."""

    def link(self, file: Path, name: str) -> str | None:
        """Show a file of this machine to a hosted model: an address that works without credentials, for a while.

        `name` is where it is put in the store. None where a store cannot be reached from outside.
        """

    # --- unfinished work, always on this machine

    def scratch(self, what: str) -> AbstractContextManager[Path]:
        """A folder for unfinished work that goes away at the end; `what` is part of its name."""

    def sweep_scratch(self) -> int:
        """Remove the scratch folders whose owners are gone; return how many there were."""

    def unfinished(self) -> int:
        """How many leftovers of processes there are that were killed: in scratch, and what was only half sent."""

    def sweep_unfinished(self) -> int:
        """Remove them; return how many there were."""

    # --- records

    def read(self, key: str, kind: type[R]) -> R | None:
        """Read a record; None when there is none, or when an older version of the product wrote it otherwise."""

    def read_bytes(self, key: str) -> bytes | None:
        """What a small key (a record) holds; None when there is nothing."""

    def write(self, key: str, record: BaseModel) -> None:
        """Write a record, replacing an older one whole."""

    def create(self, key: str, record: BaseModel) -> bool:
        """Write a record unless the key exists, durably; return whether this call wrote it."""

    def place(self, file: Path, key: str) -> None:
        """Move a finished file from scratch to a key, replacing an older one whole."""

    def exists(self, key: str) -> bool:
        """Whether there is something under a key."""

    def remove(self, key: str) -> int:
        """Remove a key; return the bytes that were freed, 0 when there was none."""

    # --- listings

    def keys(self, prefix: str) -> list[str]:
        """Keys and folders directly under a folder, sorted; temporary names left out. Empty when there is none."""

    def walk(self, prefix: str) -> Iterator[Entry]:
        """All keys under a folder ("" for everything), at any depth, in no order; temporary names left out."""

    def files(self, prefix: str) -> list[Path]:
        """Files on this machine with the present content of all keys directly under a folder, sorted by key."""

    # --- who works here

    def hold(self, campaign: str, run_id: str) -> AbstractContextManager[str]:
        """Try to hold a campaign for as long as the context lasts; processes of one run hold it together.

        Yields:
            "" when it is held, else who holds it or the whole store.
        """

    def hold_all(self) -> AbstractContextManager[bool]:
        """Try to hold the whole store, against every campaign; whether it is held."""
