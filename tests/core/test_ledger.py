"""The ledger: what events fold to, what is booked, and what never gets into a journal."""

from datetime import timedelta

import pytest
from ledger_kit import AT, CLOSED, DOWNLOADED, PLACED, PRICE, SENDING, SENT, SETTLED, SUCCEEDED, intent, observed

from property_video.core.errors import StoreError
from property_video.core.ledger import (
    ENDED,
    Booked,
    Downloaded,
    Entry,
    Event,
    Fell,
    Gone,
    Lost,
    Refused,
    Rejected,
    Reopened,
    Reserved,
    Sending,
    Settled,
    Skipped,
    Surplus,
    Unsent,
    Uploaded,
    cost_of,
    fold,
    is_echo,
    seed_of,
)
from property_video.core.money import in_usd, micros, spelled
from property_video.core.redaction import redacted, redacted_values

# --- the booking rule


@pytest.mark.parametrize(
    ("events", "cost"),
    [
        (SETTLED, PRICE),
        ([*SUCCEEDED, Gone(at=AT, reason="404")], PRICE),
        ([*SUCCEEDED, Rejected(at=AT, raw="", reason="null")], PRICE),
        ([*PLACED, observed("canceled", started=True)], PRICE),
        ([*PLACED, observed("processing"), observed("canceled", started=False)], PRICE),
        ([*PLACED, observed("canceled", started=False)], 0),
        ([*PLACED, observed("aborted", started=False)], 0),
        ([*PLACED, observed("failed")], 0),
        ([*SENT, Refused(at=AT, by="provider", reason="422")], 0),
        ([*SENT, Lost(at=AT, reason="?")], PRICE),
        ([*PLACED, Lost(at=AT, reason="?")], PRICE),
        ([*SENT, Settled(at=AT, output="choice", cost=1234)], 1234),
        ([*SENT, Surplus(at=AT, prediction="p2", status="canceled", cost=PRICE), *SETTLED[4:]], 2 * PRICE),
    ],
)
def test_every_ending_is_booked_by_the_rule(events: list[Event], cost: int):
    attempt = fold(events).attempt
    assert attempt is not None and attempt.ended
    assert cost_of(attempt) == cost


def test_a_model_that_bills_time_charges_for_failures():
    attempt = fold([SENT[0], intent(bills_time=True), *SENT[2:], PLACED[-1], observed("failed")]).attempt
    assert attempt is not None
    assert cost_of(attempt) == PRICE


def test_a_lost_attempt_is_resolved_by_a_later_booking_and_no_other_is():
    lost = [*SENT, Lost(at=AT, reason="?"), Booked(at=AT, attempt=1, cost=PRICE)]
    assert fold([*lost, Booked(at=AT, attempt=1, cost=0, note="resolved")]).cost == 0
    with pytest.raises(StoreError):
        fold([*CLOSED, Booked(at=AT, attempt=1, cost=0)])


# --- states


def test_an_order_is_closed_when_it_is_settled_and_booked():
    assert not fold(SETTLED).closed
    state = fold(CLOSED)
    assert (state.closed, state.output, state.cost) == (True, "take", PRICE)


def test_an_order_that_fell_is_closed_with_what_the_embedded_provider_made():
    failed = [*PLACED, observed("failed", error="E005"), Booked(at=AT, attempt=1, cost=0)]
    state = fold([*failed, Fell(at=AT, reason="E005", output="embedded take")])
    assert (state.closed, state.output) == (True, "embedded take")


def test_a_reopened_order_begins_anew_and_keeps_its_costs():
    state = fold([*CLOSED, Reopened(at=AT + timedelta(days=1), reason="gone")])
    assert (state.closed, state.attempt, state.cost) == (False, None, PRICE)
    again = fold([*CLOSED, Reopened(at=AT, reason="gone"), intent(2)])
    assert again.attempt is not None and again.attempt.begun.attempt == 2


def test_the_first_bad_download_is_fetched_again_and_the_second_ends_it():
    bad = Rejected(at=AT, raw="media/a", reason="black")
    once = fold([*DOWNLOADED, bad]).attempt
    assert once is not None and once.stage == "succeeded"
    twice = fold([*DOWNLOADED, bad, Downloaded(at=AT, raw="media/b"), bad]).attempt
    assert twice is not None and twice.stage == "rejected"


def test_a_request_that_made_nothing_leaves_its_input_behind_for_look_ups():
    again = Sending(at=AT, inputs={"prompt": "y"}, cancel_after_s=600)
    attempt = fold([*SENT, Unsent(at=AT, reason="429", again_at=AT), again]).attempt
    assert attempt is not None
    assert attempt.inputs == ({"prompt": "x"}, {"prompt": "y"})


