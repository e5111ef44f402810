"""Which campaigns are due: wanted, not there, not under way.

A campaign is looked at, which tells what is wanted and what is there; runs end, one way or another; the newest of those
that are due are asked for. What is remembered between two ticks is a `Memory`: losing it costs a look at every
campaign, and no film twice, because the key of a run (campaign, request, attempt) is given to one run only.

Not here: reading uploads, films and runs (defs/reconciling.py gathers them).
"""

import hashlib
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import Field

from property_video.core import errors
from property_video.core.campaign import is_slug, slug_for
from property_video.core.records import Record

MOST_ATTEMPTS: Final = 6
"""Runs for one request, with 31 minutes of pauses between them in all: longer than an outage that heals by itself, and
more than a machine that is killed every few minutes needs."""

BACK_OFF_S: Final = 60.0
"""Pause before the second attempt; it doubles with every further one. Dagster's own retry of a run whose worker died
begins within 15 s, so that it is seen as under way by then."""

MOST_A_TICK: Final = 25
"""Run requests of one tick: each costs the daemon 0.2 CPU s, and a tick may take 60 s."""

MOST_ASKED: Final = 100
"""Runs that may be under way by our asking. More would only queue, and what arrives later could not overtake them."""

MOST_LOOKS: Final = 200
"""Campaigns that one tick looks at because something about them has changed."""

ROUND: Final = 100
"""Campaigns that one tick looks at in turn, though nothing told that they have changed: a photo that was overwritten in
place does not change its folder. Ten thousand campaigns are round in 25 minutes."""


# --- names


@dataclass(frozen=True)
class Named:
    """Campaigns by slug with the names of their folders, and a sentence for every folder that cannot be one."""

    folders: Mapping[str, str]
    refused: tuple[str, ...]


def name_campaigns(names: Iterable[str], before: Callable[[str], str]) -> Named:
    """Tell which folder is which campaign.

    A folder named like a slug is that campaign. Any other name is brought to a slug: accents dropped, all else that is
    no letter or digit made hyphens; a name without any Latin letter or digit becomes `campaign-` and eight digits of
    its hash. Where several names come to one slug, the folder that is named so exactly is the campaign, else the one
    that was it before; else none, until one is renamed.

    Args:
        names: of all folders.
        before: the name of the folder that a campaign was made from before, or "".
    """
    by_slug: dict[str, list[str]] = {}
    for name in names:
        by_slug.setdefault(slug_of(name), []).append(name)
    folders, refused = {}, []
    for slug, alike in by_slug.items():
        chosen = alike[0] if len(alike) == 1 else slug if slug in alike else before(slug)
        if chosen in alike:
            folders[slug] = chosen
        for name in sorted(set(alike) - {chosen}):
            others = ", ".join(repr(other) for other in sorted(alike) if other != name)
            refused.append(f"{name!r} would be the campaign {slug}, as {others}. Rename one of them.")
    return Named(folders, tuple(refused))


def slug_of(name: str) -> str:
    """The campaign that a folder of this name is."""
    if is_slug(name):
        return name
    slug = slug_for(name)
    if slug != "campaign" or "campaign" in name.casefold():
        return slug
    whole = unicodedata.normalize("NFC", name).encode("utf-8", "surrogateescape")
    return f"campaign-{hashlib.sha256(whole).hexdigest()[:8]}"


# --- what is remembered


@dataclass(frozen=True)
class Standing:
    """What a look at one campaign has shown.

    Attributes:
        campaign: its name.
        wanted: the fingerprint of its request.
        there: the request that its last film answers; "" where that film does not show its scenes as they are now.
        mark: a sign of its uploads that changes when they do, and is had without reading them; "" for none.
        changed: when its uploads last changed, in seconds since 1970.
        settled: whether they are all there.
        is_new: whether there was never a film of it.
    """

    campaign: str
    wanted: str
    there: str
    mark: str = ""
    changed: float = 0.0
    settled: bool = True
    is_new: bool = False


class Known(Record):
    """What is remembered of a campaign whose film is not the one that is wanted.

    `state` is "due", "asked" (a run was requested) or "stopped" (it waits for another request; `why` says so).
    `attempt` counts the runs that were asked for; the next one is not before `after`, in seconds since 1970.
    """

    wanted: str
    mark: str = ""
    changed: float = 0.0
    settled: bool = True
    is_new: bool = False
    state: Literal["due", "asked", "stopped"] = "due"
    attempt: int = 0
    after: float = 0.0
    why: str = ""


class Memory(Record):
    """What is remembered of all campaigns: the marks of those that have what they want, and the open ones."""

    there: dict[str, str] = Field(default_factory=dict)
    open: dict[str, Known] = Field(default_factory=dict)

    def mark(self, campaign: str) -> str | None:
        """The mark under which a campaign was last looked at; None when it never was, or has to be again."""
        if campaign in self.there:
            return self.there[campaign]
        known = self.open.get(campaign)
        return known.mark if known is not None and known.settled else None


