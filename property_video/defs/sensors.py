"""What starts runs by itself.

The sensor on uploads: a settled new or changed campaign folder becomes a partition and a run. It gathers how campaigns
stand and emits; what is due is decided in core/reconcile.py. It never deletes a partition, and a folder that cannot be
read is never an empty one.

Not here: reading photos.
"""

from pathlib import Path

import dagster as dg

from property_video.core.campaign import is_slug, slug_for
from property_video.core.errors import BadInput, PropertyVideoError
from property_video.core.orders import request_fingerprint
from property_video.core.outputs import Film
from property_video.core.reconcile import Standing, due
from property_video.core.upload import Upload
from property_video.defs.jobs import film
from property_video.defs.partitions import campaigns
from property_video.defs.resources import UploadsResource
from property_video.store import keys
from property_video.store.edits import read_edits
from property_video.store.local import LocalStore

REQUEST_TAG = "property_video/request"

LIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dg.sensor(
    job=film,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="A new or changed folder under uploads/ becomes a campaign and its film.",
)
def uploads_sensor(
    context: dg.SensorEvaluationContext,
    store: dg.ResourceParam[LocalStore],
    uploads: dg.ResourceParam[UploadsResource],
) -> dg.SensorResult | dg.SkipReason:
    """Request a run for every campaign that is due."""
    folder = Path(uploads.folder)
    try:
        folders = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    except FileNotFoundError:
        return dg.SkipReason(f"There is no folder {folder} yet. Drop a campaign's folder into it.")
    except OSError as error:
        return dg.SkipReason(f"{folder} cannot be read: {error.strerror}.")
    named = [entry for entry in folders if is_slug(entry.name)]
    for entry in set(folders) - set(named):
        context.log.warning(
            f"{entry.name!r} cannot be a campaign's name. Rename the folder to {slug_for(entry.name)!r}."
        )
    standings = [_standing(context, store, entry) for entry in named]
    wanting = due([each for each in standings if each is not None], uploads.settle_s)
    if not wanting:
        return dg.SkipReason(f"{len(named)} campaigns: none is due.")
    return dg.SensorResult(
        dynamic_partitions_requests=[campaigns.build_add_request([each.campaign for each in wanting])],
        run_requests=[
            dg.RunRequest(run_key=each.run_key, partition_key=each.campaign, tags={REQUEST_TAG: each.request})
            for each in wanting
        ],
    )


def _standing(context: dg.SensorEvaluationContext, store: LocalStore, folder: Path) -> Standing | None:
    """How one campaign stands; None, with a word in the tick's log, when that cannot be told now."""
    import time

    from property_video.intake.photos import listing_fingerprint
    from property_video.media.upload_files import list_upload

    campaign = folder.name
    try:
        upload = list_upload(folder)
        wanted = request_fingerprint(listing_fingerprint(upload), read_edits(store, campaign))
        last = store.read(keys.record("final_video", campaign), Film)
        changes = _changes(folder, upload)
    except (BadInput, PropertyVideoError, OSError) as error:
        context.log.warning(f"{campaign}: {error}")
        return None
    if last is not None and last.request == wanted:
        # The usual case, told without asking the run history.
        return Standing(campaign, wanted, last.request, under_way=False, quiet_s=0.0, attempts=0)
    of_campaign = {"dagster/partition": campaign}
    live = context.instance.get_runs_count(dg.RunsFilter(tags=of_campaign, statuses=LIVE))
    attempts = context.instance.get_runs_count(dg.RunsFilter(tags={**of_campaign, REQUEST_TAG: wanted}))
    return Standing(
        campaign=campaign,
        wanted=wanted,
        there=last.request if last else "",
        under_way=live > 0,
        # A camera's clock may be ahead by years; a server's by seconds, and then the file is as young as that.
        quiet_s=min(abs(time.time() - change) for change in changes),
        attempts=attempts,
    )


def _changes(folder: Path, upload: Upload) -> list[float]:
    """When files of an upload and the folders they are in last changed, in seconds since 1970.

    A copied file may keep an old time; the folder it comes into gets the present one.
    """
    files = [file.path for file in upload.files] + ([upload.brief] if upload.brief else [])
    return [path.stat().st_mtime for path in {folder, *files, *(file.parent for file in files)}]


portfolio_sensor = dg.AutomationConditionSensorDefinition(
    "portfolio_sensor",
    target=dg.AssetSelection.assets("portfolio"),
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=60,
    description="Refreshes the portfolio after films were made.",
)
