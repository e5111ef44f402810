"""A small listing, `property-video make` of it in processes of its own, and what must be true of a home afterwards."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from property_video.settings import Settings

CAMPAIGN = "tiny"
ROOMS = ("exterior", "bedroom", "living_room")
"""Three photos fill three scenes; a scene of two seconds is the shortest there is."""

FRAMES = 60
MAKE = ("-m", "property_video.cli", "make")

KILL_BEFORE_COMMIT = """
import os, signal, sys
from property_video.store.local import LocalStore
prefix = sys.argv.pop(1)
commit = LocalStore.place
def place(self, file, key):
    if key.startswith(prefix):
        os.kill(os.getpid(), signal.SIGKILL)
    commit(self, file, key)
LocalStore.place = place
from property_video.cli import main
main()
"""
"""`property-video`, but it kills itself right before it commits the first key that begins like that."""


def write_listing(folder: Path) -> Path:
    """Photos of soft shapes with texture, named after rooms, and a brief."""
    folder.mkdir(parents=True)
    y, x = np.mgrid[0:853, 0:1280] / 1280
    for seed, room in enumerate(ROOMS):
        rng = np.random.default_rng(seed)
        coarse = Image.fromarray(rng.integers(40, 220, (9, 13, 3), dtype=np.uint8)).resize((1280, 853), Image.BICUBIC)
        texture = 25 * np.sin(250 * x + seed) * np.sin(210 * y) + rng.normal(0, 4, x.shape)
        picture = np.clip(np.asarray(coarse) + texture[..., None], 0, 255).astype(np.uint8)
        Image.fromarray(picture).save(folder / f"{room}.jpg", quality=92)
    (folder / "campaign.yaml").write_text("scene_seconds: 2\n", encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Place:
    """A home, a store and uploads of their own, under `root` if not said otherwise, and a listing."""

    root: Path
    photos: Path
    own_store: Path | None = None
    home: Path | None = None

    @property
    def store(self) -> Path:
        return self.own_store or self.root / "store"

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home or self.root / "home", store=self.store, uploads=self.root / "uploads")

    def start(self, *arguments: str, program: tuple[str, ...] = MAKE, **options: Any) -> "subprocess.Popen[str]":
        """Start `make --json` of the listing, in a process group of its own."""
        environment = {
            **os.environ,
            "DAGSTER_HOME": str(self.settings.home),
            "PROPERTY_VIDEO_STORE": str(self.settings.store),
            "PROPERTY_VIDEO_UPLOADS": str(self.settings.uploads),
        }
        environment.update(options.pop("environment", {}))
        return subprocess.Popen(
            [sys.executable, *program, str(self.photos), "--campaign", CAMPAIGN, "--json", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # A shell that runs the tests in the background has them ignore Ctrl-C, and children inherit that.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
            **options,
        )

    def made(self, *arguments: str) -> dict[str, Any]:
        """What `make --json` says; it must succeed."""
        return succeeded(self.start(*arguments))

    def finished_scenes(self) -> set[str]:
        """Scenes of which a take is in the store."""
        return {take.parent.name for take in self.takes()}

    def takes(self) -> dict[Path, int]:
        """Every scene's take in the store, and when it was written."""
        return {path: path.stat().st_mtime_ns for path in self.store.glob(f"takes/{CAMPAIGN}/scene_*/*.json")}

    def recorded_runs(self) -> list[Path]:
        """The files in which the history keeps the events of each run."""
        return list((self.settings.home / "history" / "runs").glob("*-*.db"))

    def runs(self) -> dict[str, str]:
        """The status of every run of the home, by its id."""
        from property_video.engine.home import opened_instance

        if not (self.settings.home / "history").exists():
            return {}
        with opened_instance(self.settings) as instance:
            return {run.run_id: run.status.value for run in instance.get_runs()}

    def in_scratch(self, what: str) -> list[Path]:
        """Files of unfinished work of one kind."""
        return [path for path in self.store.glob(f"scratch/{what}-*/**/*") if path.name != ".owner" and path.is_file()]


def succeeded(process: "subprocess.Popen[str]") -> dict[str, Any]:
    said, complaint = process.communicate(timeout=240)
    assert process.returncode == 0, complaint
    summary = json.loads(said)
    assert isinstance(summary, dict)
    return summary


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def wait_for(moment: Callable[[], object], process: "subprocess.Popen[str] | None" = None) -> None:
    """Wait until something becomes true; `process` must not end before."""
    deadline = time.monotonic() + 120
    while not moment():
        assert process is None or process.poll() is None, f"ended too soon: {process.communicate()}"
        assert time.monotonic() < deadline, "the moment never came"
        time.sleep(0.002)


def send_at(process: "subprocess.Popen[str]", moment: Callable[[], object], send: Callable[[int], None] = kill) -> str:
    """End a process the moment something becomes true; return what it said on stderr."""
    wait_for(moment, process)
    send(process.pid)
    return process.communicate(timeout=60)[1]


def assert_sound(place: Place) -> None:
    """Nothing torn and nothing left over, beside scratch: what must hold of a store at any moment."""
    for path in place.store.rglob("*"):
        if path.is_file() and path.relative_to(place.store).parts[0] not in ("leases", "scratch"):
            assert not path.name.startswith("."), f"{path} was left over"
            if path.suffix == ".json":
                json.loads(path.read_text(encoding="utf-8"))
    for path in place.store.glob("media/*/*"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem, f"{path} is torn"


def assert_finished(place: Place, summary: dict[str, Any]) -> None:
    """The film plays in full, nothing unfinished is left, and no run but the last one looks alive or well."""
    frames = FRAMES * sum(not scene["left_out"] for scene in summary["scenes"])
    assert frames >= 2 * FRAMES
    assert summary["duration_s"] == frames / 30
    with av.open(summary["film"]) as film:
        assert sum(1 for _ in film.decode(video=0)) == frames
    assert_sound(place)
    assert list((place.store / "scratch").iterdir()) == []
    statuses = place.runs()
    assert statuses.pop(summary["run_id"]) == "SUCCESS"
    assert set(statuses.values()) <= {"FAILURE", "SUCCESS"}
