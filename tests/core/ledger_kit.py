"""Events of one order, as far as it may have come."""

from datetime import UTC, datetime
from typing import Any

from property_video.core.ledger import (
    Booked,
    Claimed,
    Downloaded,
    Event,
    Intent,
    Observed,
    Owner,
    Placed,
    Reserved,
    Sending,
    Settled,
)  # fmt: skip

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
OWNER = Owner(host="here", pid=1, started="1")
PRICE = 350_000


def intent(attempt: int = 1, **more: Any) -> Intent:
    values: dict[str, Any] = {
        "intent": f"oak.scene_1.{attempt}", "rung": "fast", "provider": "replicate", "model": "maker/fast",
        "version": None, "expect": "video", "price": PRICE, "bills_time": False, "traceable": True,
        "accounts": ("campaigns/oak",),
    }  # fmt: skip
    return Intent(at=AT, attempt=attempt, **(values | more))


def observed(status: str, started: bool = True, error: str = "") -> Observed:
    return Observed(at=AT, status=status, started=started, error=error)  # type: ignore[arg-type]


SENDING = Sending(at=AT, inputs={"prompt": "x"}, cancel_after_s=600)
SENT: list[Event] = [Claimed(at=AT, owner=OWNER), intent(), Reserved(at=AT), SENDING]
PLACED: list[Event] = [*SENT, Placed(at=AT, prediction="p1")]
SUCCEEDED: list[Event] = [*PLACED, observed("succeeded")]
DOWNLOADED: list[Event] = [*SUCCEEDED, Downloaded(at=AT, raw="media/a")]
SETTLED: list[Event] = [*DOWNLOADED, Settled(at=AT, output="take")]
CLOSED: list[Event] = [*SETTLED, Booked(at=AT, attempt=1, cost=PRICE)]
