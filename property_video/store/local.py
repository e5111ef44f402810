"""The store as a local folder.

Everything appears under its final name whole or not at all: it is written under a temporary name, synced and renamed.

Not here: keys (keys.py), who holds a campaign (leases.py), what records mean (core).
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from property_video.core.errors import MissingMedia, StoreError, StoreFull
from property_video.core.outputs import MediaRef
from property_video.files import NO_ROOM
from property_video.store import keys
from property_video.store.locks import ALONE, SHARED, lock_file, take, try_take

R = TypeVar("R", bound=BaseModel)

OWNER: Final = ".owner"
"""Lock in every scratch folder, held by the process that works there."""

CHUNK = 1 << 20
"""Bytes read at a time: files move as streams, so memory does not grow with a photo or a film."""


class LocalStore:
    """Records and media under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

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
                _sync(file)
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

    @contextmanager
    def scratch(self, what: str) -> Iterator[Path]:
        """A folder for unfinished work that goes away at the end; `what` is part of its name.

        A lock in it says that its owner lives.

        Raises:
            StoreFull: no space is left.
            StoreError: the store cannot be written.
        """
        base = self.path(keys.SCRATCH)
        with ExitStack() as owned:
            # This keeps a sweep from coming between the making of the folder and of its lock.
            with translated(base), lock_file(self.path(keys.SCRATCH_LOCK)) as lock:
                take(lock, SHARED)
                base.mkdir(exist_ok=True)
                folder = Path(tempfile.mkdtemp(prefix=f"{what}-", dir=base))
                owned.callback(shutil.rmtree, folder, ignore_errors=True)
                take(owned.enter_context(lock_file(folder / OWNER)), ALONE)
            yield folder

    def sweep_scratch(self) -> int:
        """Remove the scratch folders whose owners are gone; return how many there were.

        Raises:
            StoreError: the store cannot be read or written.
        """
        with translated(self.path(keys.SCRATCH)), lock_file(self.path(keys.SCRATCH_LOCK)) as lock:
            take(lock, ALONE)
            left = [folder for folder in self._children(keys.SCRATCH) if folder.is_dir() and not _is_owned(folder)]
            for folder in left:
                shutil.rmtree(folder, ignore_errors=True)
        return len(left)

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
                draft.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
            yield draft

    def read(self, key: str, kind: type[R]) -> R | None:
        """Read a record; None when there is none, or when an older version of the product wrote it otherwise.

        Raises:
            StoreError: it is there and cannot be read.
        """
        path = self.path(key)
        with translated(path):
            try:
                found = path.read_bytes()
            except FileNotFoundError:
                return None
        try:
            return kind.model_validate_json(found)
        except ValidationError:
            return None

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
            _sync(draft)
            try:
                target.hardlink_to(draft)
            except FileExistsError:
                return False
            _sync_names(target.parent, self.root)
            return True

    def publish(self, ref: MediaRef, key: str) -> Path:
        """Let a media file be found under a name as well: a hard link, or a copy where links do not work.

        Raises:
            MissingMedia: the file is not in the store.
            StoreFull, StoreError: the store cannot be written.
        """
        source, target = self.media_path(ref.key), self.path(key)
        with self.scratch("link") as scratch, translated(target):
            if target.exists() and target.samefile(source):
                return target
            link = scratch / source.name
            try:
                link.hardlink_to(source)
            except OSError:
                shutil.copyfile(source, link)
            self.place(link, key)
        return target

    def place(self, file: Path, key: str) -> None:
        """Move a finished file from scratch to a key, replacing an older one whole.

        Raises:
            StoreFull: no space is left.
            StoreError: the store cannot be written.
        """
        target = self.path(key)
        with translated(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            _sync(file)
            file.replace(target)

    def keys(self, prefix: str) -> list[str]:
        """Keys directly under a folder, sorted; temporary names left out. Empty when the folder does not exist.

        Raises:
            StoreError: the folder is there and cannot be read.
        """
        return [f"{prefix}/{entry.name}" for entry in self._children(prefix) if not entry.name.startswith(".")]

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

    def _children(self, prefix: str) -> list[Path]:
        folder = self.path(prefix)
        with translated(folder):
            try:
                return sorted(folder.iterdir())
            except FileNotFoundError:
                return []


@contextmanager
def translated(what: Path) -> Iterator[None]:
    """Let no bare OSError out of the store; `what` is the file or folder that it names."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise StoreFull(
                f"No space is left for {what}.", "Free some space or run `property-video prune`, then run again."
            ) from error
        raise StoreError(f"{what}: {error.strerror or error}.", "Check the store's folder and its rights.") from error


def _is_owned(folder: Path) -> bool:
    with lock_file(folder / OWNER) as owner:
        return not try_take(owner, ALONE)


def sha256_of(file: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits, read in a stream."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


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


def _sync(file: Path) -> None:
    """Have the bytes on the disk before the name: a rename may otherwise outlive a power cut that its bytes do not."""
    with file.open("rb") as stream:
        os.fsync(stream.fileno())
