"""Making one campaign's film in this process: the job that the UI launches, on the same instance.

Not here: what the job does (defs), how the outcome is printed (cli.py).
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import dagster as dg

from property_video.core import errors
from property_video.core.outputs import Film
from property_video.core.pairing import ShotList
from property_video.core.photo import PhotoAnalysis, UploadedPhotos
from property_video.core.summary import summarise
from property_video.defs.failures import KIND, REASON, REMEDY
from property_video.defs.resources import Progress
from property_video.engine.processes import signature
from property_video.engine.reaper import reap_dead_runs
from property_video.intake.briefs import read_brief
from property_video.intake.music import find_music
from property_video.intake.sources import name_source
from property_video.media.upload_files import list_upload
from property_video.settings import Settings
from property_video.store import keys
from property_video.store.leases import campaign_lease
from property_video.store.local import LocalStore

QUIET: Final = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""The command line tells what happens in its own words; the UI has the events."""


@dataclass(frozen=True)
class Made:
    """A film that was made or found: where it is and what there is to say of it."""

    film: Film
    path: Path
    summary: Mapping[str, Any]


def make_film(
    settings: Settings,
    instance: dg.DagsterInstance,
    folder: Path,
    campaign: str,
    *,
    launch: Mapping[str, str | int],
    progress: Progress,
    on_wait: Callable[[str], None] = lambda holder: None,
) -> Made:
    """Make a campaign's film from a folder that is only read.

    Args:
        settings: where things are.
        instance: the run is recorded here.
        folder: photos, and perhaps a brief.
        campaign: its name.
        launch: values for the whole film that a person chose (storyboard, seed, mood); kept as an edit.
        progress: told how far each step is.
        on_wait: told who holds the campaign, when there is somebody to wait for.

    Raises:
        BadInput: the folder, the brief or what the person chose breaks a rule.
        CampaignBusy: another run held the campaign for longer than we wait.
        KeyboardInterrupt: someone stopped it; the run is marked failed.
        PropertyVideoError: as the step that failed raised it; the run in the UI says more.
    """
    from property_video.definitions import build_defs

    store = LocalStore(settings.store)
    upload = list_upload(folder)
    find_music(upload, read_brief(upload.brief))  # bad input is told before a run is recorded
    run_id = str(uuid4())
    # Waiting is done here, not in the run's own hold (which finds the campaign held for it): Dagster keeps interrupts
    # back while it makes resources, so that Ctrl-C would not end the waiting.
    with campaign_lease(store, campaign, run_id, wait_s=settings.lease_wait_s, on_wait=on_wait):
        reap_dead_runs(instance)
        store.sweep_scratch()
        name_source(store, settings.uploads, campaign, folder)
        instance.add_dynamic_partitions("campaign", [campaign])
        job = build_defs(settings, progress=progress).resolve_job_def("film")
        try:
            outcome = job.execute_in_process(
                instance=instance,
                partition_key=campaign,
                run_config={**QUIET, "ops": {"brief": {"config": dict(launch)}}},
                run_id=run_id,
                tags=signature(run_id),
                raise_on_error=False,
            )
        except BaseException as error:  # interrupted before its first step, or the run history cannot be written
            _give_up(instance, run_id, error)
            raise
        if _was_interrupted(outcome):
            raise KeyboardInterrupt
        if not outcome.success:
            raise _why(outcome)
        return _made(store, campaign, run_id)


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


def _made(store: LocalStore, campaign: str, run_id: str) -> Made:
    film = store.read(keys.record("final_video", campaign), Film)
    uploaded = store.read(keys.record("uploaded_photos", campaign), UploadedPhotos)
    analysis = store.read(keys.record("photo_analysis", campaign), PhotoAnalysis)
    shot_list = store.read(keys.record("selected_pairs", campaign), ShotList)
    assert film and uploaded and analysis and shot_list, "a successful run leaves all four records"
    path = store.path(keys.film(campaign))
    return Made(film=film, path=path, summary=summarise(film, uploaded, analysis, shot_list, str(path), run_id))


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
