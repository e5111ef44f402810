"""Paid calls that answer at once go through the same wallet."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from wallet_world import Killed, World, order, rung

from property_video.core.errors import AnswerLost, HostedRefusal, RateLimited, TransientError
from property_video.core.ladder import Outcome, Policy, Rung
from property_video.orders.calls import Answer, buy_answer

CHOICE = order(1, rung("grok", 40_000, files=()), rung("mini", 10_000, files=()))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def ask(
    world: World, *script: Answer | BaseException | str, providers: frozenset[str] = frozenset({"replicate"})
) -> Outcome:
    """Have a new process ask; each call gives or raises what the script says."""
    steps = list(script)

    def answer(rung: Rung) -> Answer:
        world.cross()
        world.provider.requests.append((world.now, rung.name))
        step = steps.pop(0)
        world.cross()
        if isinstance(step, BaseException):
            raise step
        assert isinstance(step, Answer)
        return step

    world.processes += 1
    pid = world.processes
    world.alive.add(pid)
    try:
        clerk = world.clerk(pid)
        return buy_answer(clerk, CHOICE, answer, providers=providers, sleep=world.pass_s, rng=Random(1))
    finally:
        world.alive.discard(pid)
        world.dead.yes = False


def spent(world: World) -> int:
    (holdings,) = (entries for name, entries in world.accounts().items() if name.startswith("campaigns/"))
    last = {entry.intent: entry for entry in holdings}
    assert {entry.kind for entry in last.values()} == {"settled"}
    return sum(entry.amount for entry in last.values())


def test_an_answer_is_booked_at_what_it_says_it_cost_and_is_kept(world: World):
    outcome = ask(world, Answer("choice-1", 12_345))
    assert (outcome.output, outcome.rung, outcome.cost) == ("choice-1", "replicate:grok", 12_345)
    assert ask(world) == outcome
    assert spent(world) == 12_345


def test_an_answer_that_does_not_say_costs_its_price(world: World):
    assert ask(world, Answer("choice-1")).cost == 40_000


@pytest.mark.parametrize(
    ("trouble", "cost"),
    [
        (HostedRefusal("No such model.", status=404), 10_000),
        (Answer("choice-1", 7_000, "Broken JSON."), 17_000),
        (Answer("choice-1", None, "Broken JSON."), 50_000),
    ],
)
def test_the_next_rung_is_asked_after_a_refusal_or_a_useless_answer(
    world: World, trouble: Exception | Answer, cost: int
):
    outcome = ask(world, trouble, Answer("choice-2"))
    assert (outcome.rung, outcome.cost) == ("replicate:mini", cost)
    reason = trouble.unusable if isinstance(trouble, Answer) else trouble.reason
    assert outcome.fell == (f"replicate:grok: {reason}",)
    assert spent(world) == cost


def test_what_was_declined_is_asked_again_later(world: World):
    outcome = ask(world, RateLimited("Slow down.", retry_after_s=20), TransientError("503"), Answer("choice-1"))
    assert (outcome.rung, outcome.attempts) == ("replicate:grok", 1)
    first, second, third = (at for at, _ in world.provider.requests)
    assert (second - first).total_seconds() >= 20
    assert third > second


def test_nobody_answers_and_the_caller_chooses(world: World):
    outcome = ask(world, HostedRefusal("No."), HostedRefusal("No."))
    assert (outcome.rung, outcome.output, outcome.cost) == ("embedded", "", 0)


def test_without_a_key_nobody_is_asked(world: World):
    outcome = ask(world, providers=frozenset())
    assert outcome.rung == "embedded"
    assert world.provider.requests == []


@pytest.mark.parametrize(("on_lost", "output", "cost"), [("embedded", "", 40_000), ("pay_again", "choice-1", 80_000)])
def test_a_lost_answer_counts_as_spent_and_the_brief_decides(world: World, on_lost: str, output: str, cost: int):
    world.policy = Policy(on_lost=on_lost)
    outcome = ask(world, AnswerLost("Timed out."), Answer("choice-1"))
    assert (outcome.output, outcome.cost) == (output, cost)
    assert spent(world) == cost


def test_a_process_that_died_at_any_boundary_never_lets_an_answer_be_paid_twice_unseen(tmp_path: Path):
    asked: Callable[[World], int] = lambda world: len(world.provider.requests)  # noqa: E731
    for at in range(1, 200):
        world = World(tmp_path, seed=at)
        world.kill_at = {at}
        try:
            outcome = ask(world, Answer("choice-1", 12_345))
            died = False
        except Killed:
            died = True
            before = asked(world)
            outcome = ask(world, Answer("choice-1", 12_345))
            assert asked(world) <= 1, f"asked again after {before} requests"
        lost = outcome.rung == "embedded"
        assert outcome.cost == (40_000 if lost else 12_345) == spent(world)
        if not died:
            assert at > 30
            return
    raise AssertionError("it never ended")
