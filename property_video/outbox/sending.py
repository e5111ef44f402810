"""Sending what is due, place by place.

Any process may do it, at any time, and several at once: a try is claimed before it is made.

Not here: the places themselves (receivers.py), which messages there are (messages.py).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from property_video.core.errors import HostedRefusal, MissingMedia, PropertyVideoError
from property_video.core.ledger import Owner
from property_video.core.outbox import Message, Try, given_up, next_try
from property_video.outbox import messages
from property_video.outbox.receivers import Receiver
from property_video.store.base import Store

LONGEST_S: Final = 30.0
"""A tick of a sensor may take a minute, and a webhook twenty seconds of it."""


@dataclass(frozen=True)
class Sent:
    """What became of one try."""

    message: Message
    place: str
    said: str
    failed: bool


@dataclass(frozen=True)
class Sender:
    """Sends for one process.

    Attributes:
        store: where messages are.
        receivers: all that there are.
        owner: this process.
        is_alive: whether another process lives; None where this machine cannot tell.
        clock: seconds since 1970.
    """

    store: Store
    receivers: Sequence[Receiver]
    owner: Owner
    is_alive: Callable[[Owner], bool | None]
    clock: Callable[[], float]

    def send(self, most: int, patience_s: float = LONGEST_S) -> list[Sent]:
        """Try up to `most` deliveries that are due; none is begun when `patience_s` seconds have passed.

        Raises:
            StoreError: the store cannot be read or written.
        """
        sent: list[Sent] = []
        if not self.receivers:  # what is due waits for a place to be named
            return sent
        until = self.clock() + patience_s
        for message in messages.due(self.store, 4 * most):
            for place in self._places(message):
                if len(sent) < most and self.clock() < until and (tried := self._try(message, place)) is not None:
                    sent.append(tried)
            if all(self._is_over(message, place) for place in self._places(message)):
                messages.close(self.store, message, self.clock())
        return sent

    def _places(self, message: Message) -> list[Receiver]:
        return [place for place in self.receivers if place.wants(message)]

    def _is_over(self, message: Message, place: Receiver) -> bool:
        tries = messages.tries_of(self.store, message, place.name)
        return messages.is_delivered(self.store, message, place.name) or given_up(tries)

    def _try(self, message: Message, place: Receiver) -> Sent | None:
        """One try, if it is time for one."""
        if messages.is_delivered(self.store, message, place.name):
            return None
        now = self.clock()
        number = next_try(messages.tries_of(self.store, message, place.name), now, self.is_alive)
        begun = Try(owner=self.owner, at=now)
        if number is None or not messages.claim(self.store, message, place.name, number, begun):
            return None
        try:
            said = place.deliver(self.store, message, now)
        except PropertyVideoError as error:
            for_good = isinstance(error, HostedRefusal | MissingMedia)
            failed = begun.model_copy(update={"ended": self.clock(), "failed": str(error), "for_good": for_good})
            messages.end(self.store, message, place.name, number, failed)
            return Sent(message, place.name, str(error), failed=True)
        messages.delivered(self.store, message, place.name, self.clock(), said)
        return Sent(message, place.name, said, failed=False)
