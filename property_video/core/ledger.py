"""The ledger of one order: the events of its journal, the state that they fold to, and what is booked.

An order is bought in attempts, one at a time. Each attempt is one intent, and at most one prediction:

    intended ─> reserved ─> sending ─> placed ─> succeeded ─> downloaded ─> SETTLED
                   ^           │         │           ^            │
                   └──unsent───┤         │           └──rejected──┤ (once: fetched again)
                               │         ├─> FAILED, CANCELED, ABORTED
       └───────────┴─> REFUSED └─> LOST <┘           └─> GONE     └─> REJECTED

- *intended*: written down, with its price and the accounts that it is reserved in. Nothing is reserved yet.
- *reserved*: the budget holds its price. Files are uploaded; nothing that costs money has been sent.
- *sending*: the request may be on its way, may have arrived, may be answered: **in doubt**. It is never sent again from
  here; it is looked up, until it is found (placed), certain not to exist (unsent), or can no longer be told (LOST).
- *placed*: the id of its prediction is known.
- *succeeded*: the output is paid for. *downloaded*: it is in the store as it came.
- In capitals: the attempt has ended. It is then booked once, which closes it; the next attempt may begin.

The order itself is open until an attempt is settled and booked, or until it fell to the embedded provider.
Its owner is the process that claimed it last. Every event is appended under the next number, and only if nobody else
took that number, so an owner that lost its claim cannot write another line.

Booking rule (`price_of`, `cost_of`): succeeded costs its price, whatever becomes of the output; canceled after it
started costs its price; canceled or aborted before that, or refused, costs nothing; failed costs nothing, unless the
model bills time: then its assumed price. Lost counts as spent, at its price, until a person resolves it.

Not here: what is done next (ladder.py), where events are kept (orders/journal.py), the budget (orders/budget.py).
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field, RootModel

from property_video.core.errors import StoreError
from property_video.core.money import Micros
from property_video.core.records import Record
from property_video.core.redaction import Redacted, RedactedInputs, redacted_values

Stage = Literal[
    "intended", "reserved", "sending", "placed", "succeeded", "downloaded",
    "settled", "failed", "canceled", "aborted", "refused", "rejected", "gone", "lost",
]  # fmt: skip

ENDED: Final = frozenset({"settled", "failed", "canceled", "aborted", "refused", "rejected", "gone", "lost"})
"""Stages that no attempt leaves; what is left to do is to book it."""

PAID: Final = frozenset({"settled", "rejected", "gone"})
"""Ended after the prediction had succeeded."""

MOST_REJECTED: Final = 2
"""Whole downloads of one output that may fail verification: the second tells a bad clip from a bad delivery."""

Medium = Literal["video", "audio", "image"]


class Owner(Record):
    """A process on a machine: its number and when it started, because numbers are reused."""

    host: str
    pid: int
    started: str


# --- events


class _Event(Record):
    at: datetime


class Claimed(_Event):
    """A process takes the order on."""

    kind: Literal["claimed"] = "claimed"
    owner: Owner


class Skipped(_Event):
    """A rung of the ladder is passed over without an attempt."""

    kind: Literal["skipped"] = "skipped"
    rung: str
    reason: Redacted


class Intent(_Event):
    """An attempt is begun: what is going to be bought, at what price, and which accounts its price is held in.

    `intent` names it everywhere: in the budget, in the names of its files, in its seed. `traceable` says whether its
    input is unlike any other's, so that its prediction can be found without its id.
    """

    kind: Literal["intent"] = "intent"
    attempt: int
    intent: str
    rung: str
    provider: str
    model: str
    version: str | None
    expect: Medium
    price: Micros
    bills_time: bool
    traceable: bool
    accounts: tuple[str, ...]


class Reserved(_Event):
    """The budget holds the price of the attempt."""

    kind: Literal["reserved"] = "reserved"


class Uploaded(_Event):
    """A file is with the provider: the input that names it, its id there, its address and the hash of its bytes."""

    kind: Literal["uploaded"] = "uploaded"
    name: str
    file_id: str
    address: Redacted
    sha256: str


class Sending(_Event):
    """The request is about to leave, with exactly this input. From here on the attempt is in doubt."""

    kind: Literal["sending"] = "sending"
    inputs: RedactedInputs
    cancel_after_s: float


class Unsent(_Event):
    """It is certain that no prediction was made; it may be tried again at `again_at`."""

    kind: Literal["unsent"] = "unsent"
    reason: Redacted
    again_at: datetime


class Placed(_Event):
    """The prediction of the attempt. `adopted` says that it was found by its input after its answer was lost."""

    kind: Literal["placed"] = "placed"
    prediction: str
    adopted: bool = False


class Surplus(_Event):
    """Another prediction for the same intent, stopped; `cost` is what it is charged with."""

    kind: Literal["surplus"] = "surplus"
    prediction: str
    status: str
    cost: Micros


class Observed(_Event):
    """The prediction's state has changed."""

    kind: Literal["observed"] = "observed"
    status: Literal["starting", "processing", "succeeded", "failed", "canceled", "aborted"]
    started: bool
    error: Redacted = ""
    predict_time_s: float | None = None


