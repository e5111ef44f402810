"""The buyer: has a film's pieces made by hosted models, and keeps what they deliver as the takes that were ordered.

Here orders of scenes and of the track meet the pump: which pictures and recordings are sent, what becomes of an output,
who stands in. Only what was ordered is bought, once; a take that was lost is made again from the output as it came, or
by the embedded provider, and never bought again without being told to.

Not here: when anything is done (pump.py, core/ladder.py), what is asked for (core/buying.py), making (making.py).
"""

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from property_video.core.buying import FIRST, Market, clip_frame_size, file_shows
from property_video.core.errors import BadOutput, MissingMedia, PropertyVideoError
from property_video.core.film import SAMPLE_RATE
from property_video.core.ladder import HostedOrder, Outcome, Policy, Rung, withdrawn
from property_video.core.ladder import outcome as outcome_of
from property_video.core.ladders import EMBEDDED
from property_video.core.ledger import Attempt, Owner
from property_video.core.money import Micros
from property_video.core.music_chain import Link
from property_video.core.orders import Orders, SceneOrder, TrackOrder
from property_video.core.outputs import Take, Track
from property_video.core.records import Record
from property_video.core.wishes import Wishes
from property_video.orders.budget import Budget
from property_video.orders.clerk import Clerk
from property_video.orders.journal import Journal
from property_video.orders.making import embedded_take, embedded_track, hosted_take, make_track
from property_video.orders.place import find_take, find_track
from property_video.orders.pump import Progress, Pump, strays
from property_video.orders.slots import Slots
from property_video.providers.base import ClipProvider, OnProgress, TrackProvider
from property_video.providers.hosted import PredictionApi
from property_video.providers.vision import Vision
from property_video.store import keys
from property_video.store.base import Store

TRACK: Final = "audio_track"

Services = Mapping[str, PredictionApi]
Asking = Mapping[str, Vision]
OnStep = Callable[[str, int, int], None]
"""Told how many of how many units of a step are done."""


@dataclass(frozen=True)
class Means:
    """What a process buys with.

    Attributes:
        market: what there is to buy.
        services: opens the services that there are keys for, for as long as they are needed.
        asking: the vision models that there are keys for, by vendor.
        owner: this process.
        is_alive: whether another process lives; None where this machine cannot tell.
        clock: the time, with time zone.
        sleep: waits so many seconds.
        rng: spreads polls and retries.
        month_limit: the most that a client's campaigns may cost in a month; None for any amount.
        slots: how many orders may be at a provider at once, over all runs; any number where there is no limit.
    """

    market: Market
    services: Callable[[], AbstractContextManager[Services]]
    asking: Asking
    owner: Owner
    is_alive: Callable[[Owner], bool | None]
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    rng: Random
    month_limit: Micros | None = None
    slots: Mapping[str, int] = field(default_factory=dict)

    def clerk(self, store: Store, wishes: Wishes) -> Clerk:
        """Who writes for a campaign in this process."""
        budget = Budget(
            store,
            wishes.campaign,
            wishes.brief.client or "",
            campaign_limit=wishes.budget or 0,
            month_limit=self.month_limit,
        )
        return Clerk(
            Journal(store, wishes.campaign),
            budget,
            owner=self.owner,
            is_alive=self.is_alive,
            clock=self.clock,
            policy=Policy(on_lost=wishes.brief.on_lost),
        )


class Delivery(Record):
    """How a piece came about: the take under its fingerprint is there.

    `found` says that nothing had to be done for it; the others are as in `core.ladder.Outcome`, for all its orders.
    """

    cost: Micros = 0
    attempts: int = 0
    fell: tuple[str, ...] = ()
    found: bool = False


@dataclass(frozen=True)
class _Part:
    """What a hosted order stands for: a scene, the track, or a link of it."""

    piece: SceneOrder | TrackOrder
    link: Link | None = None
    is_last: bool = True


