import threading
import time
from dataclasses import replace
from pathlib import Path

import dagster as dg
from studio_kit import CAMPAIGN, Studio

from property_video.engine.processes import signature
from property_video.store.leases import campaign_lease


def terminate_when_it_waits(instance: dg.DagsterInstance, run_ids: list[str]) -> None:
    """What the UI's Terminate does first, as soon as the run has signed."""
    while not (runs := [run for run in instance.get_runs() if run.tags.items() >= signature(run.run_id).items()]):
        time.sleep(0.02)
    run_ids.append(runs[0].run_id)
    instance.report_run_canceling(runs[0])


def test_a_run_that_is_terminated_while_it_waits_ends_as_canceled(empty_studio: Studio, tmp_path: Path):
    terminated: list[str] = []
    history = tmp_path / "history"  # on disk: two threads lock each other out of a database in memory
    history.mkdir()
    with dg.DagsterInstance.local_temp(str(history)) as instance:
        patient = replace(empty_studio, settings=replace(empty_studio.settings, lease_wait_s=60.0), instance=instance)
        person = threading.Thread(target=terminate_when_it_waits, args=(instance, terminated))
        with campaign_lease(patient.store, CAMPAIGN, "another-run", wait_s=0):
            person.start()
            assert not patient.run().success
            person.join()
        run = instance.get_run_by_id(terminated[0])
        assert run is not None
        assert run.status == dg.DagsterRunStatus.CANCELED