class Downloaded(_Event):
    """The output is in the store under a media key, as it came."""

    kind: Literal["downloaded"] = "downloaded"
    raw: str


class Rejected(_Event):
    """The output as it came did not pass verification.

    `cost` is given where the answer told it; else it is the price.
    """

    kind: Literal["rejected"] = "rejected"
    raw: str
    reason: Redacted
    cost: Micros | None = None


class Settled(_Event):
    """What was ordered is in the store under `output`. `cost` is given where the answer told it; else it is the price.

    An answer that comes with its own call (a choice) is settled from *sending* directly.
    """

    kind: Literal["settled"] = "settled"
    output: str
    cost: Micros | None = None


class Refused(_Event):
    """No prediction was made and none will be: by the provider, the budget, the time, or the ladder itself."""

    kind: Literal["refused"] = "refused"
    by: Literal["provider", "budget", "time", "ladder"]
    reason: Redacted


class Gone(_Event):
    """The output was paid for and cannot be had any more."""

    kind: Literal["gone"] = "gone"
    reason: Redacted


class Lost(_Event):
    """It can no longer be told what became of the attempt."""

    kind: Literal["lost"] = "lost"
    reason: Redacted


class Booked(_Event):
    """The attempt is closed at this cost, in the accounts too. A later one, by a person, resolves a lost attempt."""

    kind: Literal["booked"] = "booked"
    attempt: int
    cost: Micros
    note: str = ""


class Fell(_Event):
    """The embedded provider made it instead; `output` is "" where there is nothing to make."""

    kind: Literal["fell"] = "fell"
    reason: Redacted
    output: str


class Reopened(_Event):
    """The order may be bought anew, from the first rung: whatever became of its attempts is behind it."""

    kind: Literal["reopened"] = "reopened"
    reason: str


Event = (
    Claimed | Skipped | Intent | Reserved | Uploaded | Sending | Unsent | Placed | Surplus | Observed | Downloaded
    | Rejected | Settled | Refused | Gone | Lost | Booked | Fell | Reopened
)  # fmt: skip


class Entry(RootModel[Annotated[Event, Field(discriminator="kind")]]):
    """An event as one object of the store."""


# --- states


