"""What is not as it should be in the store, the journal and the run history, and mending what is safe to mend.

Nothing that was paid for is ever removed: a journal with a gap is told, and people decide.

Not here: what would stop a film on this machine (checkup.py), removing what is no longer wanted (store/pruning.py).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

import dagster as dg

from property_video.core.errors import StoreError
from property_video.core.outputs import Film
from property_video.engine.reaper import dead_runs, reap_dead_runs
from property_video.orders.journal import Journal
from property_video.store import keys
from property_video.store.base import Store
from property_video.store.leases import campaign_lease

FINAL: Final = "final_video"
HOLDER: Final = "doctor"
"""Who holds a campaign that is mended, for whoever waits for it."""

Mend = Callable[[], str]
"""Mends a flaw and says how."""


@dataclass(frozen=True)
class Flaw:
    """Something that is not as it should be: where, what, and how it is mended; None where people must decide.

    Mending raises `CampaignBusy` for a campaign that a run holds: it is left to that run.
    """

    where: str
    what: str
    mend: Mend | None


def find_flaws(store: Store, instance: dg.DagsterInstance | None) -> Iterator[Flaw]:
    """Look at everything that is recorded, also in a run history if there is one. Media are looked for, not read.

    Raises:
        StoreError: the store cannot be read.
    """
    left = store.unfinished()
    if left:
        yield Flaw("store", f"{left} leftovers of processes that were killed", lambda: _sweep(store))
    for campaign in _campaigns(store):
        yield from _film_flaws(store, campaign)
    for folder in store.keys(keys.JOURNALS):
        yield from _journal_flaws(store, PurePosixPath(folder).name)
    dead = dead_runs(instance) if instance is not None else []
    if instance is not None and dead:
        yield Flaw("run history", f"{len(dead)} runs under way whose process is gone", lambda: _reap(instance))


# --- films


def _campaigns(store: Store) -> list[str]:
    """Everybody of whom a film is recorded or published."""
    found = [*store.keys(keys.records(FINAL)), *store.keys(keys.FILMS)]
    return sorted({PurePosixPath(key).stem for key in found})


def _film_flaws(store: Store, campaign: str) -> Iterator[Flaw]:
    film = store.read(keys.record(FINAL, campaign), Film)
    published = store.exists(keys.film(campaign))
    if film is None and published:
        yield Flaw(campaign, "its film has no record", _held(store, campaign, lambda: _record_again(store, campaign)))
    elif film is not None and not store.holds(film.media):
        yield Flaw(
            campaign, "its record names a film that is gone", _held(store, campaign, lambda: _forget(store, campaign))
        )
    elif film is not None and not published:
        yield Flaw(campaign, "its film is not under its name", _held(store, campaign, lambda: _publish(store, film)))


def _record_again(store: Store, campaign: str) -> str:
    """Record the newest film that was made for a campaign; without one, what is published is of no film we know."""
    takes = sorted(store.walk(keys.takes(campaign, FINAL)), key=lambda entry: entry.changed, reverse=True)
    for take in takes:
        film = store.read(take.key, Film)
        if film is not None and store.holds(film.media):
            store.write(keys.record(FINAL, campaign), film)
            store.publish(film.media, keys.film(campaign))
            return "recorded again"
    store.remove(keys.film(campaign))
    return "removed: no record tells what it shows. The next run makes it again"


def _forget(store: Store, campaign: str) -> str:
    store.remove(keys.record(FINAL, campaign))
    store.remove(keys.film(campaign))
    return "forgotten: the next run makes it again from the clips that are there"


def _publish(store: Store, film: Film) -> str:
    store.publish(film.media, keys.film(film.campaign))
    return "published again"


def _held(store: Store, campaign: str, work: Mend) -> Mend:
    """The work, done while the campaign is held."""

    def held() -> str:
        with campaign_lease(store, campaign, HOLDER, wait_s=0):
            return work()

    return held


# --- the rest


def _journal_flaws(store: Store, campaign: str) -> Iterator[Flaw]:
    journal = Journal(store, campaign)
    for order in journal.orders():
        try:
            journal.refresh(order)
        except StoreError as error:
            yield Flaw(campaign, str(error), None)


def _sweep(store: Store) -> str:
    return f"{store.sweep_unfinished()} removed"


def _reap(instance: dg.DagsterInstance) -> str:
    return f"{len(reap_dead_runs(instance))} marked as failed: what they finished is kept"
