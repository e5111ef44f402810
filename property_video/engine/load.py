"""The measured processes of `property-video bench scale` that need Dagster, each in a home of its own.

`python -m property_video.engine.load NAME JSON` in an empty home does one thing and prints one JSON object: numbers by
name. What is measured is real (sensor, backfill, webserver, code server); the campaigns are records that say of
themselves that their films are there, with one file each in the uploads.

Not here: starting these and showing the numbers (bench/scale.py).
"""

import json
import logging
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import dagster as dg

from property_video.core.edits import Edits
from property_video.core.orders import request_fingerprint
from property_video.core.outputs import Film, MediaRef, Track
from property_video.core.places import Place
from property_video.core.reconcile import Memory
from property_video.core.sound import TrackMeasures
from property_video.engine.home import opened_instance, shipped
from property_video.intake.uploads import open_uploads
from property_video.settings import Settings, read_settings
from property_video.store import keys
from property_video.store.opening import open_store

NEW: Final = 10
"""Campaigns that are new in a tick."""

TICKS: Final = 3
"""Ticks of each kind; the median counts."""

ENDS_IN_S: Final = 10.0
"""Seconds that a server is given to end."""

PATIENCE_S: Final = 180.0
"""Seconds that a server may take to answer."""

Numbers = dict[str, float]


def main() -> None:
    """Be one measured process."""
    name, arguments = sys.argv[1], json.loads(sys.argv[2])
    settings = read_settings()
    with os.fdopen(os.dup(1), "w") as out, opened_instance(settings) as instance:
        os.dup2(2, 1)  # servers that are started here print there, too
        json.dump(WORKLOADS[name](settings, instance, **arguments), out)


# --- campaigns


def make_campaigns(settings: Settings, many: int) -> list[str]:
    """Campaigns that have what they want, as far as anybody can tell who looks."""
    store, uploads = open_store(settings.store), open_uploads(settings.uploads)
    names = [f"campaign-{number:05d}" for number in range(many)]
    for name in names:
        upload(settings, name)
        listing = uploads.look(name, time.time()).listing
        # Not through the store, which syncs every file: thousands would take minutes to prepare.
        record = _folder(settings.store) / keys.record("final_video", name)
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(_film(name, request_fingerprint(listing, Edits())).model_dump_json(), encoding="utf-8")
    there = {name: mark for name, (mark, _) in uploads.marks().items()}
    store.write(keys.MEMORY, Memory(there=there))
    return names


def upload(settings: Settings, campaign: str) -> None:
    """A campaign's folder with one file."""
    folder = _folder(settings.uploads) / campaign
    folder.mkdir(parents=True)
    (folder / "exterior.jpg").write_bytes(campaign.encode())


def _folder(place: Place) -> Path:
    assert isinstance(place, Path)
    return place


def _film(campaign: str, request: str) -> Film:
    measures = TrackMeasures(
        duration_s=28.0, samples=1_344_000, sample_rate=48_000, channels=2, lufs=-14.0, true_peak_dbtp=-1.3,
        loudness_range=4.0, dc=0.0, clipped=0, first_20ms_dbfs=-60.0, last_20ms_dbfs=-60.0, mono_db=-1.0,
        correlation=0.5,
    )  # fmt: skip
    media = MediaRef(key=keys.media("0" * 64, ".mp4"), bytes=5_000_000)
    track = Track(
        fingerprint="0" * 16, media=media, provider="embedded", mood="warm", seed=0, frames=840, cuts=(),
        measures=measures, wall_s=2.0, cpu_s=2.0,
    )  # fmt: skip
    return Film(
        campaign=campaign, client="Costa Lenta Estates", title=campaign, request=request, storyboard="luxury_property",
        fingerprint="0" * 16, media=media, frames=840, duration_s=28.0, measures=measures, scenes=(), track=track,
        cost_usd=0.0, wall_s=30.0, cpu_s=60.0,
    )  # fmt: skip


# --- workloads


