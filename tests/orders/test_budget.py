"""The budget: nobody spends what another holds, whatever happens in between."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from wallet_world import START, Turns, World

from property_video.core.errors import StoreError
from property_video.orders.budget import Budget
from property_video.store.local import LocalStore


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def budget(
    world: World, campaign: str = "oak", client: str = "Ana", limit: int = 100, month: int | None = None
) -> Budget:
    return Budget(world.store, campaign, client, campaign_limit=limit, month_limit=month)


def test_what_is_held_is_not_there_for_others_and_what_is_given_back_is(world: World):
    oak = budget(world)
    accounts = oak.accounts(START)
    assert oak.reserve("a", 60, accounts) == ""
    assert "of the budget of $0.0001 (campaigns/oak)" in oak.reserve("b", 60, accounts)
    oak.settle("a", 30, accounts)
    assert oak.reserve("b", 60, accounts) == ""
    assert (oak.account(accounts[0]).committed, oak.account(accounts[0]).spent) == (90, 30)


def test_holding_and_settling_twice_changes_nothing(world: World):
    oak = budget(world)
    accounts = oak.accounts(START)
    for _ in range(2):
        assert oak.reserve("a", 60, accounts) == ""
    for _ in range(2):
        oak.settle("a", 50, accounts)
    assert oak.reserve("a", 60, accounts) == "", "what is settled is not held again"
    assert oak.account(accounts[0]).committed == 50
    assert all(len(entries) == 2 for entries in world.accounts().values())


def test_what_only_one_account_held_is_given_back_there(world: World):
    oak = budget(world, month=50)
    accounts = oak.accounts(START)
    assert "clients/ana-" in oak.reserve("a", 60, accounts)
    oak.settle("a", 0, accounts)
    assert oak.account(accounts[0]).committed == 0
    assert oak.account(accounts[1]).entries == 0


def test_a_clients_campaigns_share_its_month_and_no_other(world: World):
    oak, elm = budget(world, "oak", month=100), budget(world, "elm", month=100)
    november, december = START, datetime(2026, 12, 1, tzinfo=UTC)
    assert oak.reserve("a", 80, oak.accounts(november)) == ""
    assert "/2026-11)" in elm.reserve("b", 80, elm.accounts(november))
    elm.settle("b", 0, elm.accounts(november))
    assert elm.reserve("c", 80, elm.accounts(december)) == ""
    fir = budget(world, "fir", client="Ana!", month=100)
    assert fir.reserve("d", 80, fir.accounts(november)) == "", "another client, whose name looks alike in a path"


def test_a_campaign_without_a_client_has_one_account(world: World):
    assert budget(world, client="").accounts(START) == ("campaigns/oak",)


def test_an_account_with_a_hole_is_not_spent_from(tmp_path: Path):
    store = LocalStore(tmp_path)
    oak = Budget(store, "oak", campaign_limit=100)
    for intent in ("a", "b"):
        oak.reserve(intent, 10, ("campaigns/oak",))
    store.remove("budgets/campaigns/oak/000001.json")
    with pytest.raises(StoreError, match=re.escape("000002.json")):
        Budget(store, "oak", campaign_limit=100).reserve("c", 10, ("campaigns/oak",))


@pytest.mark.parametrize("seed", range(30))
def test_of_processes_that_want_the_last_dollar_at_once_one_gets_it(world: World, seed: int):
    world.rng.seed(seed)
    held: list[str] = []

    def process(name: str) -> None:
        mine = budget(world, name, limit=100, month=250)
        accounts = mine.accounts(START)
        for number in range(3):
            intent = f"{name}.{number}"
            if mine.reserve(intent, 70, accounts) == "":
                held.append(intent)
                mine.settle(intent, 20 + number, accounts)
            else:
                mine.settle(intent, 0, accounts)

    campaigns = ["oak", "elm", "fir", "ash"]
    Turns(world).run(*[lambda name=name: process(name) for name in campaigns])
    for name, entries in world.accounts().items():
        last: dict[str, int] = {}
        for entry in entries:
            last[entry.intent] = entry.amount
            assert sum(last.values()) <= (100 if name.startswith("campaigns") else 250)
        assert {entry.intent for entry in entries if entry.kind == "settled"} == set(last)
    month = next(entries for name, entries in world.accounts().items() if name.startswith("clients"))
    assert {entry.intent for entry in month if entry.amount} == set(held)
    assert len(held) >= 3
