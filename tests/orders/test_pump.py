"""The pump against a provider's account: what is bought, what is not bought twice, and who delivers in the end."""

import itertools
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from wallet_world import CAMPAIGN, START, Killed, World, order, rung

from property_video.core.errors import StoreFull
from property_video.core.ladder import Outcome, Policy
from property_video.core.ledger import Claimed, Lost, Placed, Unsent
from property_video.orders.journal import Journal
from property_video.orders.pump import strays
from property_video.store.local import LocalStore

LADDER = (rung("fast", 500_000), rung("cheap", 200_000))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def bought(world: World, *, roads: list[str] | None = None, fates: list[str] | None = None) -> Outcome:
    """One order with a ladder of two, for which requests and predictions end as told and well after that."""
    world.provider.roads, world.provider.fates = roads or [], fates or []
    outcome = world.buy(order(1, *LADDER))["scene_1-abc"]
    world.check([order(1, *LADDER)])
    return outcome


def test_a_clip_is_bought_verified_and_booked(world: World):
    outcome = bought(world)
    assert (outcome.output, outcome.rung) == ("take of scene_1", "replicate:fast")
    assert (outcome.cost, outcome.attempts, outcome.fell) == (500_000, 1, ())
    assert world.provider.files == {}


def test_what_was_delivered_is_found_and_costs_nothing_more(world: World):
    first = bought(world)
    assert bought(world) == first
    assert len(world.provider.made) == 1


def test_a_store_that_can_be_reached_shows_the_files_itself_at_one_address_for_every_intent(world: World):
    world.store.shown = {}
    outcome = bought(world, roads=["lost before"], fates=["moderated"])
    assert outcome.rung == "replicate:cheap"
    addresses = [urlsplit(each.input["image"]) for each in world.provider.made]
    assert [f"{each.netloc}{each.path}" for each in addresses] == [
        f"store.example/shown/{CAMPAIGN}.scene_1-abc.{attempt}-image.jpg" for attempt in (1, 2)
    ]
    assert world.provider.handed == 0, "the provider itself was given no file"
    assert world.store.shown == {}, "and nobody can fetch them any more"
    secret = addresses[0].query.removeprefix("X-Amz-Signature=")
    assert not any(secret in record for record in world.store.records.values())


# --- production trouble


@pytest.mark.parametrize(
    ("fates", "rung_", "attempts"),
    [
        (["preempted", "busy"], "replicate:fast", 3),
        (["preempted"] * 3, "replicate:cheap", 4),
        (["unreadable"], "replicate:fast", 2),
        (["unreadable"] * 2, "replicate:cheap", 3),
        (["moderated"], "replicate:cheap", 2),
        (["own check"], "replicate:cheap", 2),
        (["never starts"], "replicate:cheap", 2),
        (["never ends"], "replicate:cheap", 2),
        (["no output"], "replicate:cheap", 2),
        (["bad clip"], "replicate:cheap", 2),
        (["gone"], "replicate:cheap", 2),
        (["moderated", "own check"], "embedded", 2),
    ],
)
def test_who_delivers_after_production_trouble(world: World, fates: list[str], rung_: str, attempts: int):
    outcome = bought(world, fates=fates)
    assert (outcome.rung, outcome.attempts) == (rung_, attempts)
    assert bool(outcome.fell) == (rung_ != "replicate:fast")


def test_who_fell_says_why_rung_by_rung(world: World):
    outcome = bought(world, fates=["moderated", "own check"])
    assert outcome.output == "embedded take of scene_1"
    assert outcome.fell == (
        "replicate:fast: The input or output was flagged as sensitive. (E005)",
        "replicate:cheap: Prompt is longer than audio to generate",
    )


def test_a_second_attempt_waits_and_has_files_of_its_own(world: World):
    bought(world, fates=["preempted"])
    first, second = world.provider.made
    assert second.created - first.ends >= timedelta(seconds=10)
    assert world.intent_of(first) != world.intent_of(second)


