"""Making one campaign's film in this process: the job that the UI launches, on the same instance.

Not here: what the job does (defs), how the outcome is printed (cli.py).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from uuid import uuid4

import dagster as dg

from property_video.core import errors
from property_video.core.edits import EditValue
from property_video.core.money import in_usd
from property_video.core.outputs import Film
from property_video.core.pairing import ShotList
from property_video.core.photo import PhotoAnalysis, UploadedPhotos
from property_video.core.summary import summarise
from property_video.defs.failures import KIND, REASON, REMEDY
from property_video.defs.resources import Progress
from property_video.engine.accounts import spent
from property_video.engine.processes import signature
from property_video.engine.reaper import reap_dead_runs
from property_video.intake.briefs import read_brief
from property_video.intake.music import find_music
from property_video.intake.sources import name_source
from property_video.intake.uploads import open_uploads
from property_video.media.upload_files import list_upload
from property_video.outbox.sending import Sender
from property_video.settings import Settings
from property_video.store import keys
from property_video.store.base import Store
from property_video.store.leases import campaign_lease
from property_video.store.opening import open_store

QUIET: Final = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""The command line tells what happens in its own words; the UI has the events."""

MOST_DELIVERIES: Final = 10
"""At the end of one film; the rest is left to the next one, or to the sensor."""


@dataclass(frozen=True)
class Made:
    """A film that was made or found: a file of it on this machine, and what there is to say of it."""

    film: Film
    path: Path
    summary: Mapping[str, Any]


def make_film(
    settings: Settings,
    instance: dg.DagsterInstance,
    folder: Path,
    campaign: str,
    *,
    launch: Mapping[str, EditValue],
    progress: Progress,
    on_wait: Callable[[str], None] = lambda holder: None,
    say: Callable[[str], None] = lambda line: None,
) -> Made:
    """Make a campaign's film from a folder that is only read.

    Args:
        settings: where things are.
        instance: the run is recorded here.
        folder: photos, and perhaps a brief.
        campaign: its name.
        launch: values for the whole film that a person chose (storyboard, seed, mood, ladders, budget); kept as an
            edit.
        progress: told how far each step is.
        on_wait: told who holds the campaign, when there is somebody to wait for.
        say: told what a person should know at once, and how hosted orders stand.

    Raises:
        BadInput: the folder, the brief or what the person chose breaks a rule.
        CampaignBusy: another run held the campaign for longer than we wait.
        KeyboardInterrupt: someone stopped it; the run is marked failed.
        PropertyVideoError: as the step that failed raised it; the run in the UI says more.
    """
    store = open_store(settings.store)
    upload = list_upload(folder)
    find_music(upload, read_brief(upload.brief))  # bad input is told before a run is recorded
    return run_film(
        settings,
        instance,
        campaign,
        prepare=lambda: name_source(store, open_uploads(settings.uploads), campaign, folder),
        config={"brief": {"config": dict(launch)}},
        progress=progress,
        on_wait=on_wait,
        say=say,
    )


