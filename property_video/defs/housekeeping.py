"""What is done every night: old films and media that nothing needs are removed, recorded tables brought together.

Not here: which media are needed (store/pruning.py), how tables are kept (reports/tables.py).
"""

import time
from collections.abc import Callable
from typing import Final

import dagster as dg

from property_video.core.errors import CampaignBusy
from property_video.defs.failures import told_to_dagster
from property_video.reports.tables import compact_tables
from property_video.store.base import Store
from property_video.store.leases import whole_store
from property_video.store.pruning import prune

PATIENCE_S: Final = 1800.0
"""Seconds that are waited for a moment in which no film is made; then the next night does it."""

POLL_S: Final = 5.0


def tidy(
    store: Store,
    keep: int,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, int]:
    """Tidy the store once no film is being made.

    Args:
        store: which.
        keep: films of every campaign that stay.
        clock: seconds that pass.
        sleep: waits.

    Returns:
        What was done, by name; empty when films were being made all the time.

    Raises:
        StoreFull, StoreError: the store cannot be read or written.
    """
    until = clock() + PATIENCE_S
    while True:
        try:
            with whole_store(store):
                merged = compact_tables(store)
            pruned = prune(store, keep)
        except CampaignBusy:
            if clock() >= until:
                return {}
            sleep(POLL_S)
            continue
        return {"tables merged": merged, "films": pruned.films, "media": pruned.media, "bytes": pruned.bytes}


def build_housekeeping(keep: int) -> dg.ScheduleDefinition:
    """The nightly schedule and its job; `keep` is how many films of every campaign stay."""

    @dg.op(description="Removes films beyond the last ones, media that nothing needs, and merges recorded tables.")
    def tidy_store(context: dg.OpExecutionContext, store: dg.ResourceParam[Store]) -> None:
        with told_to_dagster():
            done = tidy(store, keep)
        context.log.info(", ".join(f"{name}: {count}" for name, count in done.items()) or "Films are being made.")
        context.add_output_metadata(done)

    @dg.job(executor_def=dg.in_process_executor, description="Tidies the store; what films need stays.")
    def housekeeping() -> None:
        tidy_store()

    return dg.ScheduleDefinition(
        name="nightly",
        job=housekeeping,
        cron_schedule="30 3 * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every night at 3:30, by the clock of the machine (UTC unless told otherwise).",
    )
