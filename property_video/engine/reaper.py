"""Runs whose process is gone.

A run that works signs itself with its process (engine/make.py, defs/resources.py). Killed, it would stay "started" for
ever, because nobody else knows that it is dead; the next start marks it failed.

Not here: making the film again (whoever starts next finds what was finished).
"""

from typing import Final

import dagster as dg

from property_video.engine.processes import is_alive, signer

UNFINISHED: Final = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
"""Queued runs have no process yet; nor has a run that starts, as long as it has not signed."""


def reap_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark runs failed whose process is gone; return their ids."""
    reaped = []
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        process = signer(run.run_id, run.tags) or _starter(instance, run)
        if process is not None and not is_alive(*process):
            instance.report_run_failed(
                run,
                f"Its process {process[0]} is gone (killed, or the machine went down). "
                "What it finished is kept; the next run goes on from there.",
            )
            reaped.append(run.run_id)
    return reaped


def _starter(instance: dg.DagsterInstance, run: dg.DagsterRun) -> tuple[int, str] | None:
    """The process that reported a run's start: for a run that was killed before it signed, or never signs."""
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_START):
        if entry.dagster_event is not None and entry.dagster_event.pid is not None:
            return entry.dagster_event.pid, ""
    return None
