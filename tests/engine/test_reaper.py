import subprocess
import sys

import dagster as dg
import pytest

from property_video.engine.processes import PID_TAG, STARTED_TAG, signature, start_of
from property_video.engine.reaper import UNFINISHED, reap_dead_runs

FAILURE = dg.DagsterRunStatus.FAILURE


@pytest.fixture(scope="module")
def gone() -> int:
    """The number of a process that is gone."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@dg.op
def nothing():
    pass


@dg.job
def film():
    nothing()


def recorded(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, sign=lambda run_id: {}) -> str:
    """A run in the history that is in this status, signed or not."""
    run = instance.create_run_for_job(film, status=status)
    instance.add_run_tags(run.run_id, sign(run.run_id))
    return run.run_id


def status_of(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


@pytest.mark.parametrize("status", UNFINISHED)
def test_a_run_whose_process_is_gone_is_marked_failed(instance, gone, status):
    run_id = recorded(instance, status, lambda run_id: {**signature(run_id), PID_TAG: str(gone)})
    assert reap_dead_runs(instance) == [run_id]
    assert status_of(instance, run_id) == FAILURE
    (said,) = instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    assert f"process {gone} is gone" in said.message


@pytest.mark.parametrize("status", UNFINISHED)
def test_a_run_whose_process_lives_goes_on(instance, status):
    run_id = recorded(instance, status, signature)
    assert reap_dead_runs(instance) == []
    assert status_of(instance, run_id) == status


def test_a_run_whose_number_went_to_a_later_process_is_marked_failed(instance):
    def sign(run_id: str) -> dict[str, str]:
        signed = signature(run_id)
        return {**signed, STARTED_TAG: str(int(signed[STARTED_TAG]) - 1)}

    run_id = recorded(instance, dg.DagsterRunStatus.STARTED, sign)
    assert reap_dead_runs(instance) == [run_id]


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING])
def test_a_run_that_starts_is_not_judged_by_the_signature_of_the_one_it_repeats(instance, gone, status):
    run_id = recorded(instance, status, lambda run_id: {**signature("its-parent"), PID_TAG: str(gone)})
    assert reap_dead_runs(instance) == []
    assert status_of(instance, run_id) == status


def report(instance: dg.DagsterInstance, run_id: str, kind: dg.DagsterEventType, pid: int | None = None) -> None:
    instance.report_dagster_event(dg.DagsterEvent(kind.value, "film", pid=pid), run_id=run_id)


def started_by(instance: dg.DagsterInstance, pid: int) -> str:
    """A run that reported its start and never signed."""
    run_id = recorded(instance, dg.DagsterRunStatus.NOT_STARTED)
    report(instance, run_id, dg.DagsterEventType.RUN_START, pid)
    assert status_of(instance, run_id) == dg.DagsterRunStatus.STARTED
    return run_id


def test_a_run_that_was_killed_before_it_signed_is_marked_failed(instance, gone, sleeper):
    dead, alive = started_by(instance, gone), started_by(instance, sleeper.pid)
    assert reap_dead_runs(instance) == [dead]
    assert status_of(instance, dead) == FAILURE
    assert status_of(instance, alive) == dg.DagsterRunStatus.STARTED


@pytest.fixture
def sleeper():
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as process:
        assert start_of(process.pid)
        yield process
        process.kill()


def test_finished_runs_stay_as_they_are(instance, gone):
    statuses = [dg.DagsterRunStatus.SUCCESS, FAILURE, dg.DagsterRunStatus.CANCELED]
    runs = [recorded(instance, status, lambda run_id: {**signature(run_id), PID_TAG: str(gone)}) for status in statuses]
    assert reap_dead_runs(instance) == []
    assert [status_of(instance, run_id) for run_id in runs] == statuses