@dataclass(frozen=True)
class Attempt:
    """One attempt as its events tell it.

    Attributes:
        begun: what it was begun with; its price, provider and accounts never change.
        stage: where it is.
        reason: why it ended, or why it was not sent.
        files: ids of its files at the provider.
        inputs: every input that was sent for it, oldest first; more than one where earlier ones made no prediction.
        sent_at: when the last request left.
        deadline_s: seconds that the provider was told to give the prediction, from its creation.
        again_at: not to be sent before.
        prediction: the id; "" while there is none.
        status: the last state that was seen of it.
        started: whether it ran.
        succeeded_at: when its success was seen.
        ended_at: when it ended.
        raw: media key of the output as it came.
        rejects: media keys of downloads that verification rejected.
        output: what was settled.
        told_cost: its cost, where the answer told it.
        surplus: what other predictions of this intent cost.
        booked: its cost, once closed.
    """

    begun: Intent
    stage: Stage = "intended"
    reason: str = ""
    files: tuple[str, ...] = ()
    inputs: tuple[dict[str, Any], ...] = ()
    sent_at: datetime | None = None
    deadline_s: float = 0.0
    again_at: datetime | None = None
    prediction: str = ""
    status: str = ""
    started: bool = False
    succeeded_at: datetime | None = None
    ended_at: datetime | None = None
    raw: str = ""
    rejects: tuple[str, ...] = ()
    output: str = ""
    told_cost: int | None = None
    surplus: int = 0
    booked: int | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it but its booking."""
        return self.stage in ENDED


@dataclass(frozen=True)
class OrderState:
    """One order as its events tell it.

    Attributes:
        events: how many events there are: the number of the last one.
        owner: the process that claimed it last.
        claimed_at: when.
        attempts: all of them, oldest first.
        life: attempts before this index belong to the time before it was last reopened.
        skipped: rungs that were passed over, with the reason.
        fell: how the embedded provider came to make it; None while it did not.
    """

    events: int = 0
    owner: Owner | None = None
    claimed_at: datetime | None = None
    attempts: tuple[Attempt, ...] = ()
    life: int = 0
    skipped: dict[str, str] = field(default_factory=dict)
    fell: Fell | None = None

    @property
    def attempt(self) -> Attempt | None:
        """The attempt of this life that is under way, or the last one."""
        return self.attempts[-1] if len(self.attempts) > self.life else None

    @property
    def closed(self) -> bool:
        """Whether the order is delivered, by whomever, and booked."""
        last = self.attempt
        return self.fell is not None or (last is not None and last.stage == "settled" and last.booked is not None)

    @property
    def output(self) -> str:
        """What was delivered; "" while nothing was."""
        if self.fell is not None:
            return self.fell.output
        return self.attempt.output if self.closed and self.attempt is not None else ""

    @property
    def cost(self) -> int:
        """What the order has cost so far, in micro-dollars, all attempts of all its lives."""
        return sum(attempt.booked or 0 for attempt in self.attempts)


# --- booking


def price_of(status: str, started: bool, price: int, bills_time: bool) -> int:
    """What a prediction in a final state is charged with."""
    match status:
        case "succeeded":
            return price
        case "canceled":
            return price if started else 0
        case "failed":
            return price if bills_time else 0
        case _:
            return 0


def cost_of(attempt: Attempt) -> int:
    """What an ended attempt is booked with."""
    begun = attempt.begun
    if attempt.stage in PAID:
        own = begun.price if attempt.told_cost is None else attempt.told_cost
    elif attempt.stage == "lost":
        own = begun.price
    else:
        own = price_of(attempt.stage, attempt.started, begun.price, begun.bills_time)
    return own + attempt.surplus


def is_echo(sent: dict[str, Any], echo: dict[str, Any]) -> bool:
    """Whether a prediction's input, as its provider tells it, is what was sent; both are compared as redacted."""
    told = redacted_values(echo)
    return all(key in told and told[key] == value for key, value in sent.items())


def seed_of(intent: str) -> int:
    """A seed of its own for every intent, from 1 to 2^31 - 1: MusicGen takes 0 for "any"."""
    return int.from_bytes(hashlib.sha256(intent.encode()).digest()[:8], "big") % (2**31 - 1) + 1


# --- the fold


def fold(events: Iterable[Event]) -> OrderState:
    """The state that all events of an order lead to, oldest first.

    Raises:
        StoreError: an event does not follow from those before it.
    """
    state = OrderState()
    for event in events:
        state = apply(state, event)
    return state


def apply(state: OrderState, event: Event) -> OrderState:
    """The state after one more event.

    Raises:
        StoreError: the event does not follow from the state.
    """
    return replace(_applied(state, event), events=state.events + 1)


def _applied(state: OrderState, event: Event) -> OrderState:
    last = state.attempt
    match event:
        case Claimed():
            _require(not state.closed, state, event)
            return replace(state, owner=event.owner, claimed_at=event.at)
        case Skipped():
            return replace(state, skipped={**state.skipped, event.rung: event.reason})
        case Fell():
            _require(not state.closed and (last is None or last.booked is not None), state, event)
            return replace(state, fell=event)
        case Reopened():
            _require(last is None or last.booked is not None, state, event)
            return replace(state, life=len(state.attempts), skipped={}, fell=None, claimed_at=event.at)
        case Intent():
            free = last is None or last.booked is not None
            _require(not state.closed and free and event.attempt == len(state.attempts) + 1, state, event)
            return replace(state, attempts=(*state.attempts, Attempt(begun=event)))
        case Booked():
            _require(0 < event.attempt <= len(state.attempts), state, event)
            booked = state.attempts[event.attempt - 1]
            _require(booked.booked is None or booked.stage == "lost", state, event)
            _require(booked.ended, state, event)
            return _with(state, event.attempt - 1, replace(booked, booked=event.cost))
        case _:
            _require(last is not None and not last.ended, state, event)
            assert last is not None
            _require(last.stage in _FOLLOWS[event.kind], state, event)
            return _with(state, len(state.attempts) - 1, _attempt_after(last, event))


