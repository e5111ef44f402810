"""Reconciliation, rule by rule: names, looks, ends of runs, whose turn it is."""

import dataclasses

import pytest

from property_video.core.reconcile import (
    BACK_OFF_S,
    MOST_A_TICK,
    MOST_ASKED,
    MOST_ATTEMPTS,
    MOST_LOOKS,
    ROUND,
    Ended,
    Known,
    Memory,
    Standing,
    due,
    ended,
    is_permanent,
    looked,
    name_campaigns,
    slug_of,
    to_look_at,
    waiting,
)

NOW = 1_000_000.0
WANTED = Standing(campaign="oak", wanted="new", there="old", mark="m", changed=NOW - 100)


def remembered(**change: object) -> Memory:
    known = Known(wanted="new", mark="m", changed=NOW - 100)
    return Memory(open={"oak": known.model_copy(update=change)})


# --- whose turn it is


def test_wanted_and_not_there_and_not_under_way_is_due():
    known = looked(None, WANTED)
    (found,) = due(Memory(open={"oak": known}), NOW, busy=())
    assert (found.campaign, found.run_key) == ("oak", "oak:new:1")


@pytest.mark.parametrize("change", [{"settled": False}, {"state": "asked"}, {"state": "stopped"}, {"after": NOW + 1}])
def test_any_single_signal_keeps_a_campaign_from_being_due(change):
    assert due(remembered(**change), NOW, busy=()) == ()


def test_a_campaign_of_which_a_run_is_under_way_is_not_due():
    assert due(remembered(), NOW, busy=("oak",)) == ()
    assert due(remembered(), NOW, busy=("elm",)) != ()


def test_another_attempt_has_another_key_so_that_the_run_history_lets_it_through():
    (again,) = due(remembered(attempt=1), NOW, busy=())
    assert again.run_key == "oak:new:2"


def many(count: int, **change: object) -> Memory:
    """Campaigns c0, c1, …, each uploaded a second before the one before it."""
    return Memory(open={f"c{n}": Known(wanted="w", changed=NOW - n).model_copy(update=change) for n in range(count)})


def test_a_tick_asks_for_a_bounded_number_of_runs_newest_first():
    assert [each.campaign for each in due(many(60), NOW, busy=())] == [f"c{n}" for n in range(MOST_A_TICK)]


def test_no_more_are_under_way_by_asking_than_may_be_so_that_what_arrives_later_can_overtake():
    memory = many(60)
    memory.open.update({f"asked{n}": Known(wanted="w", state="asked") for n in range(MOST_ASKED - 3)})
    assert len(due(memory, NOW, busy=())) == 3
    memory.open.update({f"more{n}": Known(wanted="w", state="asked") for n in range(10)})
    assert due(memory, NOW, busy=()) == ()


# --- looks


def test_a_film_that_answers_is_not_remembered_as_open():
    assert looked(None, dataclasses.replace(WANTED, there="new")) is None


def test_a_changed_request_begins_anew_and_the_same_one_goes_on():
    stopped = Known(wanted="new", state="stopped", attempt=4, why="It broke.")
    assert looked(stopped, WANTED) == stopped.model_copy(update={"mark": "m", "changed": NOW - 100})
    assert looked(stopped, dataclasses.replace(WANTED, wanted="newer")) == Known(
        wanted="newer", mark="m", changed=NOW - 100
    )


def test_what_has_changed_is_looked_at_newest_first_and_all_others_in_turn():
    names = [f"c{n:04d}" for n in range(3 * ROUND)]
    memory = Memory(there=dict.fromkeys(names, "same"))
    marks = dict.fromkeys(names, ("same", 1.0)) | {"c0007": ("moved", 5.0), "new": ("first", 9.0)}
    looks, after = to_look_at(memory, marks, noted=["c0099"], after="c0099", now=NOW)
    assert looks[:3] == ["c0099", "new", "c0007"]
    assert looks[3:] == names[100 : 100 + ROUND]
    assert after == names[100 + ROUND - 1]