class Buyer:
    """Buys for one film, in one process.

    Args:
        store: where everything is.
        orders: all of the film's.
        means: what this process buys with.
        clips: makes the clips that no hosted model delivers, and those that none is asked for.
        tracks: the same for the track.
        on_step: told how far the work on this machine is.
        say: told what a person should know at once, and how the orders stand.
    """

    def __init__(
        self,
        store: Store,
        orders: Orders,
        means: Means,
        clips: ClipProvider,
        tracks: TrackProvider,
        *,
        on_step: OnStep = lambda step, done, total: None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._store, self._orders, self._means = store, orders, means
        self._clips, self._tracks, self._on_step, self._say = clips, tracks, on_step, say
        self._campaign = orders.wishes.campaign
        self._clerk = means.clerk(store, orders.wishes)
        self._parts = dict(_parts(orders))
        self._own_work = _own_work(orders)

    @property
    def journal(self) -> Journal:
        """The campaign's journal."""
        return self._clerk.journal

    def place(self) -> None:
        """Place everything that can be placed without waiting, and stop what is under way and not wanted any more."""
        self._run(self._means.sleep, wait=False)

    def deliver(self, piece: SceneOrder | TrackOrder) -> Delivery:
        """Have a piece delivered, by whomever; all other orders move forward as well.

        Raises:
            PropertyVideoError: this machine cannot do its part.
        """
        bill = piece.bill
        if not bill.orders:
            return self._delivered_before(piece)
        found = all(self.journal.refresh(order.id).closed for order in bill.orders) and self._has(piece)
        if not found:
            self._run(self._wait, until=bill.orders[-1].id)
        outcomes = [outcome_of(order, self.journal.state(order.id)) for order in bill.orders]
        lost = self._loss(piece, outcomes[-1]) if self._has(piece) else self._restore(bill.orders[-1], outcomes[-1])
        return _delivery(outcomes, (*bill.passed_over, *filter(None, (lost,))), found)

    def _delivered_before(self, piece: SceneOrder | TrackOrder) -> Delivery:
        """A piece that nothing is bought for now: what its take has cost when it was bought, if it was."""
        if not isinstance(piece, SceneOrder) or not piece.pinned:
            return Delivery(fell=piece.bill.passed_over)
        order = withdrawn(f"{piece.scene}-{piece.fingerprint}", self._campaign)
        state = self.journal.refresh(order.id)
        return _delivery([outcome_of(order, state)], (), True) if state.closed else Delivery(found=True)

    def _run(self, sleep: Callable[[float], None], until: str | None = None, *, wait: bool = True) -> None:
        """Drive the film's orders, and those that are under way for nobody any more."""
        wanted = self._orders.hosted()
        work = (*wanted, *strays(self.journal, wanted))
        if not work:
            return
        slots = Slots(
            self._store,
            self._means.slots,
            owner=self._means.owner,
            is_gone=self._clerk.is_gone,
            clock=self._means.clock,
            rng=self._means.rng,
        )
        with self._means.services() as services:
            pump = Pump(
                self._clerk,
                services,
                self,
                self._store,
                sleep=sleep,
                rng=self._means.rng,
                slots=slots,
                on_progress=self._tell,
                say=self._say,
            )
            pump.run(work, until, wait=wait)

    def _tell(self, progress: Progress) -> None:
        if progress.loading or progress.done or progress.failed:
            self._say(f"Hosted models: {progress}" + (f" ({', '.join(progress.loading)})" if progress.loading else ""))

    def _wait(self, seconds: float) -> None:
        """Wait for hosted models; meanwhile this machine makes what it has to make anyway, one piece at a time."""
        if not self._own_work:
            self._means.sleep(seconds)
            return
        piece = self._own_work.pop(0)
        try:
            if self._has(piece):
                self._wait(seconds)
            else:
                self._embedded(piece)
        except PropertyVideoError as error:  # its own step meets it again, and tells it to Dagster
            self._say(f"{error}")

    # --- what is done on this machine (`orders.pump.Hands`)

    def prepare(self, order: HostedOrder, rung: Rung, before: str, folder: Path) -> Mapping[str, Path]:
        """The pictures that a clip begins and ends on, or the recording that a link of the track goes on from."""
        part = self._parts[order.id]
        if isinstance(part.piece, SceneOrder):
            return self._end_frames(part.piece, order, rung, folder)
        from property_video.media.join_music import save_context

        assert part.link is not None
        out = folder / f"{order.id}.wav"
        save_context(self._store.media_path(before), part.link, out)
        return dict.fromkeys(rung.files, out)

    def verify(self, order: HostedOrder, attempt: Attempt, raw: Path) -> str:
        """Bring an output to the film's form, verify it and keep it under its order's fingerprint."""
        part, provider = self._parts[order.id], attempt.begun.rung
        if isinstance(part.piece, SceneOrder):
            model = self._means.market.registry.video.get(attempt.begun.model)
            takes_last = model is None or model.inputs.last is not None
            hosted_take(self._store, self._campaign, part.piece, provider, raw, takes_last=takes_last)
            return self._key(part.piece)
        if part.link is not None and not part.is_last:
            return self._extended(order, part.link, raw)
        make_track(self._store, self._campaign, part.piece, provider, partial(self._mastered, order, part, raw))
        return self._key(part.piece)

    def fall_back(self, order: HostedOrder, reason: str) -> str:
        """Have the embedded provider stand in; of a chain, its last link stands for the whole track."""
        part = self._parts[order.id]
        return self._stand_in(part.piece) if part.is_last else ""

    def _end_frames(self, scene: SceneOrder, order: HostedOrder, rung: Rung, folder: Path) -> Mapping[str, Path]:
        from property_video.media.hosted_frames import save_end_frames

        assert scene.first is not None and scene.shot is not None
        registry = self._means.market.registry
        first = self._store.media_path(scene.first.working)
        last = self._store.media_path(scene.last.working) if scene.last else None
        begin, end = folder / f"{order.id}-first.jpg", folder / f"{order.id}-last.jpg"
        size = clip_frame_size(rung, registry, scene.shot.frames)
        save_end_frames(first, last, scene.shot, size, begin, end)
        return {key: begin if file_shows(rung, registry, key) == FIRST else end for key in rung.files}

    def _extended(self, order: HostedOrder, link: Link, raw: Path) -> str:
        """The track so far with a link's part added, as a media key."""
        with self._store.scratch("track") as scratch:
            out = scratch / "so_far.f32"
            self._extend(order, link, raw, out)
            return self._store.adopt(out).key

    def _extend(self, order: HostedOrder, link: Link, raw: Path, out: Path) -> None:
        from property_video.media.join_music import extend_track

        so_far = self._store.media_path(self.journal.state(order.after).output) if order.after else None
        extend_track(so_far, raw, link, out)

    def _mastered(self, order: HostedOrder, part: _Part, raw: Path, out: Path) -> str:
        """Write the whole track from its last output; a hosted model's recording is finished and only levelled."""
        from property_video.media.join_music import save_to_length
        from property_video.media.master import master

        track, mix = part.piece, out.with_suffix(".f32")
        assert isinstance(track, TrackOrder)
        if part.link is None:
            save_to_length(raw, track.frames / track.fps, mix)
        else:
            self._extend(order, part.link, raw, mix)
            os.truncate(mix, track.frames * SAMPLE_RATE // track.fps * 8)
        master(mix, out, polish=False)
        return ""

    # --- takes

    def _stand_in(self, piece: SceneOrder | TrackOrder) -> str:
        """Keep the embedded provider's work under the fingerprint of a hosted order."""
        made = self._embedded(piece).model_copy(update={"fingerprint": piece.fingerprint})
        self._store.write(self._key(piece), made)
        return self._key(piece)

    def _embedded(self, piece: SceneOrder | TrackOrder) -> Take | Track:
        if isinstance(piece, SceneOrder):
            return embedded_take(self._store, self._campaign, piece, self._clips, self._step(piece.scene))
        return embedded_track(self._store, self._campaign, piece, self._tracks, self._step(TRACK))

    def _restore(self, order: HostedOrder, outcome: Outcome) -> str:
        """Make a take again that was delivered and is gone; why the embedded provider stands in, or ""."""
        attempt = self.journal.state(order.id).attempt
        why = "It fell before."
        if outcome.rung != EMBEDDED and attempt is not None:
            try:
                self.verify(order, attempt, self._store.media_path(attempt.raw))
                return ""
            except (BadOutput, MissingMedia) as error:
                why = f"{outcome.rung}: What was bought is not in the store any more. {error.reason}"
        self._stand_in(self._parts[order.id].piece)
        return "" if outcome.rung == EMBEDDED else why

    def _loss(self, piece: SceneOrder | TrackOrder, outcome: Outcome) -> str:
        """Why the embedded provider stands in for what was bought, as it has done since an earlier run."""
        stands_in = outcome.rung != EMBEDDED and self._maker(piece) == EMBEDDED
        return f"{outcome.rung}: What was bought is not in the store any more." if stands_in else ""

    def _maker(self, piece: SceneOrder | TrackOrder) -> str:
        if isinstance(piece, SceneOrder):
            take = find_take(self._store, self._campaign, piece.scene, piece.fingerprint)
            return take.provider if take else ""
        track = find_track(self._store, self._campaign, piece.fingerprint)
        return track.provider if track else ""

    def _has(self, piece: SceneOrder | TrackOrder) -> bool:
        return bool(self._maker(piece))

    def _key(self, piece: SceneOrder | TrackOrder) -> str:
        return keys.take(self._campaign, piece.scene if isinstance(piece, SceneOrder) else TRACK, piece.fingerprint)

    def _step(self, step: str) -> OnProgress:
        return partial(self._on_step, step)


def _parts(orders: Orders) -> dict[str, _Part]:
    """What every hosted order of a film stands for, by its id."""
    parts: dict[str, _Part] = {}
    for piece in orders.pieces():
        links = piece.bill.links or (None,) * len(piece.bill.orders)
        for order, link in zip(piece.bill.orders, links, strict=True):
            parts[order.id] = _Part(piece, link, is_last=order is piece.bill.orders[-1])
    return parts


def _own_work(orders: Orders) -> list[SceneOrder | TrackOrder]:
    """The pieces that no hosted model is asked for."""
    scenes = [each for each in orders.scenes if each.first is not None and not each.bill.orders and not each.pinned]
    return [*scenes, *([] if orders.track.bill.orders or not scenes else [orders.track])]


def _delivery(outcomes: list[Outcome], before: tuple[str, ...], found: bool) -> Delivery:
    reasons = (*before, *(reason for outcome in outcomes for reason in outcome.fell))
    return Delivery(
        cost=sum(outcome.cost for outcome in outcomes),
        attempts=sum(outcome.attempts for outcome in outcomes),
        fell=tuple(dict.fromkeys(reasons)),
        found=found,
    )
