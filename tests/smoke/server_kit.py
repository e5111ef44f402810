"""Code server, daemon and webserver as production starts them, restarted whenever they die; and how to kill them."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg

from property_video.engine.home import opened_instance, shipped
from property_video.engine.processes import signer
from property_video.settings import Settings

PATIENCE_S = 900
"""Seconds within which everything must have come out by itself."""

HURRIED = {"poll_interval_seconds": 2, "start_timeout_seconds": 45}
"""Of the configuration that ships: how often runs are looked at, and how long one may take to start."""


CODE_SERVER = "load_from: [grpc_server: {host: 127.0.0.1, port: 4000, location_name: property_video}]\n"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Servers:
    """Three servers of one home; a thread starts again whichever is gone, as a service manager does."""

    def __init__(
        self,
        settings: Settings,
        environment: Mapping[str, str],
        config: Path | None = None,
        workspace: Path | None = None,
    ) -> None:
        self.settings, self.config = settings, config or shipped("dagster.yaml")
        self.code = CODE_SERVER if workspace is None else workspace.read_text(encoding="utf-8")
        self.environment = {
            **os.environ,
            **environment,
            "DAGSTER_HOME": str(settings.home),
            "PROPERTY_VIDEO_STORE": str(settings.store),
            "PROPERTY_VIDEO_UPLOADS": str(settings.uploads),
            "PROPERTY_VIDEO_SETTLE_SECONDS": "1",
        }
        self.mark = f"DAGSTER_HOME={settings.home}".encode()
        self.code_port = free_port()
        self.workspace = settings.home / "workspace.yaml"
        python = (sys.executable, "-W", "ignore", "-m")
        self.commands = {
            "code server": (
                *(*python, "dagster", "api", "grpc", "--module-name", "property_video.definitions"),
                *("--host", "127.0.0.1", "--port", str(self.code_port), "--location-name", "property_video"),
            ),
            "daemon": (*python, "dagster._daemon", "run", "-w", str(self.workspace)),
            "webserver": (
                *(*python, "dagster_webserver", "-h", "127.0.0.1", "-p", str(free_port()), "-w", str(self.workspace)),
            ),
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.starts = dict.fromkeys(self.commands, 0)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Servers":
        self.settings.home.mkdir(parents=True, exist_ok=True)
        config = self.config.read_text(encoding="utf-8")
        for setting, quick in HURRIED.items():
            config, found = re.subn(rf"{setting}: \d+", f"{setting}: {quick}", config)
            assert found == 1
        (self.settings.home / "dagster.yaml").write_text(config, encoding="utf-8")
        self.workspace.write_text(re.sub(r"port: 4000", f"port: {self.code_port}", self.code), encoding="utf-8")
        with opened_instance(self.settings):
            pass
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pid in self.living():  # a run worker whose code server was killed
            os.kill(pid, signal.SIGKILL)

    def _watch(self) -> None:
        while not self._over.wait(0.3):
            with self._lock:
                for name, command in self.commands.items():
                    process = self.processes.get(name)
                    if process is None or process.poll() is not None:
                        self._start(name, command)

    def _start(self, name: str, command: tuple[str, ...]) -> None:
        self.starts[name] += 1
        with (self.settings.home / f"{name.replace(' ', '_')}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    # --- who lives

    def living(self) -> list[int]:
        """Every process that works for this home, whoever started it."""
        return [pid for pid in (int(entry.name) for entry in Path("/proc").glob("[0-9]*")) if self._is_ours(pid)]

    def _is_ours(self, pid: int) -> bool:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            return state != "Z" and self.mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return False

    def workers(self) -> list[int]:
        """The processes of runs under way."""
        with self.instance() as instance:
            runs = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        signed = [signer(run.run_id, run.tags) for run in runs]
        return [worker.pid for worker in signed if worker is not None and self._is_ours(worker.pid)]

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        with dg.DagsterInstance.from_config(str(self.settings.home)) as instance:
            yield instance

    # --- killing

    def kill(self, name: str) -> bool:
        """SIGKILL one of the servers; whether it lived."""
        with self._lock:
            process = self.processes[name]
            alive = process.poll() is None
            process.kill()
            process.wait()
        return alive

    def kill_worker(self, choose: Callable[[list[int]], int]) -> bool:
        """SIGKILL the worker of a run under way, if there is one."""
        workers = self.workers()
        if not workers:
            return False
        try:
            os.kill(choose(workers), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def cut_power(self) -> bool:
        """SIGKILL everything at once."""
        with self._lock:
            while pids := self.living():
                for pid in pids:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            for process in self.processes.values():
                process.wait()
        return True


def copy_listing(photos: Path, to: Path, brief: str, but: tuple[str, ...] = ()) -> None:
    """A campaign's folder, whole at once: copied beside and renamed, as an upload tool does."""
    draft = to.with_name(f".{to.name}")
    shutil.copytree(photos, draft, ignore=shutil.ignore_patterns(*but))
    (draft / "campaign.yaml").write_text(brief, encoding="utf-8")
    draft.rename(to)


def wait_until(moment: Callable[[], bool], what: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not moment():
        assert time.monotonic() < deadline, f"it never came: {what()}"
        time.sleep(0.5)
