"""Messages as they are kept until every place has them.

A message is due from the moment its record is there, and what was delivered is known from records as well: each is
created if absent, so that a process killed at any moment loses none and doubles none.

Not here: sending (sending.py).
"""

import hashlib
from collections.abc import Iterator

from property_video.core.outbox import Message, Try
from property_video.core.records import Record
from property_video.store import keys
from property_video.store.base import Store


class Delivered(Record):
    """A place has a message; `at` is when, in seconds since 1970, `remark` what the place said or where it lies."""

    place: str
    at: float
    remark: str = ""


def announce(store: Store, message: Message) -> bool:
    """Have a message delivered, unless it was before or is about to be; return whether this call made it due.

    Raises:
        StoreFull, StoreError: the store cannot be written.
    """
    if store.exists(keys.outbox_done(message.campaign, _folder(message), "all")):
        return False
    return store.create(keys.outbox_due(message.campaign, _folder(message)), message)


def due(store: Store, most: int) -> Iterator[Message]:
    """Messages that some place may not have yet."""
    for key in store.keys(keys.OUTBOX_DUE)[:most]:
        message = store.read(key, Message)
        if message is not None:
            yield message


def is_delivered(store: Store, message: Message, place: str) -> bool:
    """Whether a place has a message."""
    return store.exists(keys.outbox_done(message.campaign, _folder(message), _hash(place)))


def delivered(store: Store, message: Message, place: str, at: float, remark: str) -> None:
    """Write down that a place has a message."""
    key = keys.outbox_done(message.campaign, _folder(message), _hash(place))
    store.create(key, Delivered(place=place, at=at, remark=remark))


def close(store: Store, message: Message, at: float) -> None:
    """Write down that nothing is left to be done for a message; then it is not due any more."""
    store.create(keys.outbox_done(message.campaign, _folder(message), "all"), Delivered(place="all", at=at))
    store.remove(keys.outbox_due(message.campaign, _folder(message)))


def tries_of(store: Store, message: Message, place: str) -> list[Try]:
    """The tries so far, oldest first."""
    folder = keys.outbox_tries(message.campaign, _folder(message), _hash(place))
    found = (store.read(key, Try) for key in store.keys(folder))
    return [each for each in found if each is not None]


def claim(store: Store, message: Message, place: str, number: int, begun: Try) -> bool:
    """Begin a try; False when another process has begun it."""
    return store.create(keys.outbox_try(message.campaign, _folder(message), _hash(place), number), begun)


def end(store: Store, message: Message, place: str, number: int, ended: Try) -> None:
    """Write down how a try failed."""
    store.write(keys.outbox_try(message.campaign, _folder(message), _hash(place), number), ended)


def _folder(message: Message) -> str:
    return f"{message.kind}-{message.id}"


def _hash(place: str) -> str:
    return hashlib.sha256(place.encode()).hexdigest()[:16]
