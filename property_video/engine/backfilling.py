"""Backfills: making films of many campaigns again, as one thing that can be watched, paused and resumed.

A backfill is one of Dagster's own, so that the UI shows the same: a run for each campaign, through the queue, behind
everything that arrives meanwhile. What is unchanged is found, and costs nothing. A paused one is cancelled there; to
resume it is to begin another with the campaigns that have no film of it yet.

Not here: what is stale (staleness.py), how many run at once (dagster_home/dagster.yaml), printing (cli.py).
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.errors import DagsterDefinitionChangedDeserializationError
from dagster._core.execution.backfill import (
    BULK_ACTION_TERMINAL_STATUSES,
    BulkActionsFilter,
    BulkActionStatus,
    PartitionBackfill,
)
from dagster._core.utils import make_new_backfill_id

from property_video.core.buying import Market
from property_video.core.errors import BadInput, PropertyVideoError
from property_video.core.outputs import Film
from property_video.core.spelling import did_you_mean
from property_video.core.storyboard import SCENE_KEYS
from property_video.defs.jobs import FILM_ASSETS
from property_video.engine.staleness import Staleness, staleness
from property_video.providers.registry import load_registry
from property_video.settings import Settings
from property_video.store.opening import open_store
from property_video.storyboards import load_moves

BEHIND: Final = {"dagster/priority": "-10"}
"""Whatever arrives meanwhile leaves the queue first (defs/sensors.py)."""

BACKFILL_TAG: Final = "dagster/backfill"
RESUMES_TAG: Final = "property_video/resumes"


@dataclass(frozen=True)
class Wanted:
    """Which campaigns a backfill is for, as a person says it. All that is said must hold.

    Attributes:
        campaigns: by name; empty for all.
        client: only those of this client.
        since: only those whose last film was made on this day (UTC) or later.
        stale: only those whose film would be another one now.
    """

    campaigns: tuple[str, ...] = ()
    client: str = ""
    since: date | None = None
    stale: bool = False


@dataclass(frozen=True)
class Chosen:
    """The campaigns of a backfill, and what hosted models would cost, where that was looked at.

    `why` are the pieces that would be others now, by campaign; `cannot` are campaigns that cannot be made, and why.
    """

    campaigns: tuple[str, ...]
    why: dict[str, tuple[str, ...]]
    cannot: dict[str, str]
    estimate_usd: float


def choose(
    settings: Settings, wanted: Wanted, on_look: Callable[[int, int], None] = lambda done, total: None
) -> Chosen:
    """The campaigns that have a film and that a person means.

    Args:
        settings: where things are.
        wanted: what is meant.
        on_look: told how many of how many campaigns were looked at.

    Raises:
        BadInput: a campaign that was named has no film.
        StoreError: the store cannot be read.
    """
    store, moves, market = open_store(settings.store), load_moves(), Market(registry=load_registry())
    films = {_campaign(entry.key): entry for entry in store.walk("records/final_video")}
    for name in wanted.campaigns:
        if name not in films:
            raise BadInput(f"There is no film of {name!r}.", did_you_mean(name, films))
    names = [
        name
        for name in (wanted.campaigns or sorted(films))
        if wanted.since is None or datetime.fromtimestamp(films[name].changed, UTC).date() >= wanted.since
    ]
    looked: dict[str, Staleness] = {}
    for number, name in enumerate(names, start=1):
        film = store.read(films[name].key, Film)
        if film is not None and (not wanted.client or film.client.casefold() == wanted.client.casefold()):
            looked[name] = staleness(store, film, moves, market)
        on_look(number, len(names))
    chosen = {name: each for name, each in looked.items() if not each.cannot and (each.is_stale or not wanted.stale)}
    return Chosen(
        campaigns=tuple(chosen),
        why={name: each.pieces for name, each in chosen.items() if each.pieces},
        cannot={name: each.cannot for name, each in looked.items() if each.cannot},
        estimate_usd=sum(each.estimate_usd for each in chosen.values()),
    )


def _campaign(key: str) -> str:
    return key.rsplit("/", 1)[-1].removesuffix(".json")


# --- launching


def launch(
    settings: Settings, instance: dg.DagsterInstance, campaigns: Sequence[str], now: float, *, only: str = ""
) -> str:
    """Begin a backfill and return its id; the daemon of `property-video dev`, or of production, does it.

    Args:
        settings: where things are.
        instance: it is recorded here.
        campaigns: at least one.
        now: seconds since 1970.
        only: a scene that is made again alone, with the film that follows from it; "" for the whole film.

    Raises:
        BadInput: there is no such scene.
    """
    if only and only not in SCENE_KEYS:
        raise BadInput(f"There is no scene {only!r}.", did_you_mean(only, SCENE_KEYS))
    assets = (only, "audio_track", "final_video") if only else FILM_ASSETS
    title = f"{only or 'Films'} of {len(campaigns)} campaigns"
    return _launch(settings, instance, campaigns, assets, now, title, {})


def _launch(
    settings: Settings,
    instance: dg.DagsterInstance,
    campaigns: Sequence[str],
    assets: Collection[str],
    now: float,
    title: str,
    tags: dict[str, str],
) -> str:
    from property_video.definitions import build_defs

    instance.add_dynamic_partitions("campaign", list(campaigns))
    pieces = {AssetKeyPartitionKey(dg.AssetKey(asset), campaign) for asset in assets for campaign in campaigns}
    graph = build_defs(settings).resolve_asset_graph()
    backfill = PartitionBackfill.from_asset_graph_subset(
        backfill_id=make_new_backfill_id(),
        asset_graph_subset=AssetGraphSubset.from_asset_partition_set(pieces, graph),
        backfill_timestamp=now,
        tags={**BEHIND, **tags},
        dynamic_partitions_store=instance,
        title=title,
        description=None,
        run_config=None,
    )
    # Dagster lists a set, whose order changes from process to process.
    instance.add_backfill(backfill._replace(asset_selection=sorted(backfill.asset_selection or ())))
    return str(backfill.backfill_id)


# --- watching


@dataclass(frozen=True)
class Progress:
    """How a backfill stands: campaigns by what became of them, and whether it is over."""

    id: str
    title: str
    total: int
    done: int
    failed: int
    running: int
    queued: int
    state: str
    is_over: bool

    @property
    def is_paused(self) -> bool:
        """Whether somebody stopped it before its end."""
        return self.state == _STATES[BulkActionStatus.CANCELED]

    def __str__(self) -> str:
        parts = [f"{self.done} of {self.total} done"]
        parts += [f"{count} {word}" for count, word in self._others() if count]
        return f"{self.id}: {', '.join(parts)} ({self.state})"

    def _others(self) -> Iterator[tuple[int, str]]:
        yield self.running, "being made"
        yield self.queued, "queued"
        yield self.failed, "failed"


_STATES: Final = {
    BulkActionStatus.REQUESTED: "under way",
    BulkActionStatus.CANCELING: "is being paused",
    BulkActionStatus.CANCELED: "paused",
    BulkActionStatus.COMPLETED: "complete",
    BulkActionStatus.COMPLETED_SUCCESS: "complete",
    BulkActionStatus.COMPLETED_FAILED: "over, some failed",
    BulkActionStatus.FAILING: "is being given up",
    BulkActionStatus.FAILED: "given up",
}


def progress(settings: Settings, instance: dg.DagsterInstance, backfill_id: str) -> Progress:
    """How a backfill stands.

    Raises:
        BadInput: there is none of that id.
    """
    backfill = _found(instance, backfill_id)
    by_campaign: dict[str, dg.DagsterRunStatus] = {}
    for run in instance.get_runs(dg.RunsFilter(tags={BACKFILL_TAG: backfill_id})):  # newest first: retries count
        by_campaign.setdefault(run.tags.get("dagster/partition", ""), run.status)
    counts = Counter(by_campaign.values())
    ended = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}
    waiting = {dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED}
    return Progress(
        id=backfill_id,
        title=backfill.title or "",
        total=max(len(_targets(settings, backfill)), len(by_campaign)),
        done=counts[dg.DagsterRunStatus.SUCCESS],
        failed=counts[dg.DagsterRunStatus.FAILURE],
        running=sum(count for status, count in counts.items() if status not in ended | waiting),
        queued=sum(counts[status] for status in waiting),
        state=_STATES.get(backfill.status, backfill.status.value.lower()),
        is_over=backfill.status in BULK_ACTION_TERMINAL_STATUSES,
    )


def backfills(settings: Settings, instance: dg.DagsterInstance, most: int = 20) -> list[Progress]:
    """The last backfills, newest first, whoever began them."""
    return [progress(settings, instance, each.backfill_id) for each in instance.get_backfills(limit=most)]


def follow(
    settings: Settings,
    instance: dg.DagsterInstance,
    backfill_id: str,
    tell: Callable[[Progress], None],
    sleep: Callable[[float], None],
) -> Progress:
    """Tell how a backfill stands, whenever that has changed, until it is over."""
    told: Progress | None = None
    while True:
        now = progress(settings, instance, backfill_id)
        if now != told:
            tell(now)
            told = now
        if now.is_over:
            return now
        sleep(FOLLOW_S)


FOLLOW_S: Final = 2.0
"""Seconds between two looks at a backfill."""


# --- pausing


def pause(instance: dg.DagsterInstance, backfill_id: str) -> None:
    """Stop a backfill; what its runs have finished is kept.

    Raises:
        BadInput: there is none of that id, or it is over.
    """
    backfill = _found(instance, backfill_id)
    if backfill.status != BulkActionStatus.REQUESTED:
        state = _STATES.get(backfill.status, backfill.status.value)
        raise BadInput(f"The backfill {backfill_id} cannot be paused: it is {state}.")
    instance.update_backfill(backfill.with_status(BulkActionStatus.CANCELING))  # type: ignore[no-untyped-call]


def resume(settings: Settings, instance: dg.DagsterInstance, backfill_id: str, now: float) -> str | None:
    """Go on with a backfill that was paused, or whose campaigns failed; return the new one's id, None if all is done.

    Raises:
        BadInput: there is none of that id.
        PropertyVideoError: it is still under way.
    """
    backfill = _found(instance, backfill_id)
    if backfill.status not in BULK_ACTION_TERMINAL_STATUSES:
        raise PropertyVideoError(f"The backfill {backfill_id} is under way.", "Pause it first, or wait.")
    made = instance.get_runs(dg.RunsFilter(tags={BACKFILL_TAG: backfill_id}, statuses=[dg.DagsterRunStatus.SUCCESS]))
    done = {run.tags.get("dagster/partition") for run in made}
    targets = _targets(settings, backfill)
    left = [campaign for campaign in targets if campaign not in done]
    if not left and targets:
        return None
    if not targets:
        raise BadInput(
            f"A campaign of {backfill_id} was deleted since.", "Begin another one: --campaign, --all, --stale."
        )
    assets = [key.path[-1] for key in backfill.asset_selection or ()] or list(FILM_ASSETS)
    title = f"{len(left)} campaigns left of {backfill_id}"
    return _launch(settings, instance, left, assets, now, title, {RESUMES_TAG: backfill_id})


def _found(instance: dg.DagsterInstance, backfill_id: str) -> PartitionBackfill:
    found = instance.get_backfill(backfill_id)
    if found is None:
        known = [each.backfill_id for each in instance.get_backfills(limit=20)]
        raise BadInput(f"There is no backfill {backfill_id!r}.", did_you_mean(backfill_id, known))
    return found


def unfinished_with(settings: Settings, instance: dg.DagsterInstance, campaign: str) -> list[str]:
    """The ids of backfills that are under way and that a campaign is part of."""
    under_way = [BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING]
    found = instance.get_backfills(filters=BulkActionsFilter(statuses=under_way))
    return [each.backfill_id for each in found if campaign in _targets(settings, each)]


def _targets(settings: Settings, backfill: PartitionBackfill) -> list[str]:
    """The campaigns of a backfill, also of one that was begun in the UI; none where one of them was deleted since.

    Dagster then refuses to read what the backfill was for.
    """
    if not backfill.is_asset_backfill:
        return list(backfill.partition_names or ())
    from property_video.definitions import build_defs

    try:
        data = backfill.get_asset_backfill_data(build_defs(settings).resolve_asset_graph())
    except DagsterDefinitionChangedDeserializationError:
        return []
    film = dg.AssetKey("final_video")
    keys = [film] if film in data.target_subset.asset_keys else list(data.target_subset.asset_keys)
    subset = data.target_subset.get_partitions_subset(keys[0])
    return sorted(subset.get_partition_keys())