def looked(known: Known | None, standing: Standing) -> Known | None:
    """What is remembered of a campaign after a look; None when its film is there."""
    if standing.wanted == standing.there:
        return None
    now = {
        "mark": standing.mark,
        "changed": standing.changed,
        "settled": standing.settled,
        "is_new": standing.is_new,
    }
    if known is None or known.wanted != standing.wanted:
        return Known(wanted=standing.wanted, **now)
    return known.model_copy(update=now)


# --- how runs end


@dataclass(frozen=True)
class Ended:
    """How the run that was asked for ended.

    Attributes:
        how: "missing" when there is no such run: it was asked for, and the daemon died before it made it.
        kind: the type of the error that failed it; "" when its worker died, or could not be started.
        why: the reason and the remedy.
    """

    how: Literal["missing", "succeeded", "canceled", "failed"]
    kind: str = ""
    why: str = ""


def is_permanent(kind: str) -> bool:
    """Whether an error of that type would come again from the same request."""
    found = getattr(errors, kind, None)
    if kind == "FailedVerification":
        return True
    return isinstance(found, type) and issubclass(found, errors.BadInput | errors.BadOutput | errors.HostedRefusal)


def ended(known: Known, run: Ended, now: float) -> Known:
    """What is remembered of a campaign whose run is over, though its film is not there."""
    if run.how == "missing":
        return known.model_copy(update={"state": "due", "attempt": known.attempt - 1})
    if run.how == "canceled":
        return _stopped(known, "Its run was terminated by a person.")
    why = run.why or ("It ended without the film that was asked for." if run.how == "succeeded" else "Its run died.")
    if run.how == "failed" and is_permanent(run.kind):
        return _stopped(known, why)
    if known.attempt >= MOST_ATTEMPTS:
        return _stopped(known, f"{why} It was tried {known.attempt} times.")
    pause = BACK_OFF_S * 2 ** (known.attempt - 1)
    return known.model_copy(update={"state": "due", "after": now + pause, "why": why})


def _stopped(known: Known, why: str) -> Known:
    return known.model_copy(update={"state": "stopped", "why": why})


# --- whose turn it is


@dataclass(frozen=True)
class Due:
    """A run to be requested. The key is the guarantee: one key is one run, whoever asks and however often."""

    campaign: str
    request: str
    attempt: int
    is_new: bool

    @property
    def run_key(self) -> str:
        """One key is one run."""
        return f"{self.campaign}:{self.request}:{self.attempt}"


def waiting(memory: Memory, now: float) -> list[str]:
    """The campaigns that could be asked for now, newest uploads first; who is under way is not known here."""
    ready = [
        (known.changed, campaign)
        for campaign, known in memory.open.items()
        if known.state == "due" and known.settled and known.after <= now
    ]
    return [campaign for _, campaign in sorted(ready, key=lambda each: (-each[0], each[1]))]


def asked(memory: Memory) -> list[str]:
    """The campaigns whose run was requested and has not come to an end that we know of."""
    return [campaign for campaign, known in memory.open.items() if known.state == "asked"]


def due(memory: Memory, now: float, busy: Iterable[str]) -> tuple[Due, ...]:
    """The runs that this tick asks for.

    Args:
        memory: what is remembered.
        now: seconds since 1970.
        busy: campaigns of which a run is under way.
    """
    room = min(MOST_A_TICK, MOST_ASKED - len(asked(memory)))
    free = [campaign for campaign in waiting(memory, now) if campaign not in set(busy)]
    return tuple(
        Due(campaign, known.wanted, known.attempt + 1, known.is_new)
        for campaign in free[: max(room, 0)]
        for known in (memory.open[campaign],)
    )


def to_look_at(
    memory: Memory, marks: Mapping[str, tuple[str, float]], noted: Iterable[str], after: str, now: float
) -> tuple[list[str], str]:
    """The campaigns that this tick looks at, and where the next tick's round begins.

    Args:
        memory: what is remembered.
        marks: of every campaign that has uploads: its mark, and when that changed.
        noted: campaigns of which somebody changed something in the store.
        after: the last campaign of the round so far; "" for its beginning.
        now: seconds since 1970.
    """
    changed = [campaign for campaign, (mark, _) in marks.items() if memory.mark(campaign) != mark]
    changed.sort(key=lambda campaign: (-marks[campaign][1], campaign))
    everybody = sorted(marks.keys() | memory.there.keys() | memory.open.keys())
    rest = [campaign for campaign in everybody if campaign > after]
    turn = rest[:ROUND]
    noted, waiting_ = sorted(set(noted)), waiting(memory, now)
    wanted = [*noted[:MOST_LOOKS], *changed[:MOST_LOOKS], *waiting_[:MOST_LOOKS], *asked(memory), *turn]
    return list(dict.fromkeys(wanted)), turn[-1] if len(rest) > ROUND else ""