@pytest.mark.parametrize(("fate", "cost"), [("never starts", 0), ("never ends", 500_000)])
def test_what_ran_until_its_deadline_is_paid_for_and_what_never_started_is_not(world: World, fate: str, cost: int):
    assert bought(world, fates=[fate]).cost == cost + 200_000


def test_a_prediction_that_its_provider_does_not_stop_is_stopped(world: World):
    world.provider.stops_by_itself = False
    assert bought(world, fates=["never ends"]).rung == "replicate:cheap"
    assert world.provider.cancels == ["p001"]


def test_a_prediction_that_cannot_be_stopped_does_not_hold_the_film_for_ever(world: World):
    world.price([order(1, *LADDER)])
    world.provider.stops_by_itself, world.provider.fates = False, ["never ends"]
    world.provider.cancel = world.provider.get
    outcome = world.buy(order(1, *LADDER))["scene_1-abc"]
    assert outcome.rung == "embedded"
    assert outcome.cost == 500_000, "it counts as spent until a person knows better"
    assert world.now - START < timedelta(seconds=600 + 15 + 300 + 60)


# --- delivery trouble


@pytest.mark.parametrize("fate", ["broken often", "mangled once"])
def test_what_is_paid_for_is_fetched_again(world: World, fate: str):
    outcome = bought(world, fates=[fate])
    assert (outcome.rung, outcome.attempts) == ("replicate:fast", 1)
    assert world.provider.made[0].downloads > 1


def test_a_clip_that_is_bad_twice_over_is_the_models_fault(world: World):
    assert bought(world, fates=["bad clip"]).fell == ("replicate:fast: It does not move. (fetched twice, the same)",)
    assert world.provider.made[0].downloads == 2


# --- transient trouble, and requests in doubt


@pytest.mark.parametrize("road", ["429", "429 bare", "reset"])
def test_a_request_that_was_declined_is_sent_again(world: World, road: str):
    outcome = bought(world, roads=[road, road])
    assert (outcome.rung, outcome.attempts, outcome.cost) == ("replicate:fast", 1, 500_000)


def test_a_request_that_keeps_failing_is_sent_less_and_less_often(world: World):
    bought(world, roads=["reset"] * 6)
    sent = [at for at, _ in world.provider.requests]
    gaps = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(sent)]
    assert gaps == sorted(gaps)
    assert 30 <= gaps[-1] <= 40


def test_all_orders_leave_a_provider_alone_that_asked_to_wait(world: World):
    world.provider.roads = ["429"]
    orders = [order(number) for number in range(1, 5)]
    world.buy(*orders)
    sent = [at for at, road in world.provider.requests if road == "fine"]
    assert len(world.provider.requests) == 5
    assert sent[0] - world.provider.requests[0][0] >= timedelta(seconds=7)


def test_a_provider_that_asks_for_an_hour_is_not_waited_for(world: World):
    assert bought(world, roads=["429 an hour"]).rung == "embedded"
    assert world.now - START < timedelta(minutes=1)


@pytest.mark.parametrize("road", ["lost before", "lost after", "late"])
def test_a_request_without_an_answer_is_looked_up_and_bought_once(world: World, road: str):
    outcome = bought(world, roads=[road])
    assert (outcome.rung, outcome.attempts, outcome.cost) == ("replicate:fast", 1, 500_000)
    assert len(world.provider.made) == 1


def test_a_request_in_doubt_waits_out_every_way_by_which_it_could_arrive(world: World):
    bought(world, roads=["lost before"])
    first, second = (at for at, _ in world.provider.requests)
    assert second - first >= timedelta(seconds=Policy().call_s + Policy().lag_s)


