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


def reap_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark runs of this machine failed whose process is gone; return their ids."""
    reaped = []
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        pid = gone_worker(instance, run)
        if pid is not None:
            instance.report_run_failed(
                run,
                f"Its process {pid} is gone (killed, or the machine went down). "
                "What it finished is kept; the next run goes on from there.",
            )
            reaped.append(run.run_id)
    return reaped
