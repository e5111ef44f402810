"""The ladder: hosted orders, and what is done next for one of them.

`next_step` decides everything from the order, its state, the time and the policy; whoever carries the steps out
(orders/pump.py) decides nothing. Three kinds of trouble have three answers here:

- *transient*: the attempt stays where it is; it is tried again, inside its deadline.
- *delivery*: the output is paid for; it is fetched again for as long as it lives, and once more when verification
  rejects what came.
- *production*: the attempt ends; the same rung is tried again where the error deserves it, else the next rung.

The last rung is the embedded provider, and is not written down: it always delivers.

Not here: events and states (ledger.py), waiting, sending and storing (orders/pump.py).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from pydantic import Field

from property_video.core.ledger import (
    Attempt,
    Event,
    Gone,
    Intent,
    Lost,
    Medium,
    OrderState,
    Refused,
    Rejected,
    Reopened,
    Skipped,
    cost_of,
)
from property_video.core.money import Micros
from property_video.core.records import Record

MOST_TRIES: Final = 3
"""Attempts on one rung where an error deserves another one."""

PAUSES_S: Final = (10.0, 60.0)
"""Before the second and the third attempt on a rung: 5 to 60 s."""

SHORTEST_CALL_S: Final = 5.0
"""The shortest life that can be given to a prediction (Replicate's Cancel-After)."""

SKEW_S: Final = 120.0
"""By how much the provider's clock may be behind ours when predictions are listed."""


# --- what is ordered


class Rung(Record):
    """One way to have an order made by a hosted model.

    Attributes:
        name: unique in its ladder, as people read it: `replicate:google/veo-3.1-fast`.
        provider: who is asked; a key of the pump's services.
        model: `owner/name`.
        version: for models that need one.
        inputs: everything that is sent, but files and seed.
        files: inputs that take the address of a file; the files are made when it is placed.
        seed_key: the input that takes a seed of the intent's own; "" where the model has none, or `inputs` has one.
        expect: what comes out.
        price: the most that one prediction is charged with.
        bills_time: whether a failed prediction is charged for the time it ran.
        deadline_s: seconds that a prediction is given, from its creation.
    """

    name: str
    provider: str
    model: str
    version: str | None = None
    inputs: dict[str, Any] = Field(default_factory=dict)
    files: tuple[str, ...] = ()
    seed_key: str = ""
    expect: Medium = "video"
    price: Micros
    bills_time: bool = False
    deadline_s: float = Field(default=1200.0, ge=SHORTEST_CALL_S)

    @property
    def traceable(self) -> bool:
        """Whether an attempt's input is unlike any other's: by the addresses of its files, or by its seed."""
        return bool(self.files or self.seed_key)


class HostedOrder(Record):
    """One piece of work that hosted models are asked for, before the embedded provider.

    Attributes:
        id: names the order in the journal, for ever: equal ids mean equal work, which is bought once.
        campaign: whose.
        label: what people call it: `scene_3`, `audio_track`.
        rungs: the ladder, first choice first; an empty one goes to the embedded provider at once.
        after: the order whose output this one goes on from (a chain of music), or "".
        withdrawn: whether nobody wants it any more: what is under way is stopped and booked, and nothing is begun.
        patience_s: seconds after which no attempt begins and a running one is stopped, counted from the time the order
            was claimed: time in which no process worked on it does not count.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,95}$")
    campaign: str
    label: str
    rungs: tuple[Rung, ...]
    after: str = ""
    withdrawn: bool = False
    patience_s: float = 2400.0

    def rung(self, name: str) -> Rung | None:
        """The rung of that name, if the ladder (still) has it."""
        return next((rung for rung in self.rungs if rung.name == name), None)


OnLost = Literal["embedded", "pay_again"]


@dataclass(frozen=True)
class Policy:
    """How patient we are.

    Attributes:
        on_lost: what follows when it can no longer be told whether an attempt was paid for.
        call_s: a request has arrived, or never will, this long after it was sent; the client gives up earlier.
        lag_s: a prediction is listed this long after it was made (a guess).
        traceable_s: for how long after its request a prediction's input can be matched; then it is removed.
        doubt_s: for how long an attempt in doubt is looked up after patience has ended, before it counts as lost.
        grace_s: after a prediction's own deadline, before we stop it ourselves.
        stop_s: for how long after that it is tried to be stopped, before it counts as lost.
        output_life_s: for how long after its success an output can be fetched.
        lease_s: an owner on another machine that was silent for so long is gone.
    """

    on_lost: OnLost = "embedded"
    call_s: float = 90.0
    lag_s: float = 30.0
    traceable_s: float = 3600.0
    doubt_s: float = 120.0
    grace_s: float = 15.0
    stop_s: float = 300.0
    output_life_s: float = 3600.0
    lease_s: float = 180.0


# --- steps


@dataclass(frozen=True)
class Done:
    """Nothing is left to do."""


@dataclass(frozen=True)
class Wait:
    """Nothing is to be done before `until`, or, when None, before another order has moved."""

    until: datetime | None


@dataclass(frozen=True)
class Note:
    """Write an event; nothing else happens."""

    event: Event


@dataclass(frozen=True)
class Begin:
    """Write the intent of the next attempt."""

    rung: Rung
    attempt: int


@dataclass(frozen=True)
class Reserve:
    """Have the budget hold the attempt's price, or refuse it."""


@dataclass(frozen=True)
class Place:
    """Upload the files, then send the request, once."""

    rung: Rung
    cancel_after_s: float


@dataclass(frozen=True)
class LookUp:
    """Look for the prediction of a request in doubt among those made at or after `since`.

    A listing that is begun at or after `certain_at` and does not show it proves that there is none.
    """

    since: datetime
    certain_at: datetime


@dataclass(frozen=True)
class Poll:
    """Ask for the prediction's state; no later than `deadline`, when it is stopped instead."""

    deadline: datetime


@dataclass(frozen=True)
class Cancel:
    """Stop the prediction, or learn that it has ended."""


@dataclass(frozen=True)
class Download:
    """Fetch the output into the store."""


@dataclass(frozen=True)
class Verify:
    """Verify the output and settle it."""


@dataclass(frozen=True)
class Book:
    """Book what the attempt cost, in the accounts and in the journal."""

    cost: int


@dataclass(frozen=True)
class FallBack:
    """Have the embedded provider make it."""

    reason: str


Step = Done | Wait | Note | Begin | Reserve | Place | LookUp | Poll | Cancel | Download | Verify | Book | FallBack


@dataclass(frozen=True)
class Shops:
    """What is known of the providers at the moment.

    Attributes:
        closed: providers, or rungs by name, that are not asked any more, with the reason.
        held: providers that asked to wait, and until when.
    """

    closed: Mapping[str, str] = field(default_factory=dict)
    held: Mapping[str, datetime] = field(default_factory=dict)

    def refusal(self, rung: Rung) -> str:
        """Why a rung is not asked; "" when it is."""
        return self.closed.get(rung.provider) or self.closed.get(rung.name, "")


OPEN: Final = Shops()


def next_step(
    order: HostedOrder,
    state: OrderState,
    now: datetime,
    policy: Policy,
    *,
    before: OrderState | None = None,
    shops: Shops = OPEN,
) -> Step:
    """What is done next for an order by its owner.

    Args:
        order: what is wanted.
        state: what has happened.
        now: the time.
        policy: how patient we are.
        before: the state of the order that this one goes on from, if it has one.
        shops: what is known of the providers.
    """
    if state.closed:
        return Done()
    assert state.claimed_at is not None, "an order is claimed before anything is done for it"
    attempt, patience = state.attempt, state.claimed_at + timedelta(seconds=order.patience_s)
    if attempt is None or attempt.booked is not None:
        return _begin(order, state, now, policy, patience, before, shops)
    if attempt.ended:
        return Book(cost_of(attempt))
    match attempt.stage:
        case "intended":
            return Reserve()
        case "reserved":
            return _place(order, state, attempt, now, patience, shops)
        case "sending":
            return _resolve(attempt, now, policy, patience)
        case "placed":
            return _watch(state, attempt, now, policy, patience)
        case "succeeded" | "downloaded" if order.withdrawn:
            return Note(Gone(at=now, reason=_WITHDRAWN))
        case "succeeded":
            return _fetch(state, attempt, now, policy, patience)
        case _:
            return _verify(attempt, now)


_WITHDRAWN: Final = "Nobody wants it any more."


def _begin(
    order: HostedOrder,
    state: OrderState,
    now: datetime,
    policy: Policy,
    patience: datetime,
    before: OrderState | None,
    shops: Shops,
) -> Step:
    if order.withdrawn:
        return Done() if state.attempt is None else Note(Reopened(at=now, reason=_WITHDRAWN))
    if order.after and (before is None or not before.closed):
        return Wait(None)
    if before is not None and before.fell is not None:
        return FallBack("What it goes on from could not be bought.")
    last = state.attempt
    if last is not None and last.stage == "lost" and policy.on_lost == "embedded":
        return FallBack(_story(order, state))
    rung = _next_rung(order, state)
    if rung is None:
        return FallBack(_story(order, state) or "No hosted model was ordered.")
    if now >= patience:
        return FallBack(" ".join(filter(None, (_story(order, state), f"It took over {order.patience_s:g} s."))))
    if shops.refusal(rung):
        return Note(Skipped(at=now, rung=rung.name, reason=shops.refusal(rung)))
    tries = _tries(state, rung.name)
    if tries and tries[-1].ended_at is not None:
        again = tries[-1].ended_at + timedelta(seconds=PAUSES_S[min(len(tries), len(PAUSES_S)) - 1])
        if now < again:
            return Wait(again)
    return Begin(rung, len(state.attempts) + 1)


def intent_of(order: HostedOrder, begin: Begin, now: datetime, accounts: tuple[str, ...]) -> Intent:
    """The intent of an attempt. Its name follows from order and attempt alone, and no other order shares it."""
    rung = begin.rung
    return Intent(
        at=now,
        attempt=begin.attempt,
        intent=f"{order.campaign}.{order.id}.{begin.attempt}",
        rung=rung.name,
        provider=rung.provider,
        model=rung.model,
        version=rung.version,
        expect=rung.expect,
        price=rung.price,
        bills_time=rung.bills_time,
        traceable=rung.traceable,
        accounts=accounts,
    )


def _place(
    order: HostedOrder,
    state: OrderState,
    attempt: Attempt,
    now: datetime,
    patience: datetime,
    shops: Shops,
) -> Step:
    assert state.claimed_at is not None
    rung = order.rung(attempt.begun.rung)
    if rung is None:
        return Note(Refused(at=now, by="ladder", reason="The brief does not name it any more."))
    if shops.refusal(rung):
        return Note(Refused(at=now, by="provider", reason=shops.refusal(rung)))
    again = max(filter(None, (now, attempt.again_at, shops.held.get(rung.provider))))
    latest = min(max(attempt.begun.at, state.claimed_at) + timedelta(seconds=rung.deadline_s), patience)
    if again >= latest:
        return Note(Refused(at=now, by="time", reason=f"It could not be placed in time. {attempt.reason}".strip()))
    if now < again:
        return Wait(again)
    return Place(rung, max(min(rung.deadline_s, (patience - now).total_seconds()), SHORTEST_CALL_S))


def _resolve(attempt: Attempt, now: datetime, policy: Policy, patience: datetime) -> Step:
    """A request is in doubt: find its prediction, or be certain that there is none, or give it up as lost."""
    assert attempt.sent_at is not None
    certain = attempt.sent_at + timedelta(seconds=policy.call_s + policy.lag_s)
    hopeless = max(patience, certain) + timedelta(seconds=policy.doubt_s)
    if not attempt.begun.traceable:
        return Note(Lost(at=now, reason="The answer was lost, and nothing tells its prediction from others."))
    if now >= min(hopeless, attempt.sent_at + timedelta(seconds=policy.traceable_s)):
        return Note(Lost(at=now, reason="The answer was lost, and its prediction cannot be looked up any more."))
    return LookUp(attempt.sent_at - timedelta(seconds=SKEW_S), certain)


def _watch(state: OrderState, attempt: Attempt, now: datetime, policy: Policy, patience: datetime) -> Step:
    assert attempt.sent_at is not None and state.claimed_at is not None
    deadline = min(attempt.sent_at + timedelta(seconds=attempt.deadline_s + policy.grace_s), patience)
    if now >= max(deadline, state.claimed_at) + timedelta(seconds=policy.stop_s):
        return Note(Lost(at=now, reason="Its deadline passed, and it could neither be seen nor stopped."))
    return Cancel() if now >= deadline else Poll(deadline)


def _fetch(state: OrderState, attempt: Attempt, now: datetime, policy: Policy, patience: datetime) -> Step:
    """The output is paid for: fetch it for as long as it can live, and after a long pause at least once.

    Sound is not worth that wait, which would hold back a film that has its own composer: it ends with patience.
    """
    assert attempt.succeeded_at is not None and state.claimed_at is not None
    lives_until = attempt.succeeded_at + timedelta(seconds=policy.output_life_s)
    if attempt.begun.expect == "audio":
        lives_until = min(lives_until, patience)
    begun = max(attempt.succeeded_at, state.claimed_at)
    dead = max(lives_until, begun + timedelta(seconds=policy.grace_s))
    return Note(Gone(at=now, reason="Its output could not be fetched while it existed.")) if now >= dead else Download()


def _verify(attempt: Attempt, now: datetime) -> Step:
    if attempt.raw in attempt.rejects:
        return Note(Rejected(at=now, raw=attempt.raw, reason=f"{attempt.reason} (fetched twice, the same)"))
    return Verify()


# --- the ladder


def _next_rung(order: HostedOrder, state: OrderState) -> Rung | None:
    """The first rung that was not passed over and deserves an attempt."""
    for rung in order.rungs:
        tries = _tries(state, rung.name)
        if rung.name not in state.skipped and (not tries or len(tries) < _deserved(tries[-1])):
            return rung
    return None


def _tries(state: OrderState, rung: str) -> list[Attempt]:
    return [attempt for attempt in state.attempts[state.life :] if attempt.begun.rung == rung]


def _deserved(last: Attempt) -> int:
    """How many attempts a rung deserves in all, after its last one ended so."""
    if last.stage == "failed":
        return tries_deserved(last.reason)
    return MOST_TRIES if last.stage == "lost" else 1


_NEVER_AGAIN: Final = re.compile(r"E005|E1001|E4875|flagged as sensitive|out of memory", re.IGNORECASE)
_ONCE_AGAIN: Final = re.compile(r"E006\b")
_AGAIN: Final = re.compile(
    r"\bE003\b|\bE004\b|\bE1000\b|\bE6716\b|\bE8765\b|\bE9243\b|\bE9828\b|code: PA\b"
    r"|Director: unexpected error|interrupted; please retry|due to high demand|temporarily unavailable",
    re.IGNORECASE,
)


def tries_deserved(error: str) -> int:
    """How many attempts a rung deserves in all, after a prediction failed with `error`.

    Overload, preemption and platform failures pass: three. An input that could not be read is sent once more, from new
    files. Moderation, memory and whatever a model says of its input do not pass: the next rung.
    """
    if _NEVER_AGAIN.search(error):
        return 1
    if _ONCE_AGAIN.search(error):
        return 2
    return MOST_TRIES if _AGAIN.search(error) else 1


def falls(order: HostedOrder, state: OrderState) -> tuple[str, ...]:
    """Why each rung fell that did, in the ladder's order: `name: reason`."""
    reasons = dict(state.skipped)
    for attempt in state.attempts[state.life :]:
        if attempt.ended and attempt.stage != "settled":
            reasons[attempt.begun.rung] = attempt.reason
        else:
            reasons.pop(attempt.begun.rung, None)
    known = [rung.name for rung in order.rungs]
    former = [name for name in reasons if name not in known]
    return tuple(f"{name}: {reasons[name]}" for name in (*former, *known) if name in reasons)


def _story(order: HostedOrder, state: OrderState) -> str:
    return " ".join(falls(order, state))


def withdrawn(order: str, campaign: str) -> HostedOrder:
    """An order that a journal knows and a film does not want any more."""
    return HostedOrder(id=order, campaign=campaign, label=order, rungs=(), withdrawn=True, patience_s=0)


# --- waiting


def poll_after_s(age_s: float) -> float:
    """Seconds until a prediction of that age is asked for again."""
    return 2.0 if age_s < 30 else 5.0


def back_off_s(troubles: int) -> float:
    """Seconds until something is tried again that failed so many times in a row: 1, 2, 4, … 30."""
    return min(2.0 ** (troubles - 1), 30.0)


# --- owners


def may_take_over(state: OrderState, now: datetime, policy: Policy, *, alive: bool | None, silent_s: float) -> bool:
    """Whether an order may be claimed from another owner.

    Only when that owner is proven dead, and no request of its can be on its way any more.

    Args:
        state: the order's.
        now: the time.
        policy: how patient we are.
        alive: whether the owner lives; None where this machine cannot tell.
        silent_s: seconds since the owner last gave a sign of life.
    """
    if alive or (alive is None and silent_s < policy.lease_s):
        return False
    attempt = state.attempt
    if attempt is None or attempt.stage != "sending" or attempt.sent_at is None:
        return True
    return now >= attempt.sent_at + timedelta(seconds=policy.call_s)


# --- results


class Outcome(Record):
    """How an order ended: what was delivered, by whom, what it cost, and why rungs of its ladder fell.

    `rung` is "embedded" where the embedded provider made it. `cost` counts all attempts, in micro-dollars.
    """

    order: str
    label: str
    output: str
    rung: str
    cost: Micros
    attempts: int
    fell: tuple[str, ...] = ()


def outcome(order: HostedOrder, state: OrderState) -> Outcome:
    """The outcome of a closed order."""
    assert state.closed
    last = state.attempt
    return Outcome(
        order=order.id,
        label=order.label,
        output=state.output,
        rung="embedded" if state.fell is not None or last is None else last.begun.rung,
        cost=state.cost,
        attempts=len(state.attempts),
        fell=falls(order, state) or ((state.fell.reason,) if state.fell is not None else ()),
    )