_BEFORE_SENDING: Final = frozenset({"intended", "reserved"})

_FOLLOWS: Final[dict[str, frozenset[str]]] = {
    "reserved": frozenset({"intended"}),
    "uploaded": frozenset({"reserved"}),
    "sending": frozenset({"reserved"}),
    "unsent": frozenset({"reserved", "sending"}),
    "placed": frozenset({"sending"}),
    "surplus": frozenset({"sending"}),
    "observed": frozenset({"placed"}),
    "downloaded": frozenset({"succeeded"}),
    "rejected": frozenset({"sending", "succeeded", "downloaded"}),
    "settled": frozenset({"sending", "downloaded"}),
    "refused": frozenset({"intended", "reserved", "sending"}),
    "gone": frozenset({"succeeded", "downloaded"}),
    "lost": frozenset({"sending", "placed"}),
}
"""The stages in which each event may come."""


def _attempt_after(attempt: Attempt, event: Event) -> Attempt:
    match event:
        case Reserved():
            return replace(attempt, stage="reserved")
        case Uploaded():
            return replace(attempt, files=(*attempt.files, event.file_id) if event.file_id else attempt.files)
        case Sending():
            return replace(
                attempt,
                stage="sending",
                inputs=(*attempt.inputs, event.inputs),
                sent_at=event.at,
                deadline_s=event.cancel_after_s,
            )
        case Unsent():
            return replace(attempt, stage="reserved", reason=event.reason, again_at=event.again_at)
        case Placed():
            return replace(attempt, stage="placed", prediction=event.prediction)
        case Surplus():
            return replace(attempt, surplus=attempt.surplus + event.cost)
        case Observed():
            return _observed(attempt, event)
        case Downloaded():
            return replace(attempt, stage="downloaded", raw=event.raw)
        case Rejected():
            rejects = (*attempt.rejects, event.raw)
            if attempt.stage == "downloaded" and len(rejects) < MOST_REJECTED:
                return replace(attempt, stage="succeeded", reason=event.reason, rejects=rejects)
            return replace(
                attempt,
                stage="rejected",
                reason=event.reason,
                rejects=rejects,
                told_cost=event.cost,
                ended_at=event.at,
            )
        case Settled():
            return replace(
                attempt, stage="settled", output=event.output, told_cost=event.cost, reason="", ended_at=event.at
            )
        case Refused() | Gone() | Lost():
            return replace(attempt, stage=event.kind, reason=event.reason, ended_at=event.at)
        case _:
            raise AssertionError(event)


def _observed(attempt: Attempt, event: Observed) -> Attempt:
    seen = replace(attempt, status=event.status, started=attempt.started or event.started)
    match event.status:
        case "succeeded":
            return replace(seen, stage="succeeded", succeeded_at=event.at)
        case "failed":
            return replace(seen, stage="failed", reason=event.error or "The model failed.", ended_at=event.at)
        case "canceled":
            return replace(seen, stage="canceled", reason=event.error or _LATE, ended_at=event.at)
        case "aborted":
            return replace(seen, stage="aborted", reason=event.error or _LATE, ended_at=event.at)
        case _:
            return seen


_LATE: Final = "It was not done before its deadline."


def _with(state: OrderState, index: int, attempt: Attempt) -> OrderState:
    return replace(state, attempts=(*state.attempts[:index], attempt, *state.attempts[index + 1 :]))


def _require(holds: bool, state: OrderState, event: Event) -> None:
    if not holds:
        where = state.attempt.stage if state.attempt is not None else "no attempt"
        raise StoreError(
            f"An event {event.kind!r} as number {state.events + 1} does not follow from {where}.",
            "The journal of this order was changed by hand: restore it from a backup.",
        )