EVERY: list[Event] = [
    Reserved(at=AT), Uploaded(at=AT, name="image", file_id="f", address="https://x/y", sha256="0"), SENDING,
    Unsent(at=AT, reason="", again_at=AT), PLACED[-1], Surplus(at=AT, prediction="p2", status="failed", cost=0),
    observed("processing"), DOWNLOADED[-1], Rejected(at=AT, raw="a", reason=""), SETTLED[-1],
    Refused(at=AT, by="budget", reason=""), Gone(at=AT, reason=""), Lost(at=AT, reason=""),
]  # fmt: skip


@pytest.mark.parametrize("event", EVERY, ids=lambda event: event.kind)
def test_nothing_happens_to_an_attempt_that_has_ended_or_was_never_begun(event: Event):
    for before in ([], SENT[:1], SETTLED, CLOSED):
        with pytest.raises(StoreError, match="does not follow"):
            fold([*before, event])


def test_money_is_never_asked_for_before_it_is_held():
    with pytest.raises(StoreError):
        fold([*SENT[:2], SENDING])


def test_a_request_in_doubt_cannot_be_sent_again():
    with pytest.raises(StoreError):
        fold([*SENT, SENDING])


@pytest.mark.parametrize("events", [SENT[:2], SENT, PLACED, SUCCEEDED, DOWNLOADED, SETTLED])
def test_no_attempt_begins_and_no_one_else_delivers_while_one_is_open(events: list[Event]):
    for early in (intent(2), Fell(at=AT, reason="", output=""), Reopened(at=AT, reason="")):
        with pytest.raises(StoreError):
            fold([*events, early])


def test_every_event_survives_its_json():
    for event in (*CLOSED, *EVERY, Skipped(at=AT, rung="fast", reason="")):
        assert Entry.model_validate_json(Entry(event).model_dump_json()).root == event


def test_what_has_ended_is_exactly_what_can_be_booked():
    for events in (SENT[:2], SENT[:3], SENT, PLACED, SUCCEEDED, DOWNLOADED):
        attempt = fold(events).attempt
        assert attempt is not None and attempt.stage not in ENDED
        with pytest.raises(StoreError):
            fold([*events, Booked(at=AT, attempt=1, cost=0)])


# --- echoes and seeds


def test_an_echo_is_recognized_whatever_its_links_are_signed_with():
    sent = redacted_values({"image": "https://x.example/i/1.jpg?sig=a", "seconds": 5})
    assert is_echo(sent, {"image": "https://x.example/i/1.jpg?sig=b", "seconds": 5.0, "default": True})
    assert not is_echo(sent, {"image": "https://x.example/i/2.jpg?sig=a", "seconds": 5})
    assert not is_echo(sent, {})


def test_every_intent_has_a_seed_of_its_own_that_models_take():
    seeds = {seed_of(f"oak.scene_{number}.1") for number in range(500)}
    assert len(seeds) == 500
    assert min(seeds) > 0 and max(seeds) < 2**31


# --- money and secrets


@pytest.mark.parametrize(
    ("usd", "amount"), [(0.07, 70_000), ("0.1", 100_000), (0.1 + 0.2, 300_001), (0.0000001, 1), (12, 12_000_000)]
)
def test_dollars_become_micro_dollars_and_are_never_rounded_down(usd: float | str, amount: int):
    assert micros(usd) == amount


def test_amounts_are_spelled_for_people():
    assert [spelled(each) for each in (0, 350_000, 12_000_000, 12_500, 1)] == [
        "$0.00", "$0.35", "$12.00", "$0.0125", "$0.000001",
    ]  # fmt: skip
    assert in_usd(350_000) == 0.35


@pytest.mark.parametrize(
    "text",
    [
        "https://s3.example/b/i/1/first.jpg?X-Amz-Signature=SECRET&X-Amz-Expires=60",
        "see HTTPS://delivery.example/a/out.mp4?token=SECRET, or not",
        "http://user:SECRET@host.example/path#SECRET",
        "Authorization: Bearer SECRET-TOKEN",
        "r8_SECRETSECRET was refused", "sk-SECRETSECRET", "xai-SECRETSECRET",
    ],
)  # fmt: skip
def test_no_key_and_no_signature_is_written_down(text: str):
    event = Refused(at=AT, by="provider", reason=text)
    sending = Sending(at=AT, inputs={"deep": [{"url": text}]}, cancel_after_s=5)
    assert "SECRET" not in event.model_dump_json() + sending.model_dump_json()


def test_a_link_keeps_what_it_is_known_by_and_an_embedded_file_its_hash():
    assert redacted("https://x.example/i/1.jpg?sig=a") == "https://x.example/i/1.jpg"
    assert redacted("ask: why? because") == "ask: why? because"
    one, other = (redacted(f"data:image/jpeg;base64,{data}") for data in ("AAAA", "BBBB"))
    assert one != other and "AAAA" not in one
