"""Reconciling: gathers how campaigns stand, remembers it, and says which runs are to be requested.

One tick reads the list of all uploads, what it remembers, and then only campaigns of which something has changed, whose
run it waits for, or whose turn it is. Whatever cannot be read fails the tick as a whole, before anything is requested.

Not here: what is due (core/reconcile.py), the sensor that asks (sensors.py).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import dagster as dg

from property_video.core.errors import BadInput, BadRecord
from property_video.core.fingerprints import fingerprint
from property_video.core.orders import Orders, request_fingerprint
from property_video.core.outputs import Clip, Film, Track
from property_video.core.photo import UploadedPhotos
from property_video.core.places import Place
from property_video.core.reconcile import (
    MOST_LOOKS,
    Due,
    Ended,
    Known,
    Memory,
    Named,
    Standing,
    asked,
    due,
    ended,
    looked,
    name_campaigns,
    to_look_at,
    waiting,
)
from property_video.core.storyboard import SCENE_KEYS
from property_video.defs.failures import KIND, REASON, REMEDY
from property_video.intake.arrivals import look
from property_video.intake.sources import Source, named_source, source_address
from property_video.intake.uploads import Uploads, open_uploads
from property_video.store import keys
from property_video.store.base import Store
from property_video.store.changes import noted_changes
from property_video.store.edits import read_edits

REQUEST_TAG: Final = "property_video/request"
PARTITION_TAG: Final = "dagster/partition"

LIVE: Final = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


class Dropping(Protocol):
    """Where campaigns' folders are dropped, and for how long they must have been quiet."""

    @property
    def place(self) -> Place:
        """The place."""

    @property
    def settle_s(self) -> float:
        """Seconds."""


@dataclass(frozen=True)
class Tick:
    """What one tick has found.

    Attributes:
        due: the runs to be requested.
        stopped: campaigns that from now on wait for another request, and why.
        known: how many campaigns there are.
        round: where the next tick's round begins.
    """

    due: tuple[Due, ...]
    stopped: Mapping[str, Known]
    known: int
    round: str


def reconcile(
    store: Store,
    instance: dg.DagsterInstance,
    dropping: Dropping,
    round_: str,
    now: float,
    warn: Callable[[str], None],
) -> Tick:
    """Look at what has changed and say what is to be done.

    Args:
        store: where everything is.
        instance: knows the runs.
        dropping: where campaigns arrive.
        round_: the last tick's `Tick.round`.
        now: seconds since 1970.
        warn: told what a person should know.

    Raises:
        StoreError: store or uploads cannot be read or written; nothing was requested.
    """
    before = store.read(keys.MEMORY, Memory) or Memory()
    uploads = open_uploads(dropping.place)
    found = uploads.marks()
    named = _named(store, uploads, found)
    for sentence in named.refused:
        warn(sentence)
    changes = noted_changes(store)
    of_campaign = {campaign: found[name] for campaign, name in named.folders.items()}
    names, next_round = to_look_at(before, of_campaign, changes.values(), round_, now)

    memory = before.model_copy(update={"there": dict(before.there), "open": dict(before.open)})
    gaze = _Gaze(store, uploads, dropping.settle_s, named, of_campaign, now, warn)
    for campaign in names:
        standing = gaze.standing(campaign, noted=campaign in changes.values() or campaign in before.open)
        if standing is None and campaign in changes.values() and gaze.is_deleted(campaign):
            memory.open.pop(campaign, None)
            memory.there.pop(campaign, None)
        elif standing is not None:
            _remember(memory, campaign, looked(memory.open.get(campaign), standing), standing.mark)

    candidates = [*asked(memory), *waiting(memory, now)[:MOST_LOOKS]]
    busy = _under_way(instance, candidates)
    stopped = {}
    for campaign in asked(memory):
        if campaign not in busy:
            known = memory.open[campaign]
            memory.open[campaign] = ended(known, _how_it_ended(instance, campaign, known.wanted), now)
            if memory.open[campaign].state == "stopped":
                stopped[campaign] = memory.open[campaign]
    wanting = due(memory, now, busy)
    for each in wanting:
        _name_source(store, uploads, named, each.campaign)
        known = memory.open[each.campaign]
        memory.open[each.campaign] = known.model_copy(update={"state": "asked", "attempt": each.attempt, "why": ""})
    if memory != before:
        store.write(keys.MEMORY, memory)
    for key, campaign in changes.items():
        if campaign in gaze.seen:
            store.remove(key)
    return Tick(due=wanting, stopped=stopped, known=len(of_campaign), round=next_round)


def _remember(memory: Memory, campaign: str, known: Known | None, mark: str) -> None:
    if known is not None:
        memory.there.pop(campaign, None)
        memory.open[campaign] = known
        return
    memory.open.pop(campaign, None)
    if mark:  # a campaign without uploads is looked at when something is noted of it
        memory.there[campaign] = mark


def _named(store: Store, uploads: Uploads, names: Iterable[str]) -> Named:
    def before(campaign: str) -> str:
        return uploads.name_of(named_source(store, campaign) or "")

    return name_campaigns(names, before)


