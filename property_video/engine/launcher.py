"""The run launcher of one machine: Dagster's own, which also notices that a worker is dead.

Without it a run whose worker and code server died together, as in a power cut, would stay "started" for ever: nobody
asks whether its process lives. With it, Dagster's run monitoring does, marks the run failed, and run retries go on from
what was finished. Named in dagster_home/dagster.yaml.

Daemon and code server must see each other's processes: one machine, or containers that share process numbers
(`pid: service:code` in compose.yaml). On clusters, the launchers of ECS and Kubernetes ask those.

Not here: how it is told (workers.py).
"""

from dagster import DagsterRun, DefaultRunLauncher
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus

from property_video.engine.workers import gone_worker


class OneMachineRunLauncher(DefaultRunLauncher):
    """Launches a run in a process of the code server, and tells whether that process lives."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the process of a started run lives; a run that cannot be judged is taken to work."""
        pid = gone_worker(self._instance, run)
        if pid is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, f"its process {pid} is gone")