def test_of_two_predictions_for_one_intent_the_older_is_kept_and_the_other_stopped(world: World):
    one = order(1, *LADDER)
    world.provider.roads = ["lost after"]
    world.price([one])
    make = world.provider._make
    world.provider._make = lambda *given: [make(*given), make(*given)][0]
    outcome = world.buy(one)["scene_1-abc"]
    first, second = world.provider.made
    assert world.journal().state(one.id).attempts[0].prediction == first.id
    assert second.stopped is not None
    assert outcome.cost == world.provider.bill()


def died_before_it_knew(world: World, on_lost: str) -> Outcome:
    """The request has arrived, the process has died, and nobody looks until its input is removed."""
    one = order(1, *LADDER)
    world.policy = Policy(on_lost=on_lost)
    world.provider.roads = ["lost after"]
    world.provider.recent = lambda since: (_ for _ in ()).throw(Killed)
    with pytest.raises(Killed):
        world.buy(one)
    del world.provider.recent
    world.now += timedelta(seconds=3000)
    world.provider.made[0].forgotten = world.now
    return world.buy(one)["scene_1-abc"]


@pytest.mark.parametrize(
    ("on_lost", "rung_", "cost"), [("embedded", "embedded", 500_000), ("pay_again", "replicate:fast", 1_000_000)]
)
def test_what_cannot_be_told_any_more_is_lost_and_the_brief_decides(world: World, on_lost: str, rung_: str, cost: int):
    outcome = died_before_it_knew(world, on_lost)
    assert any(isinstance(event, Lost) for event in world.journal().events("scene_1-abc"))
    assert (outcome.rung, outcome.cost) == (rung_, cost)


def test_a_model_whose_inputs_are_all_alike_is_never_looked_up(world: World):
    alike = order(1, rung(files=()))
    world.provider.roads = ["lost after"]
    assert world.buy(alike)["scene_1-abc"].rung == "embedded"
    assert len(world.provider.made) == 1


def test_a_seed_of_its_own_makes_a_prediction_traceable(world: World):
    music = order(1, rung(files=(), seed_key="seed"))
    world.provider.roads = ["lost after"]
    assert world.buy(music)["scene_1-abc"].rung == "replicate:fast"
    assert world.provider.made[0].input["seed"] > 0


# --- refusals


@pytest.mark.parametrize("road", ["401", "402"])
def test_a_provider_that_refuses_us_is_asked_once_and_said_once(world: World, road: str):
    world.provider.roads = [road]
    orders = [order(number, *LADDER) for number in range(1, 4)]
    outcomes = world.buy(*orders)
    world.check(orders)
    assert {outcome.rung for outcome in outcomes.values()} == {"embedded"}
    assert len(world.provider.requests) == 1
    assert world.said == [f"replicate: Refused with {road}."]


def test_an_unknown_model_is_asked_once_and_the_next_rung_goes_on(world: World):
    world.provider.roads = ["404"]
    outcomes = world.buy(*[order(number, *LADDER) for number in range(1, 4)])
    assert {outcome.rung for outcome in outcomes.values()} == {"replicate:cheap"}
    assert len(world.provider.requests) == 4


def test_an_input_that_is_refused_concerns_one_order(world: World):
    world.provider.roads = ["422"]
    outcomes = world.buy(order(1, *LADDER), order(2, *LADDER))
    assert [outcome.rung for outcome in outcomes.values()] == ["replicate:cheap", "replicate:fast"]


def test_without_a_key_nothing_is_asked_or_held(world: World):
    pump = world.pump()
    pump._services = {}
    outcome = pump.run([order(1, *LADDER)])["scene_1-abc"]
    assert outcome.fell[0] == "replicate:fast: There is no key for replicate."
    assert (outcome.attempts, world.accounts()) == (0, {})


# --- the budget


def test_a_rung_that_the_budget_does_not_allow_is_passed_over(tmp_path: Path):
    world = World(tmp_path, limit=300_000)
    outcome = bought(world)
    assert (outcome.rung, outcome.cost) == ("replicate:cheap", 200_000)
    assert "$0.50" in outcome.fell[0] and "$0.30" in outcome.fell[0]


