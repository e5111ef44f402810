"""Holding a campaign by locks on files, which the kernel gives back the moment their process is gone.

Every campaign's holder shares the store's lock as well, so that pruning, which takes that lock alone, never runs beside
a film in the making.

Not here: waiting for a holder (leases.py), holding without a file system (s3_holds.py).
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from io import FileIO
from pathlib import Path

from property_video.store.disk import translated
from property_video.store.locks import ALONE, SHARED, lock_file, try_take

PRUNING = "`property-video prune`"
"""Who holds the whole store."""


@contextmanager
def hold_campaign(store_lock: Path, campaign_lock: Path, run_id: str) -> Iterator[str]:
    """Try to hold a campaign: "" or who holds it.

    Raises:
        StoreError: a lock's file cannot be opened.
    """
    with _opened(store_lock) as shared, _opened(campaign_lock) as lock:
        if not try_take(shared, SHARED):
            yield PRUNING
        elif try_take(lock, ALONE):
            _sign(campaign_lock, lock, run_id)
            yield ""
        else:
            holder = _holder(lock)
            yield "" if holder.get("run_id") == run_id else _name(holder)


@contextmanager
def hold_store(store_lock: Path) -> Iterator[bool]:
    """Try to hold the whole store; whether it is held.

    Raises:
        StoreError: the lock's file cannot be opened.
    """
    with _opened(store_lock) as lock:
        yield try_take(lock, ALONE)


@contextmanager
def _opened(path: Path) -> Iterator[FileIO]:
    with ExitStack() as opened:
        with translated(path):
            file = opened.enter_context(lock_file(path))
        yield file


def _sign(path: Path, file: FileIO, run_id: str) -> None:
    with translated(path):
        file.truncate(0)
        file.write(json.dumps({"run_id": run_id, "pid": os.getpid()}).encode())


def _name(holder: Mapping[str, str]) -> str:
    return f"run {holder.get('run_id', '?')[:8]} (process {holder.get('pid', '?')})"


def _holder(file: FileIO) -> dict[str, str]:
    file.seek(0)
    try:
        found = json.loads(file.readall() or b"{}")
    except ValueError:  # read while its holder signs
        return {}
    return found if isinstance(found, dict) else {}
