"""What every store does on this machine's disk: scratch folders, hashes, and errors in our own words.

Not here: where finished things are kept (local.py, s3.py).
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from property_video.core.errors import StoreError, StoreFull
from property_video.files import NO_ROOM
from property_video.store.locks import ALONE, SHARED, lock_file, take, try_take

OWNER: Final = ".owner"
"""Lock in every scratch folder, held by the process that works there."""

CHUNK: Final = 1 << 20
"""Bytes read at a time: files move as streams, so memory does not grow with a photo or a film."""


class Scratch:
    """Folders for unfinished work, each owned by a living process.

    Args:
        base: where they are made.
        lock: a file, shared by those who make a folder, held alone by those who sweep; beside `base` by default.
    """

    def __init__(self, base: Path, lock: Path | None = None) -> None:
        self._base, self._lock = base, lock or base.with_name(f".{base.name}.lock")

    @contextmanager
    def folder(self, what: str) -> Iterator[Path]:
        """A folder that goes away at the end; `what` is part of its name. A lock in it says that its owner lives.

        Raises:
            StoreFull: no space is left.
            StoreError: it cannot be made.
        """
        with ExitStack() as owned:
            # This keeps a sweep from coming between the making of the folder and of its lock.
            with translated(self._base), lock_file(self._lock) as lock:
                take(lock, SHARED)
                self._base.mkdir(parents=True, exist_ok=True)
                folder = Path(tempfile.mkdtemp(prefix=f"{what}-", dir=self._base))
                owned.callback(shutil.rmtree, folder, ignore_errors=True)
                take(owned.enter_context(lock_file(folder / OWNER)), ALONE)
            yield folder

    def left(self) -> list[Path]:
        """The folders whose owners are gone.

        Raises:
            StoreError: they cannot be read.
        """
        with translated(self._base):
            folders = self._base.iterdir() if self._base.is_dir() else ()
            return [folder for folder in sorted(folders) if folder.is_dir() and not _is_owned(folder)]

    def sweep(self) -> int:
        """Remove the folders whose owners are gone; return how many there were.

        Raises:
            StoreError: they cannot be read or removed.
        """
        with translated(self._base), lock_file(self._lock) as lock:
            take(lock, ALONE)
            left = self.left()
            for folder in left:
                shutil.rmtree(folder, ignore_errors=True)
        return len(left)


def temporary() -> Path:
    """The user's own folder for unfinished work where the store has none."""
    return Path(tempfile.gettempdir()) / f"property-video-{os.getuid()}" / "scratch"


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


def sha256_of(file: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits, read in a stream."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def sync(file: Path) -> None:
    """Have the bytes on the disk before the name: a rename may otherwise outlive a power cut that its bytes do not."""
    with file.open("rb") as stream:
        os.fsync(stream.fileno())


def _is_owned(folder: Path) -> bool:
    with lock_file(folder / OWNER) as owner:
        return not try_take(owner, ALONE)
