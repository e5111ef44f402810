"""Runs whose process is gone.

Killed, a run would stay "started" for ever where nobody watches it; the next start marks it failed. Where Dagster's
daemon works, the run launcher and run monitoring do the same within seconds (launcher.py).

Not here: how it is told (workers.py), making the film again (whoever starts next finds what was finished).
"""

from typing import Final

import dagster as dg

from property_video.engine.workers import gone_worker

UNFINISHED: Final = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
"""Queued runs have no process yet; nor has a run that starts, as long as no event names one."""


def dead_runs(instance: dg.DagsterInstance) -> list[tuple[dg.DagsterRun, int]]:
    """Runs of this machine that are under way for the history, and the processes of them, which are gone."""
    runs = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    return [(run, pid) for run in runs if (pid := gone_worker(instance, run)) is not None]


def reap_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark runs of this machine failed whose process is gone; return their ids."""
    dead = dead_runs(instance)
    for run, pid in dead:
        instance.report_run_failed(
            run,
            f"Its process {pid} is gone (killed, or the machine went down). "
            "What it finished is kept; the next run goes on from there.",
        )
    return [run.run_id for run, _ in dead]
