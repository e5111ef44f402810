"""Who holds a campaign: one run at a time.

Not here: how a store keeps it (flocks.py, s3_holds.py), marking the runs of dead processes as failed
(engine/reaper.py).
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from property_video.core.errors import CampaignBusy
from property_video.store.base import Store

POLL_S = 0.5
"""Seconds between two looks at a campaign that another run holds."""


@contextmanager
def campaign_lease(
    store: Store,
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
    while True:
        with store.hold(campaign, run_id) as holder:
            if not holder:
                yield
                return
        if clock() >= deadline:
            raise CampaignBusy(f"{campaign} is held by {holder}.", "Run again when it is done.")
        if not told:
            on_wait(holder)
            told = True
        sleep(POLL_S)


@contextmanager
def whole_store(store: Store) -> Iterator[None]:
    """Hold the whole store, at once or not at all.

    Raises:
        CampaignBusy: a film is being made.
    """
    with store.hold_all() as held:
        if not held:
            raise CampaignBusy("A film is being made.", "Run again when it is done.")
        yield
