"""The launcher tells dead workers from living ones, and run monitoring and the reaper believe it."""

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import dagster as dg
import pytest
from dagster._core.events import EngineEventData
from dagster._core.launcher import RunLauncher, WorkerStatus
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration

from property_video.engine.home import shipped
from property_video.engine.launcher import OneMachineRunLauncher
from property_video.engine.processes import HOST_TAG, PID_TAG, STARTED_TAG, signature
from property_video.engine.reaper import reap_dead_runs


@dg.op
def nothing():
    pass


@dg.job
def film():
    nothing()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """An instance with the configuration that ships."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(folder))
        (folder / "dagster.yaml").write_bytes(shipped("dagster.yaml").read_bytes())
        with dg.DagsterInstance.from_config(str(folder)) as instance:
            yield instance


@pytest.fixture(scope="module")
def gone() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture
def sleeper() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


Tags = Callable[[str], dict[str, str]]


def started(instance: dg.DagsterInstance, tags: Tags = lambda run_id: {}) -> dg.DagsterRun:
    run = instance.create_run_for_job(film, status=dg.DagsterRunStatus.STARTED)
    instance.add_run_tags(run.run_id, tags(run.run_id))
    return reread(instance, run)


def reread(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRun:
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found


def named(instance: dg.DagsterInstance, pid: int) -> dg.DagsterRun:
    """A run of which the code server said that this process does it, and that never signed."""
    run = started(instance)
    instance.report_engine_event(f"Started process for run (pid: {pid}).", run, EngineEventData.in_process(pid))
    return run


def health(instance: dg.DagsterInstance, run: dg.DagsterRun) -> WorkerStatus:
    return instance.run_launcher.check_run_worker_health(run).status


def test_the_shipped_home_names_the_launcher(home: dg.DagsterInstance):
    assert isinstance(home.run_launcher, OneMachineRunLauncher)
    assert home.run_monitoring_enabled
    assert home.get_settings("run_retries") == {
        "enabled": True,
        "max_retries": 3,
        "retry_on_asset_or_op_failure": False,
    }


def test_a_worker_that_signed_and_lives_is_running(home: dg.DagsterInstance):
    assert health(home, started(home, signature)) is WorkerStatus.RUNNING


def test_a_worker_that_signed_and_is_gone_is_not_found(home: dg.DagsterInstance, gone: int):
    run = started(home, lambda run_id: {**signature(run_id), PID_TAG: str(gone)})
    result = home.run_launcher.check_run_worker_health(run)
    assert (result.status, result.msg) == (WorkerStatus.NOT_FOUND, f"its process {gone} is gone")


def test_a_later_process_of_the_same_number_does_not_pass_for_the_worker(home: dg.DagsterInstance):
    earlier = started(home, lambda run_id: {**signature(run_id), STARTED_TAG: "1"})
    assert health(home, earlier) is WorkerStatus.NOT_FOUND


def test_a_worker_of_another_machine_is_not_judged(home: dg.DagsterInstance, gone: int):
    elsewhere = started(home, lambda run_id: {**signature(run_id), PID_TAG: str(gone), HOST_TAG: "elsewhere"})
    assert health(home, elsewhere) is WorkerStatus.RUNNING
    assert elsewhere.run_id not in reap_dead_runs(home)
    home.report_run_failed(elsewhere)


def test_a_worker_that_never_signed_is_known_by_the_code_servers_word(
    home: dg.DagsterInstance, gone: int, sleeper: int
):
    assert health(home, named(home, gone)) is WorkerStatus.NOT_FOUND
    assert health(home, named(home, sleeper)) is WorkerStatus.RUNNING


def test_a_process_younger_than_the_word_is_not_the_one_it_was_about(
    home: dg.DagsterInstance, sleeper: int, monkeypatch: pytest.MonkeyPatch
):
    run = named(home, sleeper)
    now = time.time()
    monkeypatch.setattr("property_video.engine.workers.time.time", lambda: now + 3600)
    assert health(home, run) is WorkerStatus.NOT_FOUND


def test_a_run_nobody_said_anything_about_is_taken_to_work(home: dg.DagsterInstance):
    assert health(home, started(home)) is WorkerStatus.RUNNING


def test_monitoring_fails_dead_runs_and_leaves_living_ones(home: dg.DagsterInstance, gone: int):
    dead, alive = named(home, gone), started(home, signature)
    with create_test_daemon_workspace_context(EmptyWorkspaceTarget(), home) as workspace:
        errors = list(execute_run_monitoring_iteration(workspace, logging.getLogger("monitoring")))
    assert set(errors) <= {None}
    assert reread(home, dead).status is dg.DagsterRunStatus.FAILURE
    assert reread(home, dead).tags["dagster/will_retry"] == "true"
    assert reread(home, alive).status is dg.DagsterRunStatus.STARTED


class Cluster(RunLauncher):
    """A launcher that watches workers of its own, as those of ECS and Kubernetes do."""

    supports_check_run_worker_health = True

    def launch_run(self, context):
        raise NotImplementedError

    def terminate(self, run_id):
        raise NotImplementedError


def test_numbers_of_processes_in_a_cluster_mean_nothing_here(
    instance: dg.DagsterInstance, gone: int, monkeypatch: pytest.MonkeyPatch
):
    run = named(instance, gone)
    monkeypatch.setattr(type(instance), "run_launcher", Cluster())
    assert reap_dead_runs(instance) == []
    monkeypatch.undo()
    assert reap_dead_runs(instance) == [run.run_id]


def test_a_worker_on_this_machine_is_signed_with_its_name():
    signed = signature("run-1")
    assert (signed[PID_TAG], signed[HOST_TAG]) == (str(os.getpid()), socket.gethostname())


def test_the_launcher_is_light_to_load():
    """Every process of Dagster's loads it."""
    script = "import sys; import property_video.engine.launcher; print(*sorted(set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"numpy", "cv2", "av", "pandas", "boto3", "property_video.definitions"} & set(out.stdout.split())
