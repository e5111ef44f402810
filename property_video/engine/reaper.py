"""Runs whose process is gone.

A run that works signs itself with its process (defs/resources.py). Killed, it would stay "started" for ever, because
nobody else knows that it is dead; the next start marks it failed.

Not here: making the film again (whoever starts next finds what was finished).
"""

import dagster as dg

from property_video.engine.processes import PID_TAG, STARTED_TAG, is_alive

STARTED = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def reap_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark runs failed whose process is gone; return their ids."""
    dead = [
        run
        for run in instance.get_runs(dg.RunsFilter(statuses=STARTED))
        if PID_TAG in run.tags and not is_alive(int(run.tags[PID_TAG]), run.tags.get(STARTED_TAG, ""))
    ]
    for run in dead:
        instance.report_run_failed(
            run,
            f"Its process {run.tags[PID_TAG]} is gone (killed, or the machine went down). "
            "What it finished is kept; the next run goes on from there.",
        )
    return [run.run_id for run in dead]
