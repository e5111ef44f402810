"""The ladder: what is done next, decided from what has happened and the time alone."""

from datetime import timedelta
from typing import Any

import pytest
from ledger_kit import AT, CLOSED, DOWNLOADED, OWNER, PLACED, SENDING, SENT, SUCCEEDED, intent, observed

from property_video.core.ladder import (
    Begin,
    Book,
    Cancel,
    Done,
    Download,
    FallBack,
    HostedOrder,
    LookUp,
    Note,
    Place,
    Policy,
    Poll,
    Reserve,
    Rung,
    Shops,
    Step,
    Verify,
    Wait,
    back_off_s,
    falls,
    may_take_over,
    next_step,
    outcome,
    poll_after_s,
    tries_deserved,
)
from property_video.core.ledger import Booked, Claimed, Event, Fell, Lost, Rejected, Reserved, Unsent, fold

POLICY = Policy()
FAST = Rung(name="fast", provider="replicate", model="maker/fast", price=350_000, files=("image",), deadline_s=600)
CHEAP = Rung(name="cheap", provider="other", model="maker/cheap", price=100_000, files=("image",), deadline_s=600)
ORDER = HostedOrder(id="scene_1", campaign="oak", label="scene_1", rungs=(FAST, CHEAP), patience_s=1800)


def step(events: list[Event], after_s: float = 0, order: HostedOrder = ORDER, **more: Any) -> Step:
    return next_step(order, fold(events), AT + timedelta(seconds=after_s), POLICY, **more)


