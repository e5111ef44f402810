"""Slots: how many orders may be at a provider at once, over all runs, processes and machines.

A slot is a row of numbered events in the store, of which only the last one counts: an odd one takes it, an even one
gives it back. Whoever wants a slot creates the next number of a free one, if it is still free. So the limit follows the
provider that an order really goes to, and holds wherever orders are placed.

A slot of a process that is gone comes back at once when nothing was sent yet, else when its prediction has ended for
certain; whoever takes over the order takes over its slot.

Not here: how many there are (settings.py), when orders are placed (pump.py).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final, Protocol

from property_video.core.ledger import Owner
from property_video.core.records import Record
from property_video.orders.journal import RecordStore
from property_video.store import keys
from property_video.store.base import Entry

LOOK_AGAIN_S: Final = 2.0
"""Seconds until a provider without a free slot is looked at again: 3 % of a clip's minute."""


class SlotStore(RecordStore, Protocol):
    """What slots ask of a store."""

    def walk(self, prefix: str) -> Iterator[Entry]:
        """All keys under a folder, at any depth."""


class Holding(Record):
    """Who holds a slot, for which order; `until` is when a prediction that was sent has ended for certain."""

    order: str
    owner: Owner
    until: datetime | None = None


class Freed(Record):
    """A slot was given back."""


@dataclass(frozen=True)
class _Held:
    """A slot that this process holds: whose, which, and the number of the event that took it."""

    provider: str
    slot: int
    number: int


class Slots:
    """Slots as one pump takes them and gives them back.

    Args:
        store: where they are.
        limits: how many there are, by provider; a provider without a limit has no slots.
        owner: this process.
        is_gone: whether another process is gone for certain.
        clock: the time, with time zone.
        rng: spreads processes over free slots.
    """

    def __init__(
        self,
        store: SlotStore,
        limits: Mapping[str, int],
        *,
        owner: Owner,
        is_gone: Callable[[Owner], bool],
        clock: Callable[[], datetime],
        rng: Random,
    ) -> None:
        self._store, self._limits, self._owner = store, limits, owner
        self._is_gone, self._clock, self._rng = is_gone, clock, rng
        self._held: dict[str, _Held] = {}
        self._full: dict[str, datetime] = {}

    def recall(self, campaign: str) -> None:
        """Go on with the slots that this process, or one that is gone, took for orders of a campaign."""
        for provider in self._limits:
            for slot, number in self._last_numbers(provider).items():
                holding = self._holding(provider, slot, number) if number % 2 == 1 else None
                if holding is None or not holding.order.startswith(f"{campaign}/"):
                    continue
                if holding.owner == self._owner or self._is_gone(holding.owner):
                    self._held[holding.order] = _Held(provider, slot, number)
                    mine = holding.model_copy(update={"owner": self._owner})
                    self._store.write(keys.slot_event(provider, slot, number), mine)

    def take(self, provider: str, order: str) -> bool:
        """Take a slot for an order, unless it has one; return whether it has one now.

        Args:
            provider: where the order goes; a slot that it has at another one is given back.
            order: its name, unique over all campaigns: it begins with the campaign's and a slash.
        """
        if provider not in self._limits:
            self.free(order)
            return True
        if order in self._held and self._held[order].provider == provider:
            return True
        self.free(order)
        if self._full.get(provider, self._clock()) > self._clock():
            return False
        if self._take_free(provider, order, self._last_numbers(provider)):
            return True
        self._full[provider] = self._clock() + timedelta(seconds=LOOK_AGAIN_S)
        return False

    def sending(self, order: str, seconds: float) -> None:
        """Say that a request is about to be sent, whose prediction ends within so many seconds, whatever happens."""
        held = self._held.get(order)
        if held is not None:
            until = self._clock() + timedelta(seconds=seconds)
            holding = Holding(order=order, owner=self._owner, until=until)
            self._store.write(keys.slot_event(held.provider, held.slot, held.number), holding)

    def free(self, order: str) -> None:
        """Give the slot of an order back, if it has one."""
        held = self._held.pop(order, None)
        if held is not None:
            self._free(held.provider, held.slot, held.number)

    def _last_numbers(self, provider: str) -> dict[int, int]:
        """The last event's number of every slot."""
        last = dict.fromkeys(range(1, self._limits[provider] + 1), 0)
        for entry in self._store.walk(keys.slots(provider)):
            slot, number = keys.slot_numbers(entry.key)
            if slot in last:
                last[slot] = max(last[slot], number)
        return last

    def _take_free(self, provider: str, order: str, last: Mapping[int, int]) -> bool:
        free = [slot for slot, number in last.items() if number % 2 == 0]
        self._rng.shuffle(free)
        if any(self._taken(provider, slot, last[slot] + 1, order) for slot in free):
            return True
        return any(
            self._free(provider, slot, number) and self._taken(provider, slot, number + 2, order)
            for slot, number in last.items()
            if number % 2 == 1 and self._is_left(self._holding(provider, slot, number))
        )

    def _taken(self, provider: str, slot: int, number: int, order: str) -> bool:
        """Write that a slot is taken; False when another process was quicker."""
        key = keys.slot_event(provider, slot, number)
        if not self._store.create(key, Holding(order=order, owner=self._owner)):
            return False
        # Old events are removed: one that was read long ago may have had a successor that is removed as well.
        if self._last_number(provider, slot) != number:
            self._store.remove(key)
            return False
        self._held[order] = _Held(provider, slot, number)
        return True

    def _free(self, provider: str, slot: int, number: int) -> bool:
        """Write that a slot is free, and remove what came before; False when another process has."""
        if self._last_number(provider, slot) != number:
            return False
        freed = self._store.create(keys.slot_event(provider, slot, number + 1), Freed())
        for key in self._store.keys(keys.slot(provider, slot)):
            if keys.slot_numbers(key)[1] < number:
                self._store.remove(key)
        return freed

    def _last_number(self, provider: str, slot: int) -> int:
        numbers = (keys.slot_numbers(key)[1] for key in self._store.keys(keys.slot(provider, slot)))
        return max(numbers, default=0)

    def _holding(self, provider: str, slot: int, number: int) -> Holding | None:
        return self._store.read(keys.slot_event(provider, slot, number), Holding)

    def _is_left(self, holding: Holding | None) -> bool:
        """Whether nobody uses a slot that is held; one that cannot be read was given back just now."""
        if holding is None or not self._is_gone(holding.owner):
            return False
        return holding.until is None or self._clock() >= holding.until
