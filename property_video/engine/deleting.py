"""Deleting a campaign: everything that it has, here and in the run history, but what was paid for it.

The money journal stays without names, prompts, file names and addresses: which model was asked when, what it cost, and
the provider's id of it, by which its bill can be checked.

What is going to be removed is written down first. Killed in the middle, the same command goes on from there.

Not here: media that other campaigns need (store/pruning.py keeps those).
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import dagster as dg

from property_video.core.campaign import checked_slug
from property_video.core.errors import BadInput, CampaignBusy, PropertyVideoError
from property_video.core.ledger import OrderState
from property_video.core.money import Micros
from property_video.core.records import Record
from property_video.core.spelling import did_you_mean
from property_video.engine.backfilling import unfinished_with
from property_video.intake.sources import named_source
from property_video.intake.uploads import Uploads, open_uploads
from property_video.orders.budget import Holding
from property_video.orders.journal import Journal
from property_video.reports.tables import compact_tables
from property_video.settings import Settings
from property_video.store import keys
from property_video.store.base import Store
from property_video.store.changes import note_change
from property_video.store.leases import campaign_lease, whole_store
from property_video.store.opening import open_store
from property_video.store.pruning import Pruned, prune_media

UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


DELETED = "deleted"
"""The change that is left behind, until whoever reconciles has seen it."""


class ClosedAttempt(Record):
    """One paid attempt of a deleted campaign."""

    begun: datetime
    provider: str
    model: str
    stage: str
    prediction: str
    cost: Micros


class ClosedAccount(Record):
    """What a deleted campaign has cost, attempt by attempt, in micro-dollars."""

    attempts: tuple[ClosedAttempt, ...]
    spent: Micros


class Estate(Record):
    """What a campaign has: what is going to be removed.

    Attributes:
        campaign: its name.
        uploads: the name of its folder among the uploads, or "".
        address: what people call that folder, or "".
        files: keys in the store.
        runs: ids of its runs.
        spent: micro-dollars.
    """

    campaign: str
    uploads: str
    address: str
    files: tuple[str, ...]
    runs: tuple[str, ...]
    spent: Micros


@dataclass(frozen=True)
class Deleted:
    """What was done; `pruned` is None when a film was being made, so that media are left to the next pruning."""

    estate: Estate
    uploaded_files: int
    pruned: Pruned | None


def estate_of(settings: Settings, instance: dg.DagsterInstance, campaign: str) -> Estate:
    """What a campaign has.

    Raises:
        BadInput: it has nothing: there is no such campaign.
    """
    store, uploads = open_store(settings.store), open_uploads(settings.uploads)
    begun = store.read(keys.deletion(campaign), Estate)
    if begun is not None:
        return begun
    name = _folder_name(store, uploads, checked_slug(campaign))
    runs = instance.get_runs(dg.RunsFilter(tags={"dagster/partition": campaign}))
    journal = Journal(store, campaign)
    estate = Estate(
        campaign=campaign,
        uploads=name,
        address=uploads.address(name) if name else "",
        files=tuple(_files(store, journal)),
        runs=tuple(run.run_id for run in runs),
        spent=sum(journal.state(order).cost for order in journal.orders()),
    )
    if not (name or estate.files or instance.has_dynamic_partition("campaign", campaign)):
        raise BadInput(
            f"There is no campaign {campaign!r}.", did_you_mean(campaign, instance.get_dynamic_partitions("campaign"))
        )
    return estate


def delete_campaign(settings: Settings, instance: dg.DagsterInstance, campaign: str) -> Deleted:
    """Remove a campaign.

    Raises:
        BadInput: there is no such campaign.
        CampaignBusy: a run holds it.
        PropertyVideoError: something is under way for it that costs money.
        StoreError: store or uploads cannot be read or written.
    """
    store, uploads = open_store(settings.store), open_uploads(settings.uploads)
    with campaign_lease(store, campaign, str(uuid4()), wait_s=0.0):
        estate = estate_of(settings, instance, campaign)
        if not store.exists(keys.deletion(campaign)):
            _check_nothing_is_under_way(settings, store, instance, campaign)
            _close_account(store, campaign)
            store.write(keys.deletion(campaign), estate)
        uploaded = uploads.remove(estate.uploads) if estate.uploads and uploads.has(estate.uploads) else 0
        for key in estate.files:
            store.remove(key)
        for run in estate.runs:
            instance.delete_run(run)
        note_change(store, campaign, DELETED)  # whoever reconciles forgets it
        instance.delete_dynamic_partition("campaign", campaign)
    try:
        with whole_store(store):
            compact_tables(store)  # leaves out its rows
        pruned = prune_media(store)
    except CampaignBusy:
        pruned = None
    store.remove(keys.deletion(campaign))
    return Deleted(estate, uploaded, pruned)


def _folder_name(store: Store, uploads: Uploads, campaign: str) -> str:
    if uploads.has(campaign):
        return campaign
    name = uploads.name_of(named_source(store, campaign) or "")
    return name if name and uploads.has(name) else ""


def _check_nothing_is_under_way(settings: Settings, store: Store, instance: dg.DagsterInstance, campaign: str) -> None:
    if instance.get_runs_count(dg.RunsFilter(tags={"dagster/partition": campaign}, statuses=UNDER_WAY)):
        raise CampaignBusy(f"A run of {campaign} is queued or under way.", "Terminate it, or wait for its end.")
    backfills = unfinished_with(settings, instance, campaign)
    if backfills:
        raise CampaignBusy(
            f"{campaign} is part of a backfill that is under way: {', '.join(backfills)}.",
            f"Wait for its end, or: property-video backfill --pause {backfills[0]}",
        )
    journal = Journal(store, campaign)
    states = {order: journal.state(order) for order in journal.orders()}
    unbooked = [order for order, state in states.items() if _is_open(state)]
    if unbooked:
        raise PropertyVideoError(
            f"{campaign} has orders under way at a provider: {', '.join(unbooked)}.",
            f"Let them end: property-video make, or launch the film of {campaign} again.",
        )


def _is_open(state: OrderState) -> bool:
    return any(attempt.booked is None for attempt in state.attempts)


def _files(store: Store, journal: Journal) -> Iterator[str]:
    """Every key that belongs to a campaign alone."""
    campaign = journal.campaign
    for order in journal.orders():
        output = journal.state(order).output
        if output.startswith("answers/"):
            yield output
    for folder in ("takes", "edits", "outbox/campaigns", "journal", "budgets/campaigns"):
        yield from (entry.key for entry in store.walk(f"{folder}/{campaign}"))
    for folder in (keys.OUTBOX_DUE, keys.CHANGES):
        found = (key for key in store.keys(folder) if key.rsplit("/", 1)[-1].split(".", 1)[0] == campaign)
        yield from (key for key in found if key != keys.change(campaign, DELETED))
    for table in store.keys("tables"):
        yield from _there(store, f"{table}/{campaign}.parquet")
    yield from _there(store, keys.film(campaign))
    yield from _there(store, keys.source(campaign))
    for asset in store.keys("records"):
        yield from _there(store, f"{asset}/{campaign}.json")


def _there(store: Store, key: str) -> Iterator[str]:
    if store.exists(key):
        yield key


# --- money


def _close_account(store: Store, campaign: str) -> None:
    """Keep what was paid, in a record that does not tell for which campaign, and take its name out of others."""
    journal = Journal(store, campaign)
    attempts = [attempt for order in journal.orders() for attempt in journal.state(order).attempts]
    if not attempts:
        return
    closed = ClosedAccount(
        attempts=tuple(
            ClosedAttempt(
                begun=attempt.begun.at,
                provider=attempt.begun.provider,
                model=attempt.begun.model,
                stage=attempt.stage,
                prediction=attempt.prediction,
                cost=attempt.booked or 0,
            )
            for attempt in attempts
        ),
        spent=sum(attempt.booked or 0 for attempt in attempts),
    )
    name = hashlib.sha256(closed.model_dump_json().encode()).hexdigest()[:24]
    store.write(keys.closed_account(name), closed)
    for account in sorted({account for attempt in attempts for account in attempt.begun.accounts}):
        if account.startswith("clients/"):
            _take_name_out(store, campaign, account, name)


def _take_name_out(store: Store, campaign: str, account: str, salt: str) -> None:
    """An entry of a client's account names its campaign; its amount still counts for the client's month."""
    for key in store.keys(keys.budget(account)):
        entry = store.read(key, Holding)
        if entry is not None and entry.intent.startswith(f"{campaign}."):
            digest = hashlib.sha256(f"{salt}{entry.intent}".encode()).hexdigest()[:24]
            store.write(key, entry.model_copy(update={"intent": f"deleted.{digest}"}))