def tick(settings: Settings, instance: dg.DagsterInstance, many: int) -> Numbers:
    """CPU seconds of a tick of the sensor on uploads, with nothing new, and with a few new campaigns."""
    from property_video.definitions import build_defs

    instance.add_dynamic_partitions("campaign", make_campaigns(settings, many))
    defs = build_defs(settings)
    sensor = defs.resolve_sensor_def("uploads_sensor")
    resources = {name: (defs.resources or {})[name] for name in sensor.required_resource_keys}
    quiet: list[float] = []
    busy: list[float] = []
    asked = 0
    cursor: str | None = None
    for number in range(2 * TICKS):
        if number >= TICKS:
            for each in range(NEW):
                upload(settings, f"new-{number}-{each}")
        with dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources) as context:
            begun = time.process_time()
            found = sensor(context)
            (quiet if number < TICKS else busy).append(time.process_time() - begun)
        if isinstance(found, dg.SensorResult):
            cursor = found.cursor
            for request in found.run_requests or ():  # as the daemon does
                tags = {**request.tags, "dagster/partition": request.partition_key or ""}
                live = dg.DagsterRunStatus.STARTED
                instance.add_run(dg.DagsterRun("film", run_id=str(uuid4()), status=live, tags=tags))
                asked += 1
    assert asked == TICKS * NEW, f"{asked} runs were requested"
    return {"quiet_cpu_s": sorted(quiet)[TICKS // 2], "new_cpu_s": sorted(busy)[TICKS // 2]}


def backfill(settings: Settings, instance: dg.DagsterInstance, many: int) -> Numbers:
    """CPU seconds that the daemon and the code server spend to bring a backfill's runs into the queue."""
    from dagster._core.test_utils import create_test_daemon_workspace_context
    from dagster._core.workspace.load_target import WorkspaceFileTarget
    from dagster._daemon.backfill import execute_backfill_iteration

    from property_video.engine.backfilling import launch

    names = make_campaigns(settings, many)
    begun = time.process_time()
    launch(settings, instance, names, time.time())
    launched = time.process_time() - begun
    target = WorkspaceFileTarget([str(shipped("workspace.yaml"))])
    with create_test_daemon_workspace_context(target, instance) as workspace:
        workspace.create_request_context()  # the code server has started
        begun, children = time.process_time(), _children_s()
        while instance.get_runs_count() < many:
            for error in execute_backfill_iteration(workspace, logging.getLogger(__name__), None):
                assert error is None, error
        here = time.process_time() - begun
        there = _children_s() - children
    return {"launch_cpu_s": launched, "per_run_cpu_s": (here + there) / many}


def ui(settings: Settings, instance: dg.DagsterInstance, many: int) -> Numbers:
    """CPU seconds of the webserver for the film's partitions: first, then again; and for the list of runs."""
    names = make_campaigns(settings, many)
    instance.add_dynamic_partitions("campaign", names)
    for name in names:
        instance.report_runless_asset_event(dg.AssetMaterialization("final_video", partition=name))
    with _server("dagster_webserver", "-h", "127.0.0.1", "-w", str(shipped("workspace.yaml"))) as (pid, port):
        first = _query_cpu_s(pid, port, PARTITIONS)
        again = _query_cpu_s(pid, port, PARTITIONS)
        runs = _query_cpu_s(pid, port, RUNS)
    return {"first_cpu_s": first, "again_cpu_s": again, "runs_cpu_s": runs}


def code_server(settings: Settings, instance: dg.DagsterInstance) -> Numbers:
    """What a code server takes until it answers."""
    module = "property_video.definitions"
    with _server("dagster", "api", "grpc", "--module-name", module, "--host", "127.0.0.1") as (pid, _):
        return {"cpu_s": _tree_s(pid), "pss_mb": _tree_mb(pid)}


def worker(settings: Settings, instance: dg.DagsterInstance) -> Numbers:
    """What a run's process takes before its first step: importing, the graph, the run history."""
    from property_video.definitions import build_defs

    build_defs(settings).resolve_job_def("film")
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"cpu_s": time.process_time(), "peak_mb": used.ru_maxrss * 1024 / 1e6}


WORKLOADS: Final[Mapping[str, Callable[..., Numbers]]] = {
    "tick": tick,
    "backfill": backfill,
    "ui": ui,
    "code_server": code_server,
    "worker": worker,
}


# --- servers and what they use


@contextmanager
def _server(*command: str) -> Iterator[tuple[int, int]]:
    """A server of Dagster's that answers; its process and its port."""
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    with ExitStack() as last:
        log = last.enter_context(Path("server.log").open("ab"))
        process = last.enter_context(
            subprocess.Popen(  # noqa: S603 - our own words
                [sys.executable, "-W", "ignore", "-m", *command, "-p", str(port)], stdout=log, stderr=log
            )
        )
        last.callback(_end, process)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{command[0]} does not answer; see {Path('server.log').resolve()}") from error
                time.sleep(0.1)
        yield process.pid, port


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ask a server to end, and make it: one that is asked while it starts may never hear of it."""
    process.terminate()
    try:
        process.wait(ENDS_IN_S)
    except subprocess.TimeoutExpired:
        process.kill()


PARTITIONS: Final = """{ assetNodeOrError(assetKey: {path: ["final_video"]}) { ... on AssetNode {
  partitionStats { numPartitions numMaterialized numFailed numMaterializing }
  assetPartitionStatuses { ... on DefaultPartitionStatuses { materializedPartitions unmaterializedPartitions } }
} } }"""
"""What the asset's page asks for its bar of partitions."""

RUNS: Final = "{ runsOrError(limit: 25) { ... on Runs { results { runId status tags { key value } } } } }"


def _query_cpu_s(pid: int, port: int, query: str) -> float:
    """CPU seconds that a webserver and what it has started use to answer."""
    from urllib.request import Request, urlopen

    address, body = f"http://127.0.0.1:{port}/graphql", json.dumps({"query": query}).encode()
    before = _tree_s(pid)
    with urlopen(Request(address, body, {"Content-Type": "application/json"}), timeout=PATIENCE_S) as answer:
        found: dict[str, Any] = json.load(answer)
    assert "errors" not in found, found["errors"]
    return _tree_s(pid) - before


def _family(pid: int) -> Iterator[int]:
    yield pid
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in file.read_text(encoding="ascii").split():
            yield from _family(int(child))


def _tree_s(pid: int) -> float:
    """CPU seconds of a process, what it has started and what of that has ended."""
    ticks = 0
    for each in _family(pid):
        fields = Path(f"/proc/{each}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _children_s() -> float:
    return _tree_s(os.getpid()) - time.process_time()


def _tree_mb(pid: int) -> float:
    """Proportional set of a process and what it has started, in 10^6 bytes."""
    lines = [
        line
        for each in _family(pid)
        for line in Path(f"/proc/{each}/smaps_rollup").read_text(encoding="ascii").splitlines()
    ]
    return sum(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("Pss:"))


if __name__ == "__main__":
    main()
