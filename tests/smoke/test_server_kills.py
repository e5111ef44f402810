"""SIGKILL of run workers, daemon, code server, webserver, or all of them: every film comes out with nobody helping.

`SERVER_KILLS` says how many kills there are; `make test-kills` makes forty.
"""

import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import dagster as dg
import pytest
from emulators.replicate import ReplicateEmulator
from make_kit import FRAMES, Place, assert_sound, write_listing
from server_kit import Servers, copy_listing, wait_until

from property_video.core.edits import Edit
from property_video.core.orders import request_fingerprint
from property_video.core.outputs import Film
from property_video.intake.photos import listing_fingerprint
from property_video.media.upload_files import list_upload
from property_video.orders.journal import Journal
from property_video.store import keys
from property_video.store.edits import add_edit, read_edits
from property_video.store.leases import campaign_lease
from property_video.store.local import LocalStore

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("SERVER_KILLS", "8"))
CAMPAIGNS = tuple(f"villa-{number}" for number in range(8))
HOSTED = CAMPAIGNS[:2]

WORKER, ALL = "run worker", "all of them"
VICTIMS = (WORKER, "daemon", WORKER, "code server", ALL, WORKER, "webserver", ALL)
"""In turn, each for a random while after the one before."""

BRIEF = "scene_seconds: 2\n"
HOSTED_BRIEF = f"""{BRIEF}scenes:
  {{scene}}: {{{{video: ["replicate:google/veo-3.1-fast"]}}}}
budget_usd: 20.00
"""

UNFINISHED = [
    status
    for status in dg.DagsterRunStatus
    if status not in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
]


@dataclass
class World:
    """Eight campaigns, two of which buy a clip, and what was killed."""

    servers: Servers
    place: Place
    service: ReplicateEmulator
    dice: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    edited: int = 0

    @property
    def store(self) -> LocalStore:
        return LocalStore(self.place.store)

    def waiting(self) -> list[str]:
        """Campaigns whose film is not the one that is wanted."""
        return [campaign for campaign in CAMPAIGNS if not self._is_there(campaign)]

    def _is_there(self, campaign: str) -> bool:
        upload = list_upload(self.servers.settings.uploads / campaign)
        wanted = request_fingerprint(listing_fingerprint(upload), read_edits(self.store, campaign))
        film = self.store.read(keys.record("final_video", campaign), Film)
        return film is not None and film.request == wanted

    def want_more(self) -> None:
        """Change what a campaign wants, so that there is something to kill: another take of everything."""
        campaign = self.dice.choice(CAMPAIGNS)
        self.edited += 1
        add_edit(self.store, campaign, Edit(values={"seed": 1000 + self.edited}))

    def kill(self, victim: str) -> bool:
        if victim == WORKER:
            return self.servers.kill_worker(self.dice.choice)
        return self.servers.cut_power() if victim == ALL else self.servers.kill(victim)

    def unfinished(self) -> dict[str, str]:
        with self.servers.instance() as instance:
            return {run.run_id: run.status.value for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))}

    def runs(self) -> Counter[str]:
        with self.servers.instance() as instance:
            return Counter(run.status.value for run in instance.get_runs())


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))  # opening an instance sets it: undone after the test
    place = Place(tmp_path, write_listing(tmp_path / "photos"))
    place.settings.uploads.mkdir()
    with ReplicateEmulator(tmp_path / "outputs", speed=30.0, scale=0.2) as service:
        access = {"REPLICATE_API_TOKEN": service.token, "REPLICATE_BASE_URL": service.url}
        with Servers(place.settings, access) as servers:
            for campaign in CAMPAIGNS:
                # The service knows a purchase by its input, so no two campaigns may buy the same.
                scene, unused = (5, "bedroom.jpg") if campaign == HOSTED[0] else (2, "living_room.jpg")
                brief = HOSTED_BRIEF.format(scene=scene) if campaign in HOSTED else BRIEF
                copy_listing(place.photos, servers.settings.uploads / campaign, brief, but=(unused,))
            yield World(servers, place, service, random.Random(KILLS))


@pytest.mark.timeout(5400)
def test_every_film_comes_out_whatever_is_killed(world: World):
    begun = time.monotonic()
    wait_until(lambda: bool(world.servers.workers()), world.runs, 180)
    turn = 0
    while world.kills.total() < KILLS:
        time.sleep(world.dice.uniform(1.0, 9.0))
        if not world.waiting():
            world.want_more()
        victim = VICTIMS[turn % len(VICTIMS)]
        if world.kill(victim):
            world.kills[victim] += 1
            turn += 1
        assert_sound(world.place)
    killed = time.monotonic() - begun
    wait_until(lambda: not world.waiting() and not world.unfinished(), lambda: (world.waiting(), world.unfinished()))
    tell(world, killed, time.monotonic() - begun)

    for campaign in CAMPAIGNS:
        assert_plays(world, campaign)
    assert_nothing_is_held(world)
    assert_bought_once(world)
    assert_sound(world.place)
    world.store.sweep_scratch()
    assert list((world.place.store / "scratch").iterdir()) == []


def assert_plays(world: World, campaign: str) -> None:
    film = world.store.read(keys.record("final_video", campaign), Film)
    assert film is not None
    frames = FRAMES * sum(clip.take is not None for clip in film.scenes)
    assert frames >= FRAMES
    with av.open(str(world.store.media_path(keys.film(campaign)))) as file:
        assert sum(1 for _ in file.decode(video=0)) == frames


def assert_nothing_is_held(world: World) -> None:
    for campaign in CAMPAIGNS:
        with campaign_lease(world.store, campaign, "somebody-else", wait_s=0):
            pass
    slots: Counter[int] = Counter()
    for entry in world.store.walk(keys.slots("replicate")):
        slot, number = keys.slot_numbers(entry.key)
        slots[slot] = max(slots[slot], number)
    assert slots, "hosted clips took no slot"
    assert [slot for slot, number in slots.items() if number % 2] == [], "an odd event takes a slot"


def assert_bought_once(world: World) -> None:
    assert world.service.paid_twice() == []
    assert world.service.orphans() == []
    assert world.service.violations == []
    for campaign in HOSTED:
        journal = Journal(world.store, campaign)
        assert all(journal.state(order).fell is None for order in journal.orders())


def tell(world: World, killed_s: float, done_s: float) -> None:
    rows = [f"{number:4d}  {victim}" for victim, number in world.kills.items()]
    sys.stdout.write(
        "\n".join(
            (
                "",
                "kills  of",
                *rows,
                f"{world.kills.total():4d}  in {killed_s:.0f} s; {len(CAMPAIGNS)} campaigns and {world.edited} edits; "
                f"all films {done_s - killed_s:.0f} s later; runs {dict(world.runs())}; "
                f"{len(world.service.created())} predictions; servers started {world.servers.starts}",
                "",
            )
        )
    )
