"""A film through Postgres, the daemon, the ECS launcher and the S3 store, with the shipped settings.

Real here: PostgreSQL, Dagster's servers and launcher, the command that RunTask received. Emulated: S3 and ECS.
"""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from cluster_kit import TASK, Agent, amazon, postgres
from make_kit import write_listing
from server_kit import Servers, wait_until

from property_video.core.outputs import Film
from property_video.core.places import parse_bucket
from property_video.settings import PACKAGE, Settings
from property_video.store import keys
from property_video.store.base import Store
from property_video.store.opening import open_store

pytestmark = pytest.mark.slow

PRODUCTION = PACKAGE.parent / "dagster_home" / "production"
CAMPAIGN, FILMS, LOGS = "villa-cluster", "films-bucket", "logs-bucket"


@dataclass
class Cluster:
    servers: Servers
    agent: Agent
    store: Store

    def film(self) -> Film | None:
        return self.store.read(keys.record("final_video", CAMPAIGN), Film)

    def runs(self) -> list[dg.DagsterRun]:
        with self.servers.instance() as instance:
            return list(instance.get_runs())


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    import boto3

    with postgres() as database, amazon() as services:
        places = {
            "PROPERTY_VIDEO_STORE": f"s3://{FILMS}/store",
            "PROPERTY_VIDEO_LOG_BUCKET": LOGS,
            "PROPERTY_VIDEO_RUN_TASK": TASK,
            "PROPERTY_VIDEO_CODE_HOST": "127.0.0.1",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        environment = {**database, **services, **places, "DAGSTER_HOME": str(tmp_path / "home")}
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        for bucket in (FILMS, LOGS):
            boto3.client("s3").create_bucket(
                Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": services["AWS_DEFAULT_REGION"]}
            )
        uploads = tmp_path / "uploads"
        write_listing(uploads / CAMPAIGN)
        settings = Settings(tmp_path / "home", parse_bucket(places["PROPERTY_VIDEO_STORE"]), uploads)
        agent = Agent({**os.environ, "PROPERTY_VIDEO_UPLOADS": str(uploads)}, tmp_path / "tasks.log")
        with agent.working() as who_am_i:
            monkeypatch.setenv("ECS_CONTAINER_METADATA_URI_V4", who_am_i)
            with Servers(settings, {}, PRODUCTION / "dagster.yaml", PRODUCTION / "workspace.yaml") as servers:
                yield Cluster(servers, agent, open_store(settings.store))


@pytest.mark.timeout(900)
def test_a_film_comes_out_of_the_cluster_though_its_task_was_killed(cluster: Cluster, tmp_path: Path):
    import boto3

    wait_until(lambda: bool(cluster.store.keys(f"takes/{CAMPAIGN}")), lambda: cluster.runs(), 300)
    assert cluster.agent.kill_one()
    wait_until(lambda: cluster.film() is not None, lambda: cluster.runs(), 300)
    finished = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE)
    wait_until(lambda: all(run.status in finished for run in cluster.runs()), lambda: cluster.runs(), 120)

    runs = cluster.runs()
    assert [run.status for run in runs].count(dg.DagsterRunStatus.SUCCESS) == 1
    assert len(runs) >= 2
    assert all("ecs/task_arn" in run.tags for run in runs)
    assert all(command[:3] == ["dagster", "api", "execute_run"] for command in cluster.agent.commands)
    longest = max(len(json.dumps(command)) for command in cluster.agent.commands)
    assert longest < 8192, "the limit of ECS for overrides"

    film = cluster.film()
    assert film is not None and film.frames == 180
    listed = boto3.client("s3").list_objects_v2(Bucket=FILMS, Prefix=f"store/{film.media.key}")["Contents"]
    assert [found["Size"] for found in listed] == [film.media.bytes]
    assert boto3.client("s3").list_objects_v2(Bucket=LOGS, Prefix="property-video/")["KeyCount"] > 0
    told = [line for line in (tmp_path / "tasks.log").read_text().splitlines() if line.startswith('{"at"')]
    assert {json.loads(line)["campaign"] for line in told} == {CAMPAIGN}
    sys.stdout.write(f"\n{len(runs)} runs; the longest command override has {longest} characters\n")