def _name_source(store: Store, uploads: Uploads, named: Named, campaign: str) -> None:
    """Have the campaign's run find a folder that is named otherwise."""
    name = named.folders.get(campaign, campaign)
    if name != campaign:
        store.write(keys.source(campaign), Source(folder=uploads.address(name)))


class _Gaze:
    """Looks at campaigns; `seen` are those that it could look at."""

    def __init__(
        self,
        store: Store,
        uploads: Uploads,
        settle_s: float,
        named: Named,
        marks_: Mapping[str, tuple[str, float]],
        now: float,
        warn: Callable[[str], None],
    ) -> None:
        self._store, self._uploads, self._named, self._marks = store, uploads, named, marks_
        self._settle_s = settle_s
        self._now, self._warn = now, warn
        self.seen: set[str] = set()

    def standing(self, campaign: str, *, noted: bool) -> Standing | None:
        """How a campaign stands; None, with a warning, when that cannot be told now."""
        try:
            standing = self._standing(campaign, noted)
        except (BadInput, BadRecord, OSError) as error:
            self._warn(f"{campaign}: {error}")
            return None
        self.seen.add(campaign)
        return standing

    def is_deleted(self, campaign: str) -> bool:
        """Whether nothing is left of a campaign: then nothing is remembered of it either."""
        is_left = campaign in self._named.folders or self._store.exists(keys.record("uploaded_photos", campaign))
        if not is_left:
            self.seen.add(campaign)
        return not is_left

    def _standing(self, campaign: str, noted: bool) -> Standing:
        name = self._named.folders.get(campaign)
        if name is None:
            listing, changed, settled = self._without_uploads(campaign), 0.0, True
        else:
            self._check_source(campaign, name)
            arrived = self._uploads.look(name, self._now)
            listing, changed = arrived.listing, arrived.changed
            settled = arrived.settled(self._now, self._settle_s)
            if arrived.unfinished:
                self._warn(f"{campaign}: waits for {arrived.unfinished}, which is still being copied. Or remove it.")
        film = self._store.read(keys.record("final_video", campaign), Film)
        request = request_fingerprint(listing, read_edits(self._store, campaign))
        return Standing(
            campaign=campaign,
            wanted=request + (self._newer(film) if noted and film is not None and film.request == request else ""),
            there=film.request if film is not None else "",
            mark=self._marks.get(campaign, ("", 0.0))[0],
            changed=changed,
            settled=settled,
            is_new=film is None,
        )

    def _check_source(self, campaign: str, name: str) -> None:
        before = named_source(self._store, campaign) if name != campaign else None
        if before is not None and before != self._uploads.address(name):
            raise BadInput(f"The folder {name!r} would be this campaign, which was made from {before}.", "Rename it.")

    def _without_uploads(self, campaign: str) -> str:
        """The listing that a run would find now: of the folder that `make` named, or what was last taken in."""
        source = source_address(self._store, self._uploads, campaign)
        if Path(source).is_dir():
            return look(Path(source), self._now).listing
        orders = self._store.read(keys.record("orders", campaign), Orders)
        uploaded = self._store.read(keys.record("uploaded_photos", campaign), UploadedPhotos)
        if uploaded is None:
            raise BadInput("There are no photos.", f"They were in {source}.")
        return orders.listing if orders is not None else uploaded.listing

    def _newer(self, film: Film) -> str:
        """What tells a film that is to show other clips or another track from one that shows those it has; or ""."""
        clips = [self._store.read(keys.record(key, film.campaign), Clip) for key in SCENE_KEYS]
        track = self._store.read(keys.record("audio_track", film.campaign), Track)
        newer = [piece for piece in (*clips, track) if piece is not None and not film.shows(piece)]
        if not newer:
            return ""
        media = [
            piece.media.key if isinstance(piece, Track) else piece.take and piece.take.media.key for piece in newer
        ]
        return f"-{fingerprint('request', pieces=media)[:8]}"


# --- runs


def _under_way(instance: dg.DagsterInstance, names: list[str]) -> set[str]:
    """Those campaigns of which a run is queued or running, whoever launched it."""
    if not names:
        return set()
    runs = instance.get_runs(dg.RunsFilter(tags={PARTITION_TAG: names}, statuses=LIVE))
    return {run.tags[PARTITION_TAG] for run in runs}


def _how_it_ended(instance: dg.DagsterInstance, campaign: str, request: str) -> Ended:
    """How the last run for a request ended that is not under way."""
    runs = instance.get_runs(dg.RunsFilter(tags={PARTITION_TAG: campaign, REQUEST_TAG: request}), limit=1)
    if not runs:
        return Ended("missing")
    if runs[0].status == dg.DagsterRunStatus.SUCCESS:
        return Ended("succeeded")
    if runs[0].status == dg.DagsterRunStatus.CANCELED:
        return Ended("canceled")
    for entry in instance.all_logs(runs[0].run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        failed = entry.dagster_event.step_failure_data if entry.dagster_event is not None else None
        if failed is not None and failed.user_failure_data is not None:
            said = {name: str(value.value) for name, value in failed.user_failure_data.metadata.items()}
            why = f"{said.get(REASON, '')} {said.get(REMEDY, '')}".strip(" -")
            return Ended("failed", said.get(KIND, ""), why)
    return Ended("failed")
