"""Slots: a provider never has more orders at once than it may, whoever places them and whoever dies."""

import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from emulators.replicate import ReplicateEmulator
from wallet_world import Killed, Turns, World, rung

from property_video.core.ladder import HostedOrder, Outcome, Policy, Rung
from property_video.core.ledger import Owner
from property_video.orders.budget import Budget
from property_video.orders.clerk import Clerk
from property_video.orders.journal import Journal
from property_video.orders.pump import Pump
from property_video.orders.slots import LOOK_AGAIN_S, Slots
from property_video.providers.replicate.api import ReplicateApi
from property_video.store import keys
from property_video.store.local import LocalStore


def most_at_once(spans: Iterable[tuple[float, float]]) -> int:
    """How many spans overlap at the most; one that begins when another ends does not overlap it."""
    changes = sorted(change for start, end in spans for change in ((start, 1), (end, -1)))
    most = now = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


# --- in a small world, by turns, between any two steps of any process


def orders_of(campaign: str, count: int) -> list[HostedOrder]:
    ladder = (rung("fast"),)
    return [
        HostedOrder(
            id=f"scene_{n}-{campaign}", campaign=campaign, label=f"{campaign} {n}", rungs=ladder, patience_s=9e4
        )
        for n in range(1, count + 1)
    ]


def process(world: World, campaign: str, limits: Mapping[str, int]) -> tuple[Pump, int]:
    """A new process that buys for a campaign."""
    world.processes += 1
    pid = world.processes
    world.alive.add(pid)
    clerk = Clerk(
        Journal(world.store, campaign),
        Budget(world.store, campaign, campaign_limit=world.limit),
        owner=world.owner(pid),
        is_alive=lambda other: other.pid in world.alive,
        clock=lambda: world.now,
        policy=world.policy,
    )
    slots = Slots(
        world.store,
        limits,
        owner=world.owner(pid),
        is_gone=clerk.is_gone,
        clock=lambda: world.now,
        rng=Random(world.rng.random()),
    )
    rng = Random(world.rng.random())
    services = {"replicate": world.provider}
    return Pump(clerk, services, world.hands, world.store, sleep=world.pass_s, rng=rng, slots=slots), pid


def drive(world: World, campaign: str, orders: list[HostedOrder], limits: Mapping[str, int]) -> None:
    """Processes for a campaign, one after the other, as often as one is killed, until everything is delivered."""
    world.price(orders)
    while True:
        pump, pid = process(world, campaign, limits)
        try:
            pump.run(orders)
            return
        except Killed:
            world.dead.yes = False
            world.alive.discard(pid)
            world.pass_s(1.0)


def spans(world: World) -> list[tuple[float, float]]:
    found = []
    for made in world.provider.made:
        end = min(filter(None, (made.ends, made.stopped, made.deadline)))
        found.append((made.created.timestamp(), end.timestamp()))
    return found


def taken(world: World) -> list[str]:
    """Slots that are held."""
    last: dict[int, int] = {}
    for entry in world.store.walk("slots/replicate"):
        slot, number = keys.slot_numbers(entry.key)
        last[slot] = max(last.get(slot, 0), number)
    return [f"slot {slot}" for slot, number in last.items() if number % 2 == 1]


@pytest.mark.parametrize("limit", [1, 4])
def test_several_processes_never_exceed_the_limit_and_use_it_up(tmp_path: Path, limit: int):
    world = World(tmp_path, seed=limit)
    campaigns = {name: orders_of(name, 4) for name in ("oak", "elm", "fir")}
    limits = {"replicate": limit}
    Turns(world).run(*(lambda n=n, o=o: drive(world, n, o, limits) for n, o in campaigns.items()))
    assert most_at_once(spans(world)) == limit
    assert len(world.provider.made) == 12
    assert world.hands.fallen == []
    assert taken(world) == []


@pytest.mark.parametrize("seed", range(6))
def test_processes_that_are_killed_leave_no_slot_behind_and_nobody_exceeds_the_limit(tmp_path: Path, seed: int):
    world = World(tmp_path, seed=seed)
    world.kill_at = set(Random(seed).sample(range(100, 2500), 12))
    campaigns = {name: orders_of(name, 3) for name in ("oak", "elm", "fir")}
    limits = {"replicate": 2}
    Turns(world).run(*(lambda n=n, o=o: drive(world, n, o, limits) for n, o in campaigns.items()))
    world.kill_at.clear()
    world.dead.yes = False
    assert most_at_once(spans(world)) <= 2
    assert len(world.provider.made) == 9
    held = taken(world)
    world.now += timedelta(days=1)
    slots = some_slots(world, 99, limit=2)
    assert all(slots.take("replicate", f"new/{number}") for number in range(2)), held


def test_without_a_limit_no_slot_is_written(tmp_path: Path):
    world = World(tmp_path)
    drive(world, "oak", orders_of("oak", 3), {})
    assert not list(world.store.walk("slots"))
    assert most_at_once(spans(world)) == 3