def failed(error: str, attempt: int = 1) -> list[Event]:
    return [
        intent(attempt), Reserved(at=AT), SENDING, *PLACED[-1:], observed("failed", error=error),
        Booked(at=AT, attempt=attempt, cost=0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("events", "kind"),
    [
        (SENT[:1], Begin), (SENT[:2], Reserve), (SENT[:3], Place), (SENT, LookUp), (PLACED, Poll),
        (SUCCEEDED, Download), (DOWNLOADED, Verify), (CLOSED[:-1], Book), (CLOSED, Done),
    ],
)  # fmt: skip
def test_a_purchase_goes_its_way(events: list[Event], kind: type):
    assert isinstance(step(events), kind)


# --- transient trouble


def test_a_request_in_doubt_is_looked_up_from_before_it_was_sent_until_it_must_have_arrived():
    found = step(SENT)
    assert isinstance(found, LookUp)
    assert found.since == AT - timedelta(seconds=120)
    assert found.certain_at == AT + timedelta(seconds=POLICY.call_s + POLICY.lag_s)


def test_a_request_in_doubt_is_lost_when_its_input_can_be_matched_no_more():
    night: list[Event] = [*SENT, Claimed(at=AT + timedelta(hours=12), owner=OWNER)]
    found = step(night, 12 * 3600)
    assert isinstance(found, Note) and isinstance(found.event, Lost)
    assert isinstance(step([*SENT, Claimed(at=AT + timedelta(seconds=3000), owner=OWNER)], 3500), LookUp)


def test_a_request_in_doubt_does_not_hold_the_film_long_beyond_its_patience():
    short = ORDER.model_copy(update={"patience_s": 60.0})
    assert isinstance(step(SENT, 200, short), LookUp)
    found = step(SENT, POLICY.call_s + POLICY.lag_s + POLICY.doubt_s, short)
    assert isinstance(found, Note) and isinstance(found.event, Lost)


def test_what_was_not_sent_waits_for_its_time_and_for_its_provider():
    again: list[Event] = [*SENT, Unsent(at=AT, reason="429", again_at=AT + timedelta(seconds=7))]
    assert step(again) == Wait(AT + timedelta(seconds=7))
    held = Shops(held={"replicate": AT + timedelta(seconds=20)})
    assert step(again, shops=held) == Wait(AT + timedelta(seconds=20))
    assert isinstance(step(again, 20, shops=held), Place)


def test_what_cannot_be_sent_within_its_deadline_gives_way_to_the_next_rung():
    late: list[Event] = [*SENT, Unsent(at=AT, reason="429", again_at=AT + timedelta(hours=1))]
    found = step(late)
    assert isinstance(found, Note) and found.event.kind == "refused"
    assert isinstance(step([*SENT[:3], Claimed(at=AT + timedelta(hours=9), owner=OWNER)], 9 * 3600), Place), (
        "a night in which nobody worked does not count"
    )


def test_the_provider_is_told_when_to_stop_by_itself():
    found = step(SENT[:3], 1500)
    assert isinstance(found, Note), "600 s after the intent it is too late for this rung"
    fresh: list[Event] = [SENT[0], intent().model_copy(update={"at": AT + timedelta(seconds=1500)}), SENT[2]]
    found = step(fresh, 1500)
    assert isinstance(found, Place)
    assert found.cancel_after_s == 300, "what is left of the order's patience"


# --- deadlines


def test_a_prediction_is_stopped_after_its_deadline_and_given_up_if_it_cannot_be():
    assert step(PLACED) == Poll(AT + timedelta(seconds=615))
    assert isinstance(step(PLACED, 614), Poll)
    assert isinstance(step(PLACED, 615), Cancel)
    found = step(PLACED, 615 + 300)
    assert isinstance(found, Note) and isinstance(found.event, Lost)


def test_after_a_night_a_prediction_is_asked_for_before_it_is_given_up():
    assert isinstance(step([*PLACED, Claimed(at=AT + timedelta(hours=9), owner=OWNER)], 9 * 3600), Cancel)
    assert isinstance(step([*SUCCEEDED, Claimed(at=AT + timedelta(hours=9), owner=OWNER)], 9 * 3600), Download)


def test_an_output_is_fetched_for_as_long_as_it_lives_whatever_the_patience():
    impatient = ORDER.model_copy(update={"patience_s": 0.0})
    assert isinstance(step(SUCCEEDED, 3599, impatient), Download)
    found = step(SUCCEEDED, 3600, impatient)
    assert isinstance(found, Note) and found.event.kind == "gone"


def test_sound_that_cannot_be_fetched_holds_no_film_back_beyond_its_deadline():
    sound: list[Event] = [SUCCEEDED[0], intent(expect="audio"), *SUCCEEDED[2:]]
    assert isinstance(step(sound, 1799), Download)
    found = step(sound, 1800)
    assert isinstance(found, Note) and found.event.kind == "gone"
    late: list[Event] = [*sound, Claimed(at=AT + timedelta(seconds=3000), owner=OWNER)]
    assert isinstance(step(late, 3000 + POLICY.grace_s - 1), Download)


# --- delivery and production trouble


def test_a_bad_output_that_comes_again_the_same_is_not_verified_again():
    bad: Event = Rejected(at=AT, raw="media/a", reason="black")
    assert isinstance(step([*DOWNLOADED, bad]), Download)
    found = step([*DOWNLOADED, bad, DOWNLOADED[-1]])
    assert isinstance(found, Note) and isinstance(found.event, Rejected)


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        ("Service is currently unavailable due to high demand. Please try again (E003)", 3),
        ("temporarily unavailable (E004)", 3),
        ("Prediction interrupted; please retry (code: PA)", 3),
        ("Director: unexpected error handling prediction (E9828)", 3),
        ("Timeout starting (E6716)", 3),
        ("Unknown error (E1000)", 3),
        ("The input was invalid. Please check your input and try again. (E006)", 2),
        ("The input or output was flagged as sensitive. Please try again with different inputs. (E005)", 1),
        ("Prediction failed: Async prediction failed: ModelError: ... (E005) (uIJ6l3ruRD)", 1),
        ("Director: unexpected error handling prediction (E1001): out of memory", 1),
        ("Prompt is longer than audio to generate", 1),
        ("", 1),
    ],
)
def test_which_failures_deserve_another_attempt(error: str, tries: int):
    assert tries_deserved(error) == tries