def run_film(
    settings: Settings,
    instance: dg.DagsterInstance,
    campaign: str,
    *,
    prepare: Callable[[], None],
    assets: Sequence[str] = (),
    config: Mapping[str, Any] = MappingProxyType({}),
    progress: Progress,
    on_wait: Callable[[str], None],
    say: Callable[[str], None],
) -> Made:
    """Run the film's job, or some of its assets, and tell what came of it.

    Args:
        settings: where things are.
        instance: the run is recorded here.
        campaign: whose film.
        prepare: done first, with the campaign held; what it raises stops everything.
        assets: those that are made; empty for all.
        config: configuration of assets, by name.
        progress: told how far each step is.
        on_wait: told who holds the campaign, when there is somebody to wait for.
        say: told what a person should know at once.

    Raises:
        CampaignBusy, KeyboardInterrupt, PropertyVideoError: as `make_film`.
    """
    from property_video.definitions import build_defs

    store, run_id = open_store(settings.store), str(uuid4())
    # Waiting is done here, not in the run's own hold (which finds the campaign held for it): Dagster keeps interrupts
    # back while it makes resources, so that Ctrl-C would not end the waiting.
    with campaign_lease(store, campaign, run_id, wait_s=settings.lease_wait_s, on_wait=on_wait):
        reap_dead_runs(instance)
        store.sweep_scratch()
        prepare()
        instance.add_dynamic_partitions("campaign", [campaign])
        job = build_defs(settings, progress=progress, say=say).resolve_job_def("film")
        before = spent(store, campaign)
        try:
            outcome = job.execute_in_process(
                instance=instance,
                partition_key=campaign,
                run_config={**QUIET, "ops": dict(config)},
                run_id=run_id,
                tags=signature(run_id),
                raise_on_error=False,
                asset_selection=[dg.AssetKey(asset) for asset in assets] or None,
            )
        except BaseException as error:  # interrupted before its first step, or the run history cannot be written
            _give_up(instance, run_id, error)
            raise
        if _was_interrupted(outcome):
            raise KeyboardInterrupt
        if not outcome.success:
            raise _why(outcome)
        made = _made(store, campaign, run_id, in_usd(spent(store, campaign) - before))
    _deliver(settings, store, say)
    return made


def _deliver(settings: Settings, store: Store, say: Callable[[str], None]) -> None:
    """Deliver what is due; what fails now is tried again by the next film, or by the outbox's sensor."""
    from property_video.definitions import build_means, build_outbox

    means, receivers = build_means(settings), build_outbox(settings).receivers
    for sent in Sender(store, receivers, means.owner, means.is_alive, time.time).send(MOST_DELIVERIES):
        say(f"{'Not delivered' if sent.failed else 'Delivered'} to {sent.place}: {sent.said}")


def _give_up(instance: dg.DagsterInstance, run_id: str, error: BaseException) -> None:
    """Leave no run behind that looks alive; where this fails as well, the next start reaps it."""
    with suppress(Exception):
        run = instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:
            instance.report_run_failed(run, f"Stopped by {type(error).__name__}. The next run goes on from there.")


def _was_interrupted(outcome: dg.ExecuteInProcessResult) -> bool:
    return any(
        event.job_failure_data.error is not None
        and event.job_failure_data.error.cls_name == dg.DagsterExecutionInterruptedError.__name__
        for event in outcome.filter_events(lambda event: event.is_job_failure)
    )


def _made(store: Store, campaign: str, run_id: str, spent_usd: float) -> Made:
    film = store.read(keys.record("final_video", campaign), Film)
    uploaded = store.read(keys.record("uploaded_photos", campaign), UploadedPhotos)
    analysis = store.read(keys.record("photo_analysis", campaign), PhotoAnalysis)
    shot_list = store.read(keys.record("selected_pairs", campaign), ShotList)
    assert film and uploaded and analysis and shot_list, "a successful run leaves all four records"
    shown = store.address(keys.film(campaign))
    summary = summarise(film, uploaded, analysis, shot_list, shown, run_id, spent_usd)
    return Made(film=film, path=store.media_path(film.media.key), summary=summary)


def _why(outcome: dg.ExecuteInProcessResult) -> errors.PropertyVideoError:
    """The error of the first step that failed, as its own type again."""
    for event in outcome.filter_events(lambda event: event.is_step_failure):
        failure = event.step_failure_data.user_failure_data
        if failure is None:
            continue
        said = {name: getattr(value, "text", str(value)) for name, value in failure.metadata.items()}
        kind = getattr(errors, said.get(KIND, ""), None)
        if kind is None:
            kind = errors.BadOutput if said.get(KIND) == "FailedVerification" else errors.PropertyVideoError
        return kind(f"{event.step_key}: {said.get(REASON, failure.description)}", said.get(REMEDY, ""))
    for event in outcome.filter_events(lambda event: event.is_failure):
        return errors.PropertyVideoError(event.message or "The run failed.", f"See run {outcome.run_id} in the UI.")
    return errors.PropertyVideoError("The run failed.", f"See run {outcome.run_id} in the UI.")
