"""Locks on files, which the kernel gives back the moment their process is gone, however it went.

They are `flock`s: they belong to one opening of a file, are not inherited by programs that a process starts (Python
opens files so), and work between containers that share a folder, where process ids mean nothing.

Not here: what they protect (leases.py, local.py).
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Final

SHARED: Final = fcntl.LOCK_SH
ALONE: Final = fcntl.LOCK_EX


@contextmanager
def lock_file(path: Path) -> Iterator[FileIO]:
    """Open a file to lock, making it and its folder where needed; whatever is held on it ends with the context.

    Raises:
        OSError: it cannot be opened.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileIO(path, "a+") as file:
        yield file


def take(file: FileIO, kind: int) -> None:
    """Take a lock, `SHARED` or `ALONE`, waiting for as long as it takes."""
    fcntl.flock(file, kind)


def try_take(file: FileIO, kind: int) -> bool:
    """Take a lock if nobody stands in the way; return whether it was taken."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def release(file: FileIO) -> None:
    """Give a lock back before its context ends."""
    fcntl.flock(file, fcntl.LOCK_UN)