def test_another_attempt_comes_after_a_pause_and_then_the_next_rung():
    events: list[Event] = [SENT[0], *failed("(E003)")]
    assert step(events) == Wait(AT + timedelta(seconds=10))
    assert step(events, 10) == Begin(FAST, 2)
    events += failed("(E003)", 2)
    assert step(events, 59) == Wait(AT + timedelta(seconds=60))
    assert step(events, 60) == Begin(FAST, 3)
    events += failed("(E003)", 3)
    assert step(events) == Begin(CHEAP, 4)


def test_the_embedded_provider_is_the_last_rung_and_told_why():
    assert isinstance(step(SENT[:1], order=ORDER.model_copy(update={"rungs": ()})), FallBack)
    found = step([SENT[0], *failed("(E005)")], order=ORDER.model_copy(update={"rungs": (FAST,)}))
    assert found == FallBack("fast: (E005)")


def test_no_attempt_begins_after_the_order_s_patience():
    found = step(SENT[:1], 1800)
    assert isinstance(found, FallBack) and "1800" in found.reason


def test_a_closed_provider_is_passed_over_with_its_reason():
    found = step(SENT[:1], shops=Shops(closed={"replicate": "No credit."}))
    assert isinstance(found, Note) and found.event.kind == "skipped"
    assert step([SENT[0], found.event]) == Begin(CHEAP, 1)
    placed = step(PLACED, shops=Shops(closed={"replicate": "No credit."}))
    assert isinstance(placed, Poll), "what is paid for is still waited for"


def test_a_rung_that_the_brief_dropped_is_not_sent_but_one_that_was_sent_is_seen_to_its_end():
    other = ORDER.model_copy(update={"rungs": (CHEAP,)})
    found = step(SENT[:3], order=other)
    assert isinstance(found, Note) and found.event.kind == "refused"
    assert isinstance(step(PLACED, order=other), Poll)


def test_falls_are_told_in_the_order_of_the_ladder_and_former_rungs_first():
    state = fold([SENT[0], *failed("(E005)")])
    assert falls(ORDER, state) == ("fast: (E005)",)
    assert falls(ORDER.model_copy(update={"rungs": (CHEAP,)}), state) == ("fast: (E005)",)


# --- chains, outcomes, waiting


def test_a_link_waits_for_the_one_before_and_falls_with_it():
    link = ORDER.model_copy(update={"after": "scene_0"})
    assert step(SENT[:1], order=link, before=fold(PLACED)) == Wait(None)
    assert isinstance(step(SENT[:1], order=link, before=fold(CLOSED)), Begin)
    fallen = fold([SENT[0], Fell(at=AT, reason="x", output="")])
    assert isinstance(step(SENT[:1], order=link, before=fallen), FallBack)


def test_an_outcome_says_who_delivered_and_what_it_cost():
    told = outcome(ORDER, fold([SENT[0], *failed("(E005)"), Fell(at=AT, reason="no rung left", output="take")]))
    assert (told.rung, told.output, told.attempts, told.fell) == ("embedded", "take", 1, ("fast: (E005)",))
    told = outcome(ORDER, fold(CLOSED))
    assert (told.rung, told.output, told.cost, told.fell) == ("fast", "take", 350_000, ())


def test_polls_and_retries_become_rarer():
    assert [poll_after_s(age) for age in (0, 29, 30, 600)] == [2, 2, 5, 5]
    assert [back_off_s(number) for number in (1, 2, 3, 6, 60)] == [1, 2, 4, 30, 30]


# --- owners


@pytest.mark.parametrize(
    ("alive", "silent_s", "may"),
    [(True, 1e9, False), (False, 0.0, True), (None, 10.0, False), (None, 180.0, True), (None, float("inf"), True)],
)
def test_an_order_is_taken_over_only_from_a_process_that_is_proven_dead(alive: bool | None, silent_s: float, may: bool):
    for events in (SENT[:2], PLACED):
        assert may_take_over(fold(events), AT, POLICY, alive=alive, silent_s=silent_s) == may


def test_an_order_is_not_taken_over_while_a_request_of_the_dead_may_still_arrive():
    assert not may_take_over(fold(SENT), AT + timedelta(seconds=89), POLICY, alive=False, silent_s=0)
    assert may_take_over(fold(SENT), AT + timedelta(seconds=90), POLICY, alive=False, silent_s=0)
