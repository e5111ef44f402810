"""The store as a local folder.

Everything appears under its final name whole or not at all: it is written under a temporary name, synced and renamed.

Not here: keys (keys.py), what records mean (core).
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from property_video.core.errors import MissingMedia
from property_video.core.outputs import MediaRef
from property_video.store import keys
from property_video.store.base import Entry, decoded, encoded
from property_video.store.disk import Scratch, sha256_of, sync, translated
from property_video.store.flocks import hold_campaign, hold_store

R = TypeVar("R", bound=BaseModel)


class LocalStore:
    """Records and media under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._scratch = Scratch(root / keys.SCRATCH, root / keys.SCRATCH_LOCK)

    def path(self, key: str) -> Path:
        """Where a key's file is, whether or not it exists."""
        return self.root / key

    # --- media

    def adopt(self, file: Path) -> MediaRef:
        """Move a finished file from scratch into the store, under the hash of its bytes.

        Raises:
            StoreFull: no space is left.
            StoreError: the store cannot be written.
        """
        with translated(file):
            key = keys.media(sha256_of(file), file.suffix)
            size = file.stat().st_size
            target = self.path(key)
            if target.is_file() and target.stat().st_size == size:
                file.unlink()
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                sync(file)
                file.replace(target)
            return MediaRef(key=key, bytes=size)

    def media_path(self, key: str) -> Path:
        """The file of a media key.

        Raises:
            MissingMedia: it is not in the store.
        """
        path = self.path(key)
        if not path.is_file():
            raise MissingMedia(f"The store has no {key}.", "Materialize the asset that makes it again.")
        return path

    def holds(self, ref: MediaRef) -> bool:
        """Whether the store has this file, in its full size."""
        try:
            return self.path(ref.key).stat().st_size == ref.bytes
        except FileNotFoundError:
            return False

    def address(self, key: str) -> str:
        """The path of a key's file."""
        return str(self.path(key))

    def link(self, file: Path, name: str) -> str | None:
        """None: nobody outside can reach this machine's disk."""
        return None

    # --- unfinished work

    def scratch(self, what: str) -> AbstractContextManager[Path]:
        """A folder on the store's own file system, so that what is finished can be renamed into place."""
        return self._scratch.folder(what)

    def sweep_scratch(self) -> int:
        """Remove the scratch folders whose owners are gone; return how many there were."""
        return self._scratch.sweep()

    def unfinished(self) -> int:
        """How many scratch folders are left whose owners are gone."""
        return len(self._scratch.left())

    def sweep_unfinished(self) -> int:
        """Remove them: nothing is ever half written elsewhere."""
        return self.sweep_scratch()

    # --- records

    def write(self, key: str, record: BaseModel) -> None:
        """Write a record, replacing an older one whole.

        Raises:
            StoreFull: no space is left.
            StoreError: the store cannot be written.
        """
        with self._drafted(record) as draft:
            self.place(draft, key)

    @contextmanager
    def _drafted(self, record: BaseModel) -> Iterator[Path]:
        """A file in scratch with a record in it. Beside its target, a killed process would leave it for ever."""
        with self.scratch("record") as scratch:
            draft = scratch / "record.json"
            with translated(draft):
                draft.write_bytes(encoded(record))
            yield draft

    def read(self, key: str, kind: type[R]) -> R | None:
        """Read a record; None when there is none, or when an older version of the product wrote it otherwise.

        Raises:
            StoreError: it is there and cannot be read.
        """
        return decoded(self.read_bytes(key), kind)

    def read_bytes(self, key: str) -> bytes | None:
        """What a key holds; None when there is nothing.

        Raises:
            StoreError: it is there and cannot be read.
        """
        path = self.path(key)
        with translated(path):
            try:
                return path.read_bytes()
            except FileNotFoundError:
                return None

    def exists(self, key: str) -> bool:
        """Whether there is a file under a key."""
        return self.path(key).is_file()

    def create(self, key: str, record: BaseModel) -> bool:
        """Write a record unless the key exists; return whether this call wrote it.

        A draft linked to its name: exclusive and whole, where `open(..., "x")` shows readers a torn file.

        Raises:
            StoreFull: no space is left.
            StoreError: the store cannot be written.
        """
        target = self.path(key)
        with self._drafted(record) as draft, translated(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            sync(draft)
            try:
                target.hardlink_to(draft)
            except FileExistsError:
                return False
            _sync_names(target.parent, self.root)
            return True

    def publish(self, ref: MediaRef, key: str) -> None:
        """Let a media file be found under a name as well: a hard link, or a copy where links do not work.

        Raises:
            MissingMedia: the file is not in the store.
            StoreFull, StoreError: the store cannot be written.
        """
        source, target = self.media_path(ref.key), self.path(key)
        with self.scratch("link") as scratch, translated(target):
            if target.exists() and target.samefile(source):
                return
            link = scratch / source.name
            try:
                link.hardlink_to(source)
            except OSError:
                shutil.copyfile(source, link)
            self.place(link, key)

    def place(self, file: Path, key: str) -> None:
        """Move a finished file from scratch to a key, replacing an older one whole.

        Raises:
            StoreFull: no space is left.
            StoreError: the store cannot be written.
        """
        target = self.path(key)
        with translated(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            sync(file)
            file.replace(target)

    def keys(self, prefix: str) -> list[str]:
        """Keys directly under a folder, sorted; temporary names left out. Empty when the folder does not exist.

        Raises:
            StoreError: the folder is there and cannot be read.
        """
        return [
            entry.relative_to(self.root).as_posix()
            for entry in self._children(prefix)
            if not entry.name.startswith(".")
        ]

    def walk(self, prefix: str) -> Iterator[Entry]:
        """All keys under a folder ("" for the root), at any depth; temporary names left out.

        Raises:
            StoreError: a folder is there and cannot be read.
        """
        for path in self._children(prefix):
            if path.name.startswith("."):
                continue
            key = path.relative_to(self.root).as_posix()
            if path.is_dir():
                yield from self.walk(key)
                continue
            with translated(path):
                try:
                    status = path.stat()
                except FileNotFoundError:  # removed since it was listed
                    continue
            yield Entry(key, status.st_size, status.st_mtime, f"{status.st_size}-{status.st_mtime_ns}")

    def files(self, prefix: str) -> list[Path]:
        """The files themselves."""
        return [self.path(key) for key in self.keys(prefix)]

    def remove(self, key: str) -> int:
        """Remove a file; return the bytes that were freed."""
        path = self.path(key)
        with translated(path):
            try:
                size = path.stat().st_size
                path.unlink()
            except FileNotFoundError:
                return 0
            return size

    # --- who works here

    def hold(self, campaign: str, run_id: str) -> AbstractContextManager[str]:
        """Try to hold a campaign by a lock on a file."""
        return hold_campaign(self.path(keys.STORE_LOCK), self.path(keys.lease(campaign)), run_id)

    def hold_all(self) -> AbstractContextManager[bool]:
        """Try to hold the whole store by its lock."""
        return hold_store(self.path(keys.STORE_LOCK))

    def _children(self, prefix: str) -> list[Path]:
        folder = self.path(prefix)
        with translated(folder):
            try:
                return sorted(folder.iterdir())
            except FileNotFoundError:
                return []


def _sync_names(folder: Path, root: Path) -> None:
    """Have a new name on the disk, and those of the folders that it is in: what it stands for may be money."""
    for each in (folder, *folder.parents):
        number = os.open(each, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
        if each == root:
            return
