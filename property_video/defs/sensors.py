"""What starts runs by itself.

The sensor on uploads asks for the runs that reconciling found due: a new or changed campaign folder becomes a partition
and a film, an edit or another take of a scene makes its film follow. It never deletes anything. The sensor of the
outbox delivers films.

Not here: how campaigns stand (reconciling.py), what is due (core/reconcile.py).
"""

import time

import dagster as dg

from property_video.core.outbox import of_failure
from property_video.core.reconcile import Due, Known
from property_video.defs.failures import told_to_dagster
from property_video.defs.jobs import film
from property_video.defs.partitions import campaigns
from property_video.defs.reconciling import REQUEST_TAG, reconcile
from property_video.defs.resources import Outbox, UploadsResource
from property_video.orders.buyer import Means
from property_video.outbox.messages import announce
from property_video.outbox.sending import Sender
from property_video.store.base import Store

PRIORITY_TAG = "dagster/priority"
NEW_LISTING, CHANGED_LISTING = "10", "5"
"""Runs of higher priority leave the queue first. Backfills have less than all that arrives (engine/backfilling.py)."""


@dg.sensor(
    job=film,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="A new or changed folder under uploads/ becomes a campaign and its film; an edit or another take of a "
    "scene makes its film follow.",
)
def uploads_sensor(
    context: dg.SensorEvaluationContext,
    store: dg.ResourceParam[Store],
    uploads: dg.ResourceParam[UploadsResource],
    outbox: dg.ResourceParam[Outbox],
) -> dg.SensorResult | dg.SkipReason:
    """Request a run for every campaign that is due."""
    with told_to_dagster():
        tick = reconcile(store, context.instance, uploads, context.cursor or "", time.time(), context.log.warning)
    for campaign, known in tick.stopped.items():
        context.log.warning(f"{campaign} waits for a changed request: {known.why}")
        context.instance.report_runless_asset_event(_waits(campaign, known))
        if outbox.receivers:
            announce(store, of_failure(campaign, known.wanted, known.why))
    if not tick.due:
        context.update_cursor(tick.round)
        return dg.SkipReason(f"{tick.known} campaigns: none is due.")
    return dg.SensorResult(
        dynamic_partitions_requests=[campaigns.build_add_request([each.campaign for each in tick.due])],
        run_requests=[
            dg.RunRequest(run_key=each.run_key, partition_key=each.campaign, tags=_tags(each)) for each in tick.due
        ],
        cursor=tick.round,
    )


def _tags(each: Due) -> dict[str, str]:
    return {REQUEST_TAG: each.request, PRIORITY_TAG: NEW_LISTING if each.is_new else CHANGED_LISTING}


def _waits(campaign: str, known: Known) -> dg.AssetObservation:
    """What the campaign's page shows of a film that is not tried again by itself."""
    return dg.AssetObservation(
        "final_video",
        partition=campaign,
        metadata={
            "waits for": "a change of its photos, its brief or its edits; or launch it by hand",
            "why": known.why,
            "attempts": known.attempt,
        },
    )


MOST_DELIVERIES = 10
"""Of one tick."""


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Delivers finished films, and word of films that cannot be made, to the places of "
    "PROPERTY_VIDEO_DELIVER.",
)
def outbox_sensor(
    context: dg.SensorEvaluationContext,
    store: dg.ResourceParam[Store],
    outbox: dg.ResourceParam[Outbox],
    means: dg.ResourceParam[Means],
) -> dg.SkipReason:
    """Send what is due; no run is needed for it."""
    if not outbox.receivers:
        return dg.SkipReason("PROPERTY_VIDEO_DELIVER names no place to deliver films to.")
    with told_to_dagster():
        sent = Sender(store, outbox.receivers, means.owner, means.is_alive, time.time).send(MOST_DELIVERIES)
    for each in sent:
        tell = context.log.warning if each.failed else context.log.info
        tell(f"{each.message.key} to {each.place}: {each.said}")
    failed = sum(each.failed for each in sent)
    return dg.SkipReason(f"{len(sent) - failed} delivered, {failed} failed and tried again later.")


portfolio_sensor = dg.AutomationConditionSensorDefinition(
    "portfolio_sensor",
    target=dg.AssetSelection.assets("portfolio"),
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=60,
    description="Refreshes the portfolio after films were made.",
)
