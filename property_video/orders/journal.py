"""The journal: what is done with money, event by event, in the store.

One object per event, created only if its number is free, never rewritten. So an order's history is one line of events
whatever happens: of two processes that write at once one is told that it was overtaken, before it can act on what it
did not see. This asks nothing of a store but to create if absent, which a folder and S3 both can.

Not here: what events mean (core/ledger.py), what is done next (core/ladder.py).
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Protocol, TypeVar

from pydantic import BaseModel

from property_video.core.errors import PropertyVideoError, StoreError
from property_video.core.ledger import Entry, Event, OrderState, Owner, Reopened, apply
from property_video.core.records import Record
from property_video.store import keys

R = TypeVar("R", bound=BaseModel)


class RecordStore(Protocol):
    """What the journal and the budget ask of a store."""

    def create(self, key: str, record: BaseModel) -> bool:
        """Write a record unless the key exists, durably and whole; return whether this call wrote it."""

    def write(self, key: str, record: BaseModel) -> None:
        """Write a record, replacing an older one whole."""

    def read(self, key: str, kind: type[R]) -> R | None:
        """Read a record; None when there is none of that kind."""

    def keys(self, prefix: str) -> list[str]:
        """Keys directly under a folder, sorted."""

    def remove(self, key: str) -> int:
        """Remove a file, if it is there."""


class Overtaken(PropertyVideoError):
    """Another process wrote to the order first: read it again before anything is done for it."""


class SignOfLife(Record):
    """When an owner was last alive."""

    at: datetime


class Journal:
    """The journal of one campaign's orders.

    States are kept in memory: an order that this process owns changes by its own events alone, and where that is no
    longer true, the next `append` tells.
    """

    def __init__(self, store: RecordStore, campaign: str) -> None:
        self._store, self.campaign = store, campaign
        self._states: dict[str, OrderState] = {}

    def orders(self) -> tuple[str, ...]:
        """The ids of all orders that were ever claimed, sorted."""
        return tuple(key.rsplit("/", 1)[-1] for key in self._store.keys(keys.journal(self.campaign)))

    def state(self, order: str) -> OrderState:
        """How an order stands, as far as this process has seen."""
        return self._states[order] if order in self._states else self.refresh(order)

    def refresh(self, order: str) -> OrderState:
        """Read what others have written about an order, and how it stands now.

        Raises:
            StoreError: an event is missing, is none, or does not follow from those before it.
        """
        state = self._states.get(order, OrderState())
        for key in self._store.keys(keys.journal(self.campaign, order)):
            number = keys.entry_number(key)
            if number > state.events:
                if number != state.events + 1:
                    missing = keys.journal_entry(self.campaign, order, state.events + 1)
                    raise StoreError(f"{missing} is missing.", "Restore it from a backup: it may stand for money.")
                state = apply(state, self._read(key))
        self._states[order] = state
        return state

    def append(self, order: str, event: Event) -> OrderState:
        """Write the next event of an order; return how it stands then.

        Raises:
            Overtaken: another process has written since this one has read.
            StoreError: the event does not follow, or the store cannot be written.
        """
        state = self.state(order)
        after = apply(state, event)
        if not self._store.create(keys.journal_entry(self.campaign, order, state.events + 1), Entry(event)):
            raise Overtaken(f"Another process works on {order}.")
        self._states[order] = after
        return after

    def reopen(self, order: str, reason: str, at: datetime) -> None:
        """Let an order be bought anew: its output is gone, or a person wants fallen scenes hosted after all.

        Raises:
            Overtaken: another process was quicker.
            StoreError: an attempt is under way.
        """
        self.refresh(order)
        self.append(order, Reopened(at=at, reason=reason))

    def events(self, order: str) -> Iterator[Event]:
        """All events of an order, oldest first."""
        for key in self._store.keys(keys.journal(self.campaign, order)):
            yield self._read(key)

    def lines(self) -> Iterator[str]:
        """All events of all orders as lines of JSON, for people and their tools; nothing secret is in any."""
        for order in self.orders():
            for event in self.events(order):
                values = event.model_dump(mode="json")
                yield json.dumps({"order": order, "kind": values.pop("kind"), **values}, ensure_ascii=False)

    def _read(self, key: str) -> Event:
        entry = self._store.read(key, Entry)
        if entry is None:  # leaving one out could buy something twice
            raise StoreError(f"{key} is not an event of an order.", "Restore it from a backup: it may stand for money.")
        return entry.root

    # --- owners

    def sign_life(self, owner: Owner, at: datetime) -> None:
        """Say that an owner is alive, for those on other machines."""
        self._store.write(_sign_key(owner), SignOfLife(at=at))

    def silent_s(self, owner: Owner, now: datetime) -> float:
        """Seconds since an owner last gave a sign of life; infinite when it is known to have stopped."""
        sign = self._store.read(_sign_key(owner), SignOfLife)
        return (now - sign.at).total_seconds() if sign is not None else float("inf")

    def sign_off(self, owner: Owner) -> None:
        """Say that an owner does nothing for its orders any more."""
        self._store.remove(_sign_key(owner))


def _sign_key(owner: Owner) -> str:
    text = f"{owner.host} {owner.pid} {owner.started}"
    return keys.sign_of_life(hashlib.sha256(text.encode()).hexdigest()[:32])
