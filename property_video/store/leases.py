"""Who holds a campaign: one run at a time.

A lease is a lock on a file, which the kernel gives back the moment its process is gone, however it went. Every lease
also shares the store's lock, so that pruning, which takes that lock alone, never runs beside a film in the making.

Not here: marking the runs of dead processes as failed (engine/reaper.py).
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from io import FileIO
from pathlib import Path

from property_video.core.errors import CampaignBusy
from property_video.store import keys
from property_video.store.local import LocalStore, translated
from property_video.store.locks import ALONE, SHARED, lock_file, release, try_take

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
        StoreFull, StoreError: the store cannot be written.
    """
    deadline = clock() + wait_s
    told = False
    with _opened(store.path(keys.STORE_LOCK)) as store_lock, _opened(store.path(keys.lease(campaign))) as lock:
        while True:
            if try_take(store_lock, SHARED):
                if try_take(lock, ALONE):
                    _sign(store.path(keys.lease(campaign)), lock, run_id)
                    yield
                    return
                if _holder(lock).get("run_id") == run_id:
                    yield
                    return
                release(store_lock)  # whoever waits does not keep pruning away
                holder = _name(_holder(lock))
            else:
                holder = "`property-video prune`"
            if clock() >= deadline:
                raise CampaignBusy(f"{campaign} is held by {holder}.", "Run again when it is done.")
            if not told:
                on_wait(holder)
                told = True
            sleep(POLL_S)


@contextmanager
def whole_store(store: LocalStore) -> Iterator[None]:
    """Hold the whole store, at once or not at all.

    Raises:
        CampaignBusy: a film is being made.
    """
    with _opened(store.path(keys.STORE_LOCK)) as lock:
        if not try_take(lock, ALONE):
            raise CampaignBusy("A film is being made.", "Run again when it is done.")
        yield


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
