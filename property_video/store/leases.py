"""Who holds a campaign: one run at a time.

A lease is a lock on a file, which the kernel gives back the moment its process is gone, however it went. Every lease
also shares the store's lock, so that pruning, which takes that lock alone, never runs beside a film in the making.

Not here: marking the runs of dead processes as failed (engine/reaper.py).
"""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from property_video.core.errors import CampaignBusy, StoreError
from property_video.store import keys
from property_video.store.local import LocalStore

POLL_S = 0.5
"""Seconds between two looks at a campaign that another run holds."""


@contextmanager
def campaign_lease(
    store: LocalStore,
    campaign: str,
    run_id: str,
    *,
    wait_s: float,
    on_wait: Callable[[str], None] = lambda holder: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Hold a campaign. Processes of one run (the multiprocess executor's steps) hold it together.

    Args:
        store: whose campaign.
        campaign: its name.
        run_id: the run that wants it.
        wait_s: how long to wait for another holder.
        on_wait: told once who holds it, when there is something to wait for.
        clock: seconds that pass.
        sleep: waits.

    Raises:
        CampaignBusy: another run held it all the time.
    """
    deadline = clock() + wait_s
    told = False
    with _opened(store.path(keys.STORE_LOCK)) as store_lock, _opened(store.path(keys.lease(campaign))) as lock:
        while True:
            if _try(store_lock, fcntl.LOCK_SH):
                if _try(lock, fcntl.LOCK_EX):
                    _sign(lock, run_id)
                    yield
                    return
                if _holder(lock).get("run_id") == run_id:
                    yield
                    return
                fcntl.flock(store_lock, fcntl.LOCK_UN)  # whoever waits does not keep pruning away
            who = _holder(lock)
            name = f"run {who.get('run_id', '?')[:8]} (process {who.get('pid', '?')})"
            if clock() >= deadline:
                raise CampaignBusy(f"{campaign} is being made by {name}.", "Run again when it is done.")
            if not told:
                on_wait(name)
                told = True
            sleep(POLL_S)


@contextmanager
def whole_store(store: LocalStore) -> Iterator[None]:
    """Hold the whole store, at once or not at all.

    Raises:
        CampaignBusy: a film is being made.
    """
    with _opened(store.path(keys.STORE_LOCK)) as lock:
        if not _try(lock, fcntl.LOCK_EX):
            raise CampaignBusy("A film is being made.", "Run again when it is done.")
        yield


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}.", "Check the store's folder and its rights.") from error
    with file:
        yield file


def _try(file: TextIO, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sign(file: TextIO, run_id: str) -> None:
    file.seek(0)
    file.truncate()
    json.dump({"run_id": run_id, "pid": os.getpid()}, file)
    file.flush()


def _holder(file: TextIO) -> dict[str, str]:
    file.seek(0)
    try:
        found = json.loads(file.read() or "{}")
    except ValueError:  # read while its holder signs
        return {}
    return found if isinstance(found, dict) else {}
