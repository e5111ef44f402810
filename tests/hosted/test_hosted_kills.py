"""SIGKILL of a process that buys, at chosen and at random moments: delivered, bought once, booked to the cent.

`HOSTED_KILLS` says how many kills there are; `make test-kills` makes sixty.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from emulators.replicate import ReplicateEmulator
from hosted_kit import STABLE, VEO
from make_kit import CAMPAIGN, Place, assert_finished, assert_sound, write_listing

from property_video.core.ledger import Placed
from property_video.core.money import in_usd
from property_video.orders.journal import Journal
from property_video.store.local import LocalStore

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("HOSTED_KILLS", "15"))
KILLS_OF_A_FILM = 5

HURRIED = Path(__file__).parent / "hurried.py"

BRIEF = f"""scene_seconds: 2
providers: {{music: ["{STABLE}"]}}
scenes:
  1: {{video: ["{VEO}"]}}
  2: {{video: ["{VEO}"]}}
budget_usd: 1.50
"""
"""Two clips and a track for 1.00 dollar; there is no money for half as much again twice."""

ARRIVED, LOADING, ANY_MOMENT = "a request has arrived and is not answered", "in a download", "at random"

BEFORE_WRITING = {
    "before an intent is written": "intent",
    "between upload and journal": "uploaded",
    "right before a request leaves": "sending",
    "between id and journal": "placed",
    "between success and journal": "observed",
    "between download and journal": "downloaded",
    "between take and journal": "settled",
    "between budget and journal": "booked",
}

MOMENTS = (
    ANY_MOMENT,
    "before an intent is written",
    "between upload and journal",
    "right before a request leaves",
    ARRIVED,
    "between id and journal",
    "between success and journal",
    LOADING,
    "between download and journal",
    "between take and journal",
    "between budget and journal",
    ANY_MOMENT,
)
"""In the order in which they come in a film."""


@dataclass
class Table:
    """What was killed when, and what came of it."""

    kills: Counter[str] = field(default_factory=Counter)
    adopted: int = 0
    films: int = 0
    predictions: int = 0
    spent_usd: float = 0.0
    billed_usd: float = 0.0
    left_files: int = 0

    def __str__(self) -> str:
        rows = [f"{number:4d}  {moment}" for moment, number in self.kills.items()]
        return "\n".join(
            (
                "",
                "kills  moment",
                *rows,
                f"{self.kills.total():4d}  in {self.films} films; {self.predictions} predictions, of which "
                f"{self.adopted} were found again; ledger {self.spent_usd:.2f} USD, bill {self.billed_usd:.2f} USD; "
                f"{self.left_files} uploads left for the service to delete",
                "",
            )
        )


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    """Counts over all films; said at the end."""
    table = Table()
    yield table
    sys.stdout.write(str(table))


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A store in which everything is that is not bought."""
    root = tmp_path_factory.mktemp("stocked")
    photos = write_listing(root / "photos")
    place = Place(root, photos)
    place.made()
    (photos / "campaign.yaml").write_text(BRIEF, encoding="utf-8")
    return place


def fresh_place(root: Path, stocked: Place) -> Place:
    shutil.copytree(stocked.store, root / "store")
    return Place(root, stocked.photos)


@dataclass
class Killer:
    """Starts films and kills them."""

    place: Place
    service: ReplicateEmulator
    dice: random.Random

    def start(self, kill_before: str = "none:0") -> "subprocess.Popen[str]":
        return self.place.start(
            program=(str(HURRIED), kill_before, "make"),
            environment={"REPLICATE_API_TOKEN": self.service.token, "REPLICATE_BASE_URL": self.service.url},
        )

    def killed(self, moment: str) -> bool:
        """Start the film and kill it at a moment; whether the moment came before the film was done."""
        self.service.knobs.clear()
        if moment in BEFORE_WRITING:
            process = self.start(f"{BEFORE_WRITING[moment]}:{self.dice.randint(1, 2)}")
        elif moment == ANY_MOMENT:
            process = self.start()
            self._wait_for_calls(process, self.dice.randint(0, 24))
            time.sleep(self.dice.uniform(0.0, 0.4))
            process.kill()
        else:
            nth = self.dice.randint(1, 2)
            held = (
                self.service.knob("hang", route="create", value=20.0, nth=nth)
                if moment == ARRIVED
                else self.service.knob("slow_body", route="download", value=20_000, nth=nth)
            )
            process = self.start()
            while not held.struck and process.poll() is None:
                time.sleep(0.005)
            time.sleep(self.dice.uniform(0.05, 0.2))
            process.kill()
        process.communicate(timeout=240)
        assert process.returncode in (0, -signal.SIGKILL), process.returncode
        assert_sound(self.place)
        return process.returncode != 0

    def _wait_for_calls(self, process: "subprocess.Popen[str]", number: int) -> None:
        before = len(self.service.calls)
        while len(self.service.calls) - before < number and process.poll() is None:
            time.sleep(0.005)


def test_films_are_delivered_and_nothing_is_bought_twice(stocked: Place, table: Table, tmp_path: Path, monkeypatch):
    dice = random.Random(KILLS)
    while table.kills.total() < KILLS:
        table.films += 1
        root = tmp_path / f"film-{table.films}"
        monkeypatch.setenv("DAGSTER_HOME", str(root / "home"))  # opening an instance sets it
        with ReplicateEmulator(tmp_path / "outputs", speed=30.0, scale=0.2) as service:
            deliver_in_spite_of_kills(Killer(fresh_place(root, stocked), service, dice), plan(dice, table), table)
        shutil.rmtree(root)


def plan(dice: random.Random, table: Table) -> list[str]:
    """Moments for one film, those first that came least often so far."""
    rare = sorted(set(MOMENTS), key=lambda moment: (table.kills[moment], dice.random()))
    return sorted(rare[:KILLS_OF_A_FILM], key=MOMENTS.index)


def deliver_in_spite_of_kills(killer: Killer, moments: list[str], table: Table) -> None:
    place, service = killer.place, killer.service
    for moment in moments:
        if not killer.killed(moment):
            break
        table.kills[moment] += 1
    service.knobs.clear()
    process = killer.start()
    said, complaint = process.communicate(timeout=300)
    assert process.returncode == 0, complaint

    journal = Journal(LocalStore(place.store), CAMPAIGN)
    states = [journal.state(order) for order in journal.orders()]
    spent = in_usd(sum(state.cost for state in states))
    assert len(states) == len(service.created()) == 3
    assert all(state.closed and state.fell is None for state in states), [state.fell for state in states]
    assert service.paid_twice() == []
    assert service.orphans() == []
    assert service.violations == []
    assert spent == service.spent_usd() == 1.0
    assert_finished(place, json.loads(said))
    events = [event for order in journal.orders() for event in journal.events(order)]
    table.adopted += sum(isinstance(event, Placed) and event.adopted for event in events)
    table.predictions += len(service.created())
    table.spent_usd += spent
    table.billed_usd += service.spent_usd()
    table.left_files += len(service.left_files())
