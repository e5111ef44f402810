"""Reading one campaign's story from the run history and the journal.

Not here: what a line is (core/story.py), turning events into lines (log_lines.py).
"""

import logging
from collections.abc import Iterator

import dagster as dg

from property_video.core.errors import BadInput
from property_video.core.story import Line, bought, in_order
from property_video.engine.log_lines import line_of
from property_video.orders.journal import Journal
from property_video.store.base import Store


def read_story(instance: dg.DagsterInstance, store: Store, campaign: str) -> list[Line]:
    """Everything that happened to a campaign, oldest first.

    Raises:
        BadInput: nothing ever did.
        StoreError: the journal has a gap.
    """
    journal = Journal(store, campaign)
    bills = (line for order in journal.orders() for line in bought(campaign, order, journal.events(order)))
    story = in_order([*_runs(instance, campaign), *bills])
    if not story:
        known = [key.rsplit("/", 1)[-1].removesuffix(".json") for key in store.keys("records/brief")]
        raise BadInput(f"Nothing is known of a campaign {campaign!r}.", f"There are: {', '.join(known) or 'none yet'}.")
    return story


def _runs(instance: dg.DagsterInstance, campaign: str) -> Iterator[Line]:
    for run in instance.get_runs(dg.RunsFilter(tags={"dagster/partition": campaign}), ascending=True):
        for entry in instance.all_logs(run.run_id):
            line = line_of(
                entry.dagster_event,
                at=entry.timestamp,
                level=entry.level if isinstance(entry.level, int) else logging.getLevelNamesMapping()[entry.level],
                run=run.run_id,
                campaign=campaign,
                stage=entry.step_key or "",
                message=entry.user_message,
            )
            if line is not None:
                yield line
