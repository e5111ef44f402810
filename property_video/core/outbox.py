"""What is told to the agency's own systems, and when it is told again: pure rules of the outbox.

Not here: keeping messages (outbox/messages.py), sending them (outbox/sending.py).
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from typing import Final, Literal

from pydantic import Field

from property_video.core.brief import Brief
from property_video.core.ledger import Owner
from property_video.core.money import micros, spelled
from property_video.core.outputs import Film, MediaRef
from property_video.core.records import Record

MOST_TRIES: Final = 12
"""Of one message to one place: with the pauses below, over three days."""

FIRST_PAUSE_S: Final = 30.0
LONGEST_PAUSE_S: Final = 6 * 3600.0
"""Seconds between two tries: 30, doubling up to six hours."""

LEASE_S: Final = 600.0
"""A try that says nothing for so long, on a machine that nobody can ask, is over: a film of 200 MB takes a minute."""


class ScenePart(Record):
    """Where one scene of a film comes from."""

    scene: str
    title: str
    first: str
    last: str
    provider: str
    seconds: float


class Message(Record):
    """One thing to tell: a finished film, or a film that cannot be made.

    `id` is the film's fingerprint, or that of the request that failed: what is told once. `facts` are the brief's facts
    of the property, `provenance` says where each second comes from, `note` is for the photographer.
    """

    kind: Literal["film_finished", "film_failed"]
    id: str
    campaign: str
    client: str = ""
    title: str = ""
    seconds: float = 0.0
    cost_usd: float = 0.0
    film: MediaRef | None = None
    poster: MediaRef | None = None
    facts: dict[str, object] = Field(default_factory=dict)
    provenance: tuple[ScenePart, ...] = ()
    music: str = ""
    note: tuple[str, ...] = ()
    why: str = ""

    @property
    def key(self) -> str:
        """What makes it the same message wherever it arrives twice."""
        return f"{self.kind}:{self.campaign}:{self.id}"


def of_film(film: Film, brief: Brief, note: Sequence[str], fps: int) -> Message:
    """The message of a finished film."""
    shown = [clip for clip in film.scenes if clip.take is not None]
    return Message(
        kind="film_finished",
        id=film.fingerprint,
        campaign=film.campaign,
        client=film.client,
        title=film.title,
        seconds=film.duration_s,
        cost_usd=film.cost_usd,
        film=film.media,
        poster=shown[0].take.stills[0] if shown and shown[0].take and shown[0].take.stills else None,
        facts=brief.property.model_dump(mode="json", exclude_none=True, exclude_defaults=True),
        provenance=tuple(
            ScenePart(
                scene=clip.scene,
                title=clip.title,
                first=clip.first,
                last=clip.last,
                provider=clip.take.provider,
                seconds=clip.take.frames / fps,
            )
            for clip in shown
            if clip.take is not None
        ),
        music=film.track.provider,
        note=tuple(note),
    )


def of_failure(campaign: str, request: str, why: str) -> Message:
    """The message of a film that is not tried again by itself."""
    return Message(kind="film_failed", id=request, campaign=campaign, why=why)


def in_words(message: Message, where: str) -> str:
    """The message as one sentence for people, as Slack shows it; `where` is where the film can be seen."""
    if message.kind == "film_failed":
        return f"No film of {message.campaign}: {message.why} It waits for a change of its photos, brief or edits."
    cost = f", {spelled(micros(message.cost_usd))}" if message.cost_usd else ""
    name = message.title if message.title == message.campaign else f"{message.title} ({message.campaign})"
    return f"The film of {name} is ready: {message.seconds:.0f} s{cost}. {where}"


def facts_json(message: Message) -> str:
    """All that is told of a film besides the film, as JSON for other systems."""
    told = message.model_dump(mode="json", exclude={"film", "poster", "kind", "why"})
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"


def body(message: Message, where: str) -> bytes:
    """What a webhook is sent."""
    told = message.model_dump(mode="json", exclude={"film", "poster", "kind"})
    event = {"event": message.kind, "key": message.key, "text": in_words(message, where), "film": where, **told}
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def slack_body(message: Message, where: str) -> bytes:
    """What an incoming webhook of Slack is sent: its text alone, with Slack's own marks escaped."""
    text = in_words(message, where)
    for sign, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):  # docs.slack.dev, "Escaping text"
        text = text.replace(sign, written)
    return json.dumps({"text": text}, ensure_ascii=False).encode()


def signature(secret: str, at: int, content: bytes) -> str:
    """`t=…,v1=…`: HMAC-SHA256 of the time, a dot and the body, so that neither can be replayed or changed.

    Args:
        secret: shared with the receiver.
        at: seconds since 1970; a receiver should refuse what is older than five minutes.
        content: the body as it is sent.
    """
    digest = hmac.new(secret.encode(), f"{at}.".encode() + content, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


# --- tries


class Try(Record):
    """One try to deliver a message to a place; `ended` and `failed` once it has failed. Times in seconds since 1970."""

    owner: Owner
    at: float
    ended: float = 0.0
    failed: str = ""
    for_good: bool = False


def pause_s(failed: int) -> float:
    """Seconds until the next try, after so many failures."""
    return float(min(FIRST_PAUSE_S * 2 ** (failed - 1), LONGEST_PAUSE_S))


def next_try(tries: Sequence[Try], now: float, is_alive: Callable[[Owner], bool | None]) -> int | None:
    """The number of the try that may be made now; None when it is too soon, another process tries, or never again.

    A process that died in the middle may have delivered: a webhook is then told again, with the same key.
    """
    if not tries:
        return 1
    last = tries[-1]
    if given_up(tries):
        return None
    if last.ended:
        return len(tries) + 1 if now >= last.ended + pause_s(len(tries)) else None
    alive = is_alive(last.owner)
    over = alive is False or (alive is None and now >= last.at + LEASE_S)
    return len(tries) + 1 if over else None


def given_up(tries: Sequence[Try]) -> bool:
    """Whether a place is not tried any more."""
    return bool(tries) and bool(tries[-1].ended) and (tries[-1].for_good or len(tries) >= MOST_TRIES)
