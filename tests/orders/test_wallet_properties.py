"""Random lives of a wallet: everything may fail, processes die anywhere, several work at once. The promise holds."""

from pathlib import Path
from random import Random

import pytest
from wallet_world import FATES, ROADS, HostedOrder, Turns, World, order, rung

from property_video.core.ladder import Policy

FAST, CHEAP = rung("fast", 500_000), rung("cheap", 123_457, bills_time=True)

QUIET = {"fine": 30.0} | {road: 1.0 for road in ROADS if road not in ("fine", "401", "402", "404")}
ROUGH_FATES = {"fine": 8.0} | {fate: 1.0 for fate in FATES if fate != "fine"}
ROUGH_ROADS = (
    {"fine": 6.0}
    | {road: 1.0 for road in ROADS if road not in ("fine", "401", "402", "404")}
    | {"404": 0.2, "402": 0.1}
)


def film(number: int) -> list[HostedOrder]:
    """Scenes with a ladder of two, and two links of a chain."""
    scenes = [order(each, FAST, CHEAP) for each in range(1, number + 1)]
    links = [order(8, FAST), order(9, FAST, after="scene_8-abc")]
    return scenes + links


def pause(rng: Random) -> float:
    """How long it takes until a killed process is started again: mostly seconds, at times minutes or a night."""
    return rng.choice([rng.uniform(0, 5), rng.uniform(5, 300), rng.uniform(5, 300), rng.uniform(1800, 5400), 40_000.0])


def rough_world(folder: Path, seed: int) -> World:
    world = World(folder, seed, limit=Random(seed).choice([2_000_000, 4_000_000, 100_000_000]), month_limit=3_500_000)
    world.policy = Policy(on_lost=Random(seed).choice(["embedded", "pay_again"]))
    world.provider.trouble = Random(seed).choice([0.0, 0.05, 0.2])
    world.provider.road_weights, world.provider.fate_weights = ROUGH_ROADS, ROUGH_FATES
    return world


@pytest.mark.parametrize("block", range(10))
def test_whatever_happens_every_order_is_delivered_and_every_cent_is_known(block: int, tmp_path: Path):
    for seed in range(block * 20, block * 20 + 20):
        world, orders = rough_world(tmp_path, seed), film(2)
        rng, at = Random(seed), 0
        for _ in range(rng.randrange(6)):
            at += rng.randrange(1, 250)
            world.kill_at.add(at)
        world.buy_at_last(*orders, pause_s=lambda rng=rng: pause(rng))
        world.check(orders)


@pytest.mark.parametrize("elsewhere", [False, True], ids=["one machine", "two machines"])
@pytest.mark.parametrize("block", range(4))
def test_processes_that_work_at_once_buy_nothing_twice(block: int, elsewhere: bool, tmp_path: Path):
    for seed in range(block * 10, block * 10 + 10):
        world, orders = rough_world(tmp_path, seed), film(1)
        rng = Random(seed)
        world.kill_at = {rng.randrange(1, 1500) for _ in range(rng.randrange(4))}

        def process(world: World = world, orders: list[HostedOrder] = orders, rng: Random = rng) -> None:
            world.buy_at_last(*orders, pause_s=lambda: pause(rng), elsewhere=elsewhere)

        Turns(world).run(*[process] * rng.choice([2, 3]))
        world.check(orders)


ROADS_IN_DOUBT = ("fine", "lost before", "lost after", "late", "429")


@pytest.mark.parametrize("road", ROADS_IN_DOUBT)
def test_a_process_may_die_at_any_boundary(road: str, tmp_path: Path):
    """Every boundary of a purchase, one after the other; each time the next process has to know what to do."""
    at = 0
    while True:
        at += 1
        world, one = World(tmp_path, seed=at), order()
        world.provider.roads = [road]
        world.kill_at = {at}
        outcome = world.buy_at_last(one)["scene_1-abc"]
        over = world.crossed < at
        world.check([one])
        assert outcome.rung == "replicate:fast"
        assert world.provider.bill() == 500_000
        if over:
            break
    assert at > 60
