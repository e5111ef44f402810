"""A campaign's story: what happened to it, line by line, whoever tells it.

One form for the lines that a run writes while it works and for those that are read later from run history and journal.

Not here: reading the run history (engine/story.py), writing lines (engine/log_lines.py).
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from pydantic import AwareDatetime

from property_video.core.ledger import (
    Booked,
    Event,
    Fell,
    Intent,
    Observed,
    Placed,
    Refused,
    Rejected,
    Reopened,
    Settled,
    Skipped,
    Unsent,
)
from property_video.core.money import in_usd, spelled
from property_video.core.records import Record
from property_video.core.redaction import Redacted

ORDER = "order"
"""The stage of lines that tell of what was bought."""


class Line(Record):
    """One thing that happened.

    Attributes:
        at: when, in UTC.
        level: "info", "warning" or "error".
        campaign: whose; "" for what concerns none.
        run: the run's id; "" for what the journal tells.
        stage: what was done: an asset's name, "run", or "order" for what was bought.
        scene: the scene or track that it concerns, or "".
        event: what happened, in a word: begun, made, found, done, failed, said, ordered, booked …
        duration_s: how long it took; None where that means nothing.
        provider: who made it, or who was asked.
        cost_usd: what hosted models were paid for it; None where that means nothing.
        message: the rest, for people. No secret is in it.
    """

    at: AwareDatetime
    level: str = "info"
    campaign: str = ""
    run: str = ""
    stage: str
    scene: str = ""
    event: str
    duration_s: float | None = None
    provider: str = ""
    cost_usd: float | None = None
    message: Redacted = ""


def scene_of(stage: str) -> str:
    """The scene or track that a stage is about, or ""."""
    return stage if stage.startswith("scene_") or stage == "audio_track" else ""


def bought(campaign: str, order: str, events: Iterable[Event]) -> Iterator[Line]:
    """What the journal tells of one order, oldest first; steps that only matter to the buyer itself are left out."""
    provider = ""
    for event in events:
        provider = event.rung if isinstance(event, Intent | Skipped) else provider
        told = _told(event)
        if told is not None:
            name, level, message = told
            yield Line(
                at=event.at,
                level=level,
                campaign=campaign,
                stage=ORDER,
                scene=scene_of(order.split("-", 1)[0]),
                event=name,
                provider=provider,
                cost_usd=in_usd(event.cost) if isinstance(event, Booked) else None,
                message=message,
            )


def _told(event: Event) -> tuple[str, str, str] | None:
    """What an event is called, how much it matters, and what there is to say."""
    match event:
        case Intent():
            return "ordered", "info", f"for {spelled(event.price)}, attempt {event.attempt}"
        case Placed():
            return "placed", "info", f"prediction {event.prediction}{' (found again)' if event.adopted else ''}"
        case Observed():
            level = "info" if event.status in ("starting", "processing", "succeeded") else "warning"
            return event.status, level, event.error
        case Skipped() | Refused() | Rejected() | Unsent() | Fell():
            return event.kind, "warning", event.reason
        case Settled():
            return "settled", "info", ""
        case Booked():
            return "booked", "info", event.note
        case Reopened():
            return "reopened", "info", event.reason
    if event.kind in ("gone", "lost"):
        return event.kind, "error", event.reason
    return None


def in_order(lines: Iterable[Line]) -> list[Line]:
    """Lines by time; those of one moment stay as they were told."""

    def when(line: Line) -> datetime:
        return line.at

    return sorted(lines, key=when)
