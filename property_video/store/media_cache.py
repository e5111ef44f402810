"""Files on this machine with what a distant store holds, so that what was fetched once is not fetched again.

A cache belongs to one process, which holds its folder like any other scratch; it is gone with the process.

Not here: fetching (s3.py).
"""

import itertools
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from property_video.store.disk import Scratch

LARGEST: Final = 2_000_000_000
"""Bytes kept: three campaigns with a hundred photos each, their clips, tracks and films."""

SPARED_S: Final = 900.0
"""Seconds for which a file stays that was asked for, whatever comes: a step that asked for it still reads it."""


@dataclass
class _Kept:
    file: Path
    bytes: int
    asked: float


class MediaCache:
    """Files by name, the longest unasked ones removed where they become too many.

    Args:
        scratch: where the folder is made, at first use.
        largest: bytes kept, not counting files asked for within `SPARED_S`.
        clock: seconds that pass.
    """

    def __init__(self, scratch: Scratch, largest: int = LARGEST, clock: Callable[[], float] = time.monotonic) -> None:
        self._scratch, self._largest, self._clock = scratch, largest, clock
        self._kept: dict[str, _Kept] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._open = ExitStack()
        self._folder: Path | None = None

    def get(self, name: str, fetch: Callable[[Path], None]) -> Path:
        """The file of a name; `fetch` writes it to a path where it is not there yet."""
        kept = self._found(name)
        if kept is not None:
            return kept
        draft = self.draft(name)
        try:
            fetch(draft)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        return self.put(name, draft)

    def draft(self, name: str) -> Path:
        """A path of its own in the cache's folder, to write what becomes `name`."""
        with self._lock:
            if self._folder is None:
                self._folder = self._open.enter_context(self._scratch.folder("media"))
            return self._folder / f".{next(self._numbers)}-{name}"

    def put(self, name: str, draft: Path) -> Path:
        """Keep a draft under its name."""
        target = draft.with_name(name)
        size = draft.stat().st_size
        draft.replace(target)
        with self._lock:
            self._kept[name] = _Kept(target, size, self._clock())
            self._shrink()
        return target

    def close(self) -> None:
        """Remove everything."""
        with self._lock:
            self._kept.clear()
            self._folder = None
            self._open.close()

    def _found(self, name: str) -> Path | None:
        with self._lock:
            kept = self._kept.get(name)
            if kept is None or not kept.file.is_file():
                return None
            kept.asked = self._clock()
            return kept.file

    def _shrink(self) -> None:
        now, total = self._clock(), sum(kept.bytes for kept in self._kept.values())
        for name, kept in sorted(self._kept.items(), key=lambda item: item[1].asked):
            if total <= self._largest or now - kept.asked < SPARED_S:
                return
            kept.file.unlink(missing_ok=True)
            total -= kept.bytes
            del self._kept[name]