def test_the_round_comes_to_everybody_and_begins_again():
    names = [f"c{n:04d}" for n in range(5 * ROUND // 2)]
    memory, marks = Memory(there=dict.fromkeys(names, "same")), dict.fromkeys(names, ("same", 1.0))
    seen, after = set(), ""
    for _ in range(3):
        looks, after = to_look_at(memory, marks, (), after, NOW)
        seen |= set(looks)
    assert (seen, after) == (set(names), "")


def test_ten_thousand_new_campaigns_are_looked_at_in_bounded_ticks():
    marks = {f"c{n}": ("m", float(n)) for n in range(10_000)}
    looks, _ = to_look_at(Memory(), marks, (), "", NOW)
    assert len(looks) <= MOST_LOOKS + ROUND
    assert looks[0] == "c9999"


def test_what_has_not_settled_is_looked_at_again_although_its_mark_is_the_same():
    assert remembered(settled=False).mark("oak") is None
    assert remembered().mark("oak") == "m"


# --- ends of runs


@pytest.mark.parametrize(
    ("kind", "permanent"),
    [
        ("BadBrief", True),
        ("NoUsablePhoto", True),
        ("BadOutput", True),
        ("FailedVerification", True),
        ("HostedRefusal", True),
        ("TransientError", False),
        ("StoreFull", False),
        ("StoreError", False),
        ("CampaignBusy", False),
        ("MissingMedia", False),
        ("KeyError", False),
        ("", False),
    ],
)
def test_which_errors_would_come_again(kind, permanent):
    assert is_permanent(kind) == permanent


@pytest.mark.parametrize(
    ("run", "state", "attempt"),
    [
        (Ended("missing"), "due", 1),
        (Ended("succeeded"), "due", 2),
        (Ended("canceled"), "stopped", 2),
        (Ended("failed"), "due", 2),
        (Ended("failed", "BadBrief", "moood: unknown key."), "stopped", 2),
    ],
)
def test_what_follows_from_the_end_of_a_run(run, state, attempt):
    after = ended(Known(wanted="w", state="asked", attempt=2), run, NOW)
    assert (after.state, after.attempt) == (state, attempt)


def test_pauses_double_and_the_last_attempt_says_that_it_was():
    pauses = [
        ended(Known(wanted="w", state="asked", attempt=n), Ended("failed"), NOW).after - NOW
        for n in range(1, MOST_ATTEMPTS)
    ]
    assert pauses == [BACK_OFF_S * 2**n for n in range(MOST_ATTEMPTS - 1)]
    last = ended(Known(wanted="w", state="asked", attempt=MOST_ATTEMPTS), Ended("failed"), NOW)
    assert last.state == "stopped"
    assert f"tried {MOST_ATTEMPTS} times" in last.why
    assert waiting(Memory(open={"oak": last}), NOW + 1e9) == []


# --- names


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("oak-street", "oak-street"),
        ("Villa Solana, 12 Calle Mayor", "villa-solana-12-calle-mayor"),
        ("Château d'Été", "chateau-d-ete"),
        ("Campaign", "campaign"),
        ("a" * 100, "a" * 63),
    ],
)
def test_names_are_brought_to_slugs(name, slug):
    assert slug_of(name) == slug


def test_names_without_any_latin_letter_get_campaigns_of_their_own():
    one, other = slug_of("北京四合院"), slug_of("Βίλα")
    assert one != other
    assert {one[:9], other[:9]} == {"campaign-"}
    assert slug_of("北京四合院") == one


def test_of_names_that_come_to_one_slug_the_exact_one_counts_else_the_earlier_one_else_none():
    assert name_campaigns(["oak", "Oak"], lambda slug: "Oak").folders == {"oak": "oak"}
    assert name_campaigns(["Oak", "OAK"], lambda slug: "OAK").folders == {"oak": "OAK"}
    none = name_campaigns(["Oak", "OAK", "elm"], lambda slug: "")
    assert none.folders == {"elm": "elm"}
    assert len(none.refused) == 2
    assert all("oak" in sentence and "Rename" in sentence for sentence in none.refused)
