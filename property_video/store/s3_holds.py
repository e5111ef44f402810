"""Holding a campaign without a file system: by numbered claims that are created only if absent, and renewed.

`leases/<campaign>/000007.json` is a claim, `000007.alive` is rewritten by its owner as long as it lives, `000007.done`
says that it has ended. The highest number holds the campaign while it is not done and was written within `LEASE_S`; the
time is the service's own, so that clocks need not agree. Whoever wants it creates the next number, looks again, and
withdraws where a higher one is there. The whole store is held by a claim of the same kind: each side writes its own
claim before it looks for the other's, so that never both go on.

A process that was cut off for longer than `LEASE_S` may find that another one holds its campaign too. Both then write
the same outputs under the same names, and what costs money has claims of its own (orders/journal.py).

Not here: waiting for a holder (leases.py), locks of a file system (flocks.py).
"""

import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath
from socket import gethostname
from typing import Final

from property_video.core.errors import StoreError
from property_video.store import keys
from property_video.store.base import Entry
from property_video.store.flocks import PRUNING
from property_video.store.s3_bucket import S3Bucket

LEASE_S: Final = 90.0
"""Seconds after which a claim that was not renewed is over: a killed run's campaign is free after that."""

RENEWALS: Final = 4
"""Renewals in that time: three may fail."""

EVERYTHING: Final = "_store"
"""Whose claim holds the whole store: no campaign's name has an underscore."""


@contextmanager
def hold_campaign(bucket: S3Bucket, campaign: str, run_id: str, lease_s: float = LEASE_S) -> Iterator[str]:
    """Try to hold a campaign: "" or who holds it.

    Raises:
        StoreError: the store cannot be read or written.
    """
    folder = keys.claims(campaign)
    holder, number = _claim(bucket, folder, run_id, lease_s)
    if number is None:
        yield "" if holder.get("run_id") == run_id else _name(holder)
        return
    with _renewed(bucket, folder, number, lease_s):
        yield PRUNING if _live(bucket, _everything(), lease_s) is not None else ""


@contextmanager
def hold_store(bucket: S3Bucket, lease_s: float = LEASE_S) -> Iterator[bool]:
    """Try to hold the whole store; whether it is held.

    Raises:
        StoreError: the store cannot be read or written.
    """
    number = _claim(bucket, _everything(), "prune", lease_s)[1]
    if number is None:
        yield False
        return
    with _renewed(bucket, _everything(), number, lease_s):
        yield not _anybody(bucket, lease_s)


def _everything() -> str:
    return f"{keys.LEASES}/{EVERYTHING}"


def _claim(bucket: S3Bucket, folder: str, run_id: str, lease_s: float) -> tuple[dict[str, str], int | None]:
    """Create the next claim: who holds it already, or our number."""
    listed = bucket.listing(folder, deep=False)
    now, highest = listed.at.timestamp(), _highest(listed.entries)
    if _is_live(listed.entries, highest, now, lease_s):
        return _holder(bucket, folder, highest), None
    number = highest + 1
    mine = {"run_id": run_id, "pid": os.getpid(), "host": gethostname()}
    if not bucket.create(_key(folder, number, "json"), json.dumps(mine).encode()):
        return _holder(bucket, folder, number), None
    # Somebody quicker may have had our number, and the next one, and have removed the first of them.
    entries = bucket.listing(folder, deep=False).entries
    if _highest(entries) > number:
        bucket.remove(_key(folder, number, "json"))
        return _holder(bucket, folder, _highest(entries)), None
    for entry in entries:
        if _number(entry.key) < number:
            bucket.remove(entry.key)
    return {}, number


@contextmanager
def _renewed(bucket: S3Bucket, folder: str, number: int, lease_s: float) -> Iterator[None]:
    """Renew a claim until the context ends, and say that it is done."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(lease_s / RENEWALS):
            with suppress(StoreError):  # an outage: the next time may be better
                bucket.put(_key(folder, number, "alive"), b"")

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        with suppress(StoreError):  # it ends by itself
            bucket.put(_key(folder, number, "done"), b"")


def _live(bucket: S3Bucket, folder: str, lease_s: float) -> int | None:
    """The number of the claim that holds; None when nobody does."""
    listed = bucket.listing(folder, deep=False)
    highest = _highest(listed.entries)
    return highest if _is_live(listed.entries, highest, listed.at.timestamp(), lease_s) else None


def _anybody(bucket: S3Bucket, lease_s: float) -> bool:
    """Whether any campaign is held."""
    listed = bucket.listing(keys.LEASES, deep=True)
    folders: dict[str, list[Entry]] = {}
    for entry in listed.entries:
        folders.setdefault(str(PurePosixPath(entry.key).parent), []).append(entry)
    folders.pop(_everything(), None)
    now = listed.at.timestamp()
    return any(_is_live(entries, _highest(entries), now, lease_s) for entries in folders.values())


def _is_live(entries: Sequence[Entry], number: int, now: float, lease_s: float) -> bool:
    of_claim = {PurePosixPath(entry.key).suffix: entry.changed for entry in entries if _number(entry.key) == number}
    return bool(of_claim) and ".done" not in of_claim and now - max(of_claim.values()) < lease_s


def _highest(entries: Sequence[Entry]) -> int:
    return max((_number(entry.key) for entry in entries), default=0)


def _number(key: str) -> int:
    name = PurePosixPath(key).stem
    return int(name) if name.isdigit() else 0


def _key(folder: str, number: int, what: str) -> str:
    return f"{folder}/{number:06d}.{what}"


def _holder(bucket: S3Bucket, folder: str, number: int) -> dict[str, str]:
    found = bucket.get(_key(folder, number, "json"))
    return {name: str(value) for name, value in json.loads(found).items()} if found else {}


def _name(holder: dict[str, str]) -> str:
    return f"run {holder.get('run_id', '?')[:8]} (process {holder.get('pid', '?')} on {holder.get('host', '?')})"