# --- slots alone


def some_slots(world: World, pid: int, limit: int = 1) -> Slots:
    return Slots(
        world.store,
        {"replicate": limit},
        owner=world.owner(pid),
        is_gone=lambda owner: owner.pid not in world.alive,
        clock=lambda: world.now,
        rng=Random(pid),
    )


def test_a_slot_of_a_dead_process_that_had_sent_nothing_comes_back_at_once(tmp_path: Path):
    world = World(tmp_path)
    world.alive = {1, 2}
    first, second = some_slots(world, 1), some_slots(world, 2)
    assert first.take("replicate", "oak/scene_1")
    assert not second.take("replicate", "elm/scene_1")
    world.alive = {2}
    world.now += timedelta(seconds=LOOK_AGAIN_S)
    assert second.take("replicate", "elm/scene_1")


def test_a_slot_of_a_dead_process_whose_prediction_may_run_comes_back_when_that_has_ended(tmp_path: Path):
    world = World(tmp_path)
    world.alive = {1, 2}
    first, second = some_slots(world, 1), some_slots(world, 2)
    assert first.take("replicate", "oak/scene_1")
    first.sending("oak/scene_1", 600)
    world.alive = {2}
    world.now += timedelta(seconds=599)
    assert not second.take("replicate", "elm/scene_1")
    world.now += timedelta(seconds=LOOK_AGAIN_S)
    assert second.take("replicate", "elm/scene_1")


def test_whoever_goes_on_with_an_order_has_its_slot(tmp_path: Path):
    world = World(tmp_path)
    world.alive = {1, 2}
    first, second = some_slots(world, 1), some_slots(world, 2)
    assert first.take("replicate", "oak/scene_1")
    first.sending("oak/scene_1", 600)
    world.alive = {2}
    second.recall("oak")
    assert second.take("replicate", "oak/scene_1")
    second.free("oak/scene_1")
    assert second.take("replicate", "elm/scene_1")


def test_a_slot_is_a_few_small_files_however_often_it_is_used(tmp_path: Path):
    world = World(tmp_path)
    world.alive = {1}
    slots = some_slots(world, 1)
    for number in range(50):
        assert slots.take("replicate", f"oak/{number}")
        slots.free(f"oak/{number}")
    assert len(list(world.store.walk("slots"))) <= 3


# --- the real client, an emulated Replicate, a store on the disk, two processes' worth of pumps

TRACK = Rung(
    name="replicate:stability-ai/stable-audio-2.5",
    provider="replicate",
    model="stability-ai/stable-audio-2.5",
    inputs={"prompt": "Warm piano.", "duration": 5},
    seed_key="seed",
    expect="audio",
    price=200_000,
    deadline_s=900.0,
)


class Accepts:
    """Takes every output as it came."""

    def prepare(self, order: HostedOrder, rung: Rung, before: str, folder: Path) -> Mapping[str, Path]:
        return {}

    def verify(self, order: HostedOrder, attempt: object, raw: Path) -> str:
        return f"track of {order.label}"

    def fall_back(self, order: HostedOrder, reason: str) -> str:
        raise AssertionError(f"{order.label} fell: {reason}")


@pytest.mark.parametrize(
    ("limit", "count"), [(4, 7), pytest.param(50, 70, marks=pytest.mark.slow)], ids=["4 slots", "50 slots"]
)
def test_two_runs_at_an_emulated_replicate_keep_the_limit_together(tmp_path: Path, limit: int, count: int):
    store = LocalStore(tmp_path / "store")
    outcomes: list[Outcome] = []
    with ReplicateEmulator(tmp_path / "outputs", speed=1.0) as service:

        def now() -> datetime:
            return datetime.fromtimestamp(service.now(), UTC)

        def run(number: int) -> None:
            campaign, owner = f"c{number}", Owner(host="here", pid=number, started=str(number))
            clerk = Clerk(
                Journal(store, campaign),
                Budget(store, campaign, campaign_limit=10**9),
                owner=owner,
                is_alive=lambda other: True,
                clock=now,
                policy=Policy(),
            )
            limits = {"replicate": limit}
            rng = Random(number)
            slots = Slots(store, limits, owner=owner, is_gone=clerk.is_gone, clock=now, rng=rng)
            with ReplicateApi(service.token, service.url) as api:
                services = {"replicate": api}
                pump = Pump(clerk, services, Accepts(), store, sleep=service.advance, rng=rng, slots=slots)
                mine = [
                    HostedOrder(id=f"track-{n}", campaign=campaign, label=str(n), rungs=(TRACK,), patience_s=9e4)
                    for n in range(count)
                ]
                outcomes.extend(pump.run(mine).values())

        threads = [threading.Thread(target=run, args=(number,)) for number in (1, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        made = service.created()
        ran = [(each.created, each.completed or service.now()) for each in made]
    assert len(outcomes) == len(made) == 2 * count
    assert most_at_once(ran) == limit