def test_what_a_failure_gives_back_can_be_spent(tmp_path: Path):
    world = World(tmp_path, limit=500_000)
    assert bought(world, fates=["moderated"]).rung == "replicate:cheap"


# --- many orders


def test_all_intents_are_written_before_the_first_request_and_all_requests_sent_before_the_first_poll(world: World):
    orders = [order(number) for number in range(1, 8)]
    world.buy(*orders)
    begun = [world.journal().state(each.id).attempts[0] for each in orders]
    assert max(attempt.begun.at for attempt in begun) <= min(at for at, _ in world.provider.requests)
    assert max(at for at, _ in world.provider.requests) - START < timedelta(seconds=10)


def test_whoever_waits_for_one_order_drives_them_all_and_leaves_when_it_has_come(world: World):
    orders = [order(number) for number in range(1, 8)]
    world.buy(*orders, until=orders[0].id)
    assert len(world.provider.made) == 7
    for each in orders:
        world.buy(*orders, until=each.id)
    world.check(orders)
    slowest = max(made.ends for made in world.provider.made)
    assert world.now - slowest < timedelta(seconds=10)


def test_a_chain_goes_on_from_what_was_made_before(world: World):
    chain = [order(1), order(2, after="scene_1-abc"), order(3, after="scene_2-abc")]
    world.buy(*chain)
    world.check(chain)
    assert world.hands.before == ["", "take of scene_1", "take of scene_2"]


def test_a_link_begins_as_soon_as_the_one_before_is_there(world: World):
    world.buy(order(1), order(2, after="scene_1-abc"))
    first, second = (world.journal().state(f"scene_{number}-abc").attempts[0] for number in (1, 2))
    assert first.ended_at is not None
    assert second.begun.at - first.ended_at < timedelta(seconds=1)


def test_falling_back_keeps_no_hosted_order_waiting(world: World):
    world.limit = 2_000_000
    placed_by_then, fall_back = [], world.hands.fall_back
    world.hands.fall_back = lambda *given: placed_by_then.append(len(world.provider.made)) or fall_back(*given)
    world.buy(order(1, rung(price=3_000_000)), order(2), order(3), order(4))
    assert placed_by_then == [3]


def test_a_broken_chain_is_not_bought_to_its_end(world: World):
    chain = [order(1), order(2, after="scene_1-abc"), order(3, after="scene_2-abc")]
    world.provider.fates = ["fine", "moderated"]
    outcomes = world.buy(*chain)
    assert [outcome.rung for outcome in outcomes.values()] == ["replicate:fast", "embedded", "embedded"]
    assert len(world.provider.made) == 2


def test_patience_ends_for_what_has_not_begun_too(world: World):
    chain = [order(1, patience_s=100), order(2, after="scene_1-abc", patience_s=100)]
    world.provider.fates = ["never ends"]
    outcomes = world.buy(*chain)
    assert {outcome.rung for outcome in outcomes.values()} == {"embedded"}
    assert world.now - START < timedelta(seconds=130)


def test_progress_counts_what_loads_what_is_done_and_what_failed(world: World):
    world.provider.fates = ["moderated", "fine"]
    world.buy(order(1), order(2))
    assert [str(each) for each in (world.progress[0], world.progress[-1])] == [
        "2 loading, 0 done, 0 failed", "0 loading, 1 done, 1 failed",
    ]  # fmt: skip
    assert world.progress[-1].failed == ("scene_1",)


def test_an_error_of_this_machine_stops_one_order_and_is_raised_to_who_waits_for_it(world: World):
    def full(*given: object) -> str:
        raise StoreFull("No space.")

    verify = world.hands.verify
    world.hands.verify = lambda one, *rest: full() if one.label == "scene_1" else verify(one, *rest)
    orders = [order(1), order(2), order(3, after="scene_1-abc")]
    assert world.buy(*orders, until="scene_2-abc")["scene_2-abc"].output
    with pytest.raises(StoreFull):
        world.buy(*orders, until="scene_1-abc")
    with pytest.raises(StoreFull):
        world.buy(*orders, until="scene_3-abc")
    world.hands.verify = verify
    world.buy(*orders)
    world.check(orders)
    assert len(world.provider.made) == 3


