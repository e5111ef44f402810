"""What the journal tells of an order, as lines of a campaign's story."""

from datetime import UTC, datetime, timedelta

from property_video.core.ledger import Booked, Claimed, Event, Fell, Intent, Observed, Owner, Placed, Refused, Settled
from property_video.core.story import Line, bought, in_order

VEO = "replicate:google/veo-3.1-fast"
AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def intent() -> Intent:
    return Intent(
        at=AT,
        attempt=1,
        intent="i1",
        rung=VEO,
        provider="replicate",
        model="google/veo-3.1-fast",
        version=None,
        expect="video",
        price=400_000,
        bills_time=False,
        traceable=True,
        accounts=(),
    )


def told(*events: Event) -> list[Line]:
    return list(bought("oak-street", "scene_3-abc", events))


def test_an_order_that_was_delivered_is_told_from_price_to_cost():
    lines = told(
        Claimed(at=AT, owner=Owner(host="h", pid=1, started="1")),
        intent(),
        Placed(at=AT, prediction="p1", adopted=True),
        Observed(at=AT, status="succeeded", started=True),
        Settled(at=AT, output="media/1"),
        Booked(at=AT, attempt=1, cost=400_000),
    )
    assert [line.event for line in lines] == ["ordered", "placed", "succeeded", "settled", "booked"]
    assert {(line.stage, line.scene, line.provider, line.campaign) for line in lines} == {
        ("order", "scene_3", VEO, "oak-street")
    }
    assert lines[0].message == "for $0.40, attempt 1"
    assert lines[1].message == "prediction p1 (found again)"
    assert [line.cost_usd for line in lines] == [None, None, None, None, 0.4]


def test_trouble_is_told_with_its_reason_and_without_secrets():
    refused = Refused(at=AT, by="provider", reason="403 at https://api.example/v1?token=abc")
    lines = told(intent(), refused, Fell(at=AT, reason="Every model failed.", output="x"))
    assert [(line.event, line.level) for line in lines[1:]] == [("refused", "warning"), ("fell", "warning")]
    assert "token" not in lines[1].message


def test_lines_are_ordered_by_time_and_those_of_one_moment_stay():
    def line(name: str, seconds: int) -> Line:
        return Line(at=AT + timedelta(seconds=seconds), stage="run", event=name)

    story = in_order([line("b", 1), line("c", 1), line("a", 0)])
    assert [each.event for each in story] == ["a", "b", "c"]
