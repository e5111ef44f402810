"""Whether the process that does a run is gone, as the run's tags and events tell.

A run signs itself with its process before its first step (defs/resources.py, engine/make.py). Until then, the code
server's "Started process for run" and the run's own start name one. Numbers are reused, so a process that is younger
than the event that names it is another one.

Not here: what follows (reaper.py, launcher.py).
"""

import socket
import time
from typing import Final

import dagster as dg

from property_video.engine.processes import age_of, is_alive, signer

SLACK_S: Final = 5.0
"""Seconds by which a clock may have been set between an event and now."""

STARTS: Final = dg.DagsterEventType.RUN_START


def gone_worker(instance: dg.DagsterInstance, run: dg.DagsterRun) -> int | None:
    """The process of a run, when it was one of this machine and is gone; None when it lives or cannot be told."""
    signed = signer(run.run_id, run.tags)
    if signed is not None:
        here = signed.host == socket.gethostname()
        return signed.pid if here and not is_alive(signed.pid, signed.started) else None
    named = None if _work_elsewhere(instance) else _named(instance, run)
    return named[0] if named is not None and not _is_that_one(*named) else None


def _work_elsewhere(instance: dg.DagsterInstance) -> bool:
    """Whether runs work in containers of a cluster, whose launcher watches them and whose numbers mean nothing here."""
    launcher = instance.run_launcher
    return launcher.supports_check_run_worker_health and not isinstance(launcher, dg.DefaultRunLauncher)


def _named(instance: dg.DagsterInstance, run: dg.DagsterRun) -> tuple[int, float] | None:
    """The process that a run's events name, and when they did, in seconds since 1970."""
    for entry in instance.all_logs(run.run_id, of_type={dg.DagsterEventType.ENGINE_EVENT, STARTS}):
        event = entry.dagster_event
        if event is None:
            continue
        if event.event_type is STARTS and event.pid is not None:
            return event.pid, entry.timestamp
        pid = event.engine_event_data.metadata.get("pid") if event.is_engine_event else None
        if isinstance(pid, dg.TextMetadataValue) and pid.text and pid.text.isdigit():
            return int(pid.text), entry.timestamp
    return None


def _is_that_one(pid: int, named_at: float) -> bool:
    """Whether a process lives that was there when it was named."""
    age = age_of(pid)
    return is_alive(pid) if age is None else age >= time.time() - named_at - SLACK_S
