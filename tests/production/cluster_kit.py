"""A cluster on loopback: Debian's PostgreSQL, emulated S3 and ECS, and an agent that runs what RunTask was told to run.

The emulated ECS knows tasks and starts none. The agent starts them: it is to the emulator what Amazon's is to ECS.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

CLUSTER, TASK, REGION = "films", "property-video-run", "eu-central-1"
DATABASE = "dagster"
BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def postgres() -> Iterator[dict[str, str]]:
    """A server on loopback with an empty database; yields the variables that dagster.yaml asks for."""
    if not BINARIES:
        pytest.skip("needs Debian's postgresql")
    folder = Path(tempfile.mkdtemp(prefix="pv-postgres-"))
    as_postgres = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    if as_postgres:
        shutil.chown(folder, "postgres", "postgres")
    port, password, data = str(free_port()), "loopback-only", folder / "data"
    secret = folder / "password"
    secret.write_text(password)
    secret.chmod(0o644)

    def run(program: str, *arguments: str) -> None:
        command = [*as_postgres, str(BINARIES[-1] / program), *arguments]
        subprocess.run(
            command, check=True, cwd=folder, stdout=subprocess.DEVNULL, env={**os.environ, "PGPASSWORD": password}
        )

    run("initdb", "-D", str(data), "-U", "dagster", "-A", "scram-sha-256", f"--pwfile={secret}")
    options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off"
    run("pg_ctl", "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        run("createdb", "-h", "127.0.0.1", "-p", port, "-U", "dagster", DATABASE)
        yield {
            "DAGSTER_PG_HOST": "127.0.0.1",
            "DAGSTER_PG_PORT": port,
            "DAGSTER_PG_USER": "dagster",
            "DAGSTER_PG_PASSWORD": password,
            "DAGSTER_PG_DB": DATABASE,
        }
    finally:
        run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(folder)


@contextmanager
def amazon() -> Iterator[dict[str, str]]:
    """Emulated services in this process; yields the variables with which boto3 finds them."""
    from moto.moto_api import state_manager
    from moto.server import ThreadedMotoServer

    before = state_manager.get_transition("ecs::task")
    # Tasks stay as the agent says, however often they are looked at.
    state_manager.set_transition("ecs::task", {"progression": "manual", "times": sys.maxsize})
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
        }
    finally:
        server.stop()
        state_manager.set_transition("ecs::task", before)


@dataclass
class Agent:
    """Runs the container commands of tasks, and answers a task that asks who it is."""

    environment: Mapping[str, str]
    log: Path
    commands: list[list[str]] = field(default_factory=list)
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        import boto3

        self.ecs, ec2 = boto3.client("ecs"), boto3.client("ec2")
        network = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        # An interface of the emulator has the name that ECS tells only in a network with names.
        ec2.modify_vpc_attribute(VpcId=network, EnableDnsHostnames={"Value": True})
        subnet = ec2.create_subnet(VpcId=network, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        group = ec2.create_security_group(GroupName="films", Description="films", VpcId=network)["GroupId"]
        self.ecs.create_cluster(clusterName=CLUSTER)
        for family, container in ((TASK, "run"), ("daemon", "daemon")):
            self.ecs.register_task_definition(
                family=family,
                networkMode="awsvpc",
                requiresCompatibilities=["FARGATE"],
                cpu="2048",
                memory="4096",
                containerDefinitions=[
                    {"name": container, "image": "property-video", "essential": True, "memory": 4096, "environment": []}
                ],
            )
        where = {"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": [group], "assignPublicIp": "DISABLED"}}
        (daemon,) = self.ecs.run_task(
            cluster=CLUSTER, taskDefinition="daemon", launchType="FARGATE", networkConfiguration=where
        )["tasks"]
        self.daemon_task = str(daemon["taskArn"])
        self._over = threading.Event()

    @contextmanager
    def working(self) -> Iterator[str]:
        """Start tasks until the context ends; yields the address that a task asks who it is."""
        answer = json.dumps({"Cluster": CLUSTER, "TaskARN": self.daemon_task, "Name": "daemon"}).encode()

        class WhoAmI(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *words: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), WhoAmI) as server:
            threads = [threading.Thread(target=target) for target in (server.serve_forever, self._work)]
            for thread in threads:
                thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_address[1]}/v4"
            finally:
                self._over.set()
                server.shutdown()
                for thread in threads:
                    thread.join()
                for process in self.running.values():
                    process.kill()
                    process.wait()

    def _work(self) -> None:
        seen = {self.daemon_task}
        while not self._over.wait(0.5):
            arns = [arn for arn in self.ecs.list_tasks(cluster=CLUSTER)["taskArns"] if arn not in seen]
            for task in self.ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"] if arns else ():
                seen.add(task["taskArn"])
                self._start(task)
            for arn, process in list(self.running.items()):
                if process.poll() is not None:
                    self._ended(arn, self.running.pop(arn).returncode)

    def _start(self, task: dict[str, Any]) -> None:
        (override,) = task["overrides"]["containerOverrides"]
        self.commands.append(override["command"])
        named = {each["name"]: each["value"] for each in override.get("environment", ())}
        with self.log.open("ab") as log:
            self.running[task["taskArn"]] = subprocess.Popen(
                override["command"], env={**self.environment, **named}, stdout=log, stderr=log, start_new_session=True
            )

    def _ended(self, arn: str, code: int) -> None:
        from moto.core import DEFAULT_ACCOUNT_ID
        from moto.ecs.models import ecs_backends

        for task in ecs_backends[DEFAULT_ACCOUNT_ID][REGION].tasks[CLUSTER].values():
            if task.task_arn == arn:
                task.containers[0].exitCode = code
        self.ecs.stop_task(cluster=CLUSTER, task=arn, reason="Essential container in task exited")

    def kill_one(self) -> bool:
        """SIGKILL a task's processes, if one runs: as when Amazon takes its machine away."""
        for process in self.running.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                return True
        return False