# --- owners, and orders that nobody wants


def test_an_order_whose_owner_lives_is_waited_for(world: World):
    world.price([order()])
    journal = world.journal()
    world.alive.add(77)
    journal.append("scene_1-abc", Claimed(at=START, owner=world.owner(77)))
    naps = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        world.now += timedelta(seconds=seconds)
        if len(naps) == 5:
            assert world.provider.made == []
            world.alive.discard(77)

    pump = world.pump()
    pump._sleep = sleep
    assert pump.run([order()])["scene_1-abc"].output


def test_an_order_of_a_dead_process_that_nobody_wants_any_more_is_stopped_and_booked(world: World):
    world.provider.fates = ["never ends"]
    world.price([order(1)])
    pump = world.pump()
    pump._sleep = lambda seconds: (
        (_ for _ in ()).throw(Killed) if world.now - START > timedelta(seconds=60) else world.pass_s(seconds)
    )
    with pytest.raises(Killed):
        pump.run([order(1)])
    world.alive.clear()
    wanted = [order(2)]
    left = strays(world.journal(), wanted)
    assert [each.id for each in left] == ["scene_1-abc"]
    assert set(world.buy(*wanted, *left)) == {"scene_2-abc"}
    assert world.provider.cancels == ["p001"]
    assert world.journal().state("scene_1-abc").cost == 500_000
    assert strays(world.journal(), wanted) == ()
    assert world.buy(order(1))["scene_1-abc"].rung == "replicate:fast", "wanted again, it is bought again"
    world.check([order(1), order(2)])


def test_a_fallen_order_is_bought_anew_when_it_is_reopened(world: World):
    assert bought(world, fates=["moderated", "moderated"]).rung == "embedded"
    world.journal().reopen("scene_1-abc", "a person wants it hosted", world.now)
    outcome = bought(world)
    assert (outcome.rung, outcome.fell) == ("replicate:fast", ())
    assert outcome.attempts == 3


def test_a_download_that_the_store_has_lost_is_fetched_again(world: World):
    one = order(1, *LADDER)
    verify, lost = world.hands.verify, []

    def lose(order_: object, attempt: object, raw: Path) -> str:
        lost.append(raw)
        raise Killed

    world.hands.verify = lose
    with pytest.raises(Killed):
        world.buy(one)
    lost[0].unlink()
    world.hands.verify = verify
    assert world.buy(one)["scene_1-abc"].rung == "replicate:fast"
    world.check([one])


# --- a folder instead of memory


@pytest.mark.parametrize("road", ["fine", "lost after"])
def test_it_is_the_same_on_a_folder(world: World, tmp_path: Path, road: str):
    memory, store = world.store, LocalStore(tmp_path / "store")
    world.store = store
    world.provider.roads = [road]
    orders = [order(1), order(2)]
    world.buy(*orders)
    lines = list(Journal(store, CAMPAIGN).lines())
    assert sum('"kind": "placed"' in line for line in lines) == 2
    assert not any("secret" in line for line in lines)
    for path in (*(tmp_path / "store" / "journal").rglob("*.json"), *(tmp_path / "store" / "budgets").rglob("*.json")):
        memory.records[path.relative_to(tmp_path / "store").as_posix()] = path.read_text()
    world.store = memory
    world.check(orders)
    assert not list((tmp_path / "store" / "scratch").iterdir())
    adopted = [event.adopted for event in world.journal().events("scene_1-abc") if isinstance(event, Placed)]
    assert adopted == [road != "fine"]
    assert not any(isinstance(event, Unsent) for event in world.journal().events("scene_1-abc"))
