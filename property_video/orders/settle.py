"""Settling orders: bring each to its end and its output into the store.

Not here: which asset asks for what (defs/assets), making and keeping takes (making.py), buying them (buyer.py).
"""

from collections.abc import Sequence
from typing import Final

from property_video.core.chosen import Chosen
from property_video.core.errors import BadInput
from property_video.core.film import FILM
from property_video.core.money import in_usd, micros
from property_video.core.orders import Orders, SceneOrder, TrackOrder, film_fingerprint, film_tags, request_fingerprint
from property_video.core.outputs import Clip, Film, Take, Track
from property_video.core.verdicts import judge_film, judge_orders, require
from property_video.orders.buyer import Delivery
from property_video.orders.making import embedded_take, embedded_track
from property_video.orders.place import find_take, find_track
from property_video.orders.stopwatch import Stopwatch
from property_video.providers.base import ClipProvider, OnProgress, TrackProvider
from property_video.store import keys
from property_video.store.base import Store

DELIVERED: Final = Delivery()
"""Of what nothing is bought for."""


def settle_scene(
    store: Store,
    campaign: str,
    order: SceneOrder,
    provider: ClipProvider,
    on_progress: OnProgress,
    delivery: Delivery = DELIVERED,
) -> Clip:
    """The scene's clip: found, delivered, or made here.

    Args:
        store: where everything is.
        campaign: whose.
        order: the scene's.
        provider: makes it, where hosted models did not.
        on_progress: told how far that is.
        delivery: what buying it came to (orders/buyer.py).

    Raises:
        BadInput: there is no such take as a person chose, or it is not as long as the scene.
        BadOutput: the clip did not pass verification; nothing was kept.
        MissingMedia: a photo of the order is no longer in the store.
        StoreFull, StoreError, BadPhoto: as making and keeping raise them.
    """
    base = Clip(scene=order.scene, number=order.number, title=order.title, reasons=order.reasons)
    if order.left_out or order.first is None or order.shot is None:
        return base.model_copy(update={"left_out": order.left_out})
    found = find_take(store, campaign, order.scene, order.fingerprint)
    if order.pinned:
        check_pinned(order, found)
    take = found or embedded_take(store, campaign, order, provider, on_progress)
    shown = take if order.pinned and take.first else None
    return base.model_copy(
        update={
            "take": take,
            "first": shown.first if shown else order.first.name,
            "last": shown.last if shown else order.last.name if order.last else "",
            "move": shown.move if shown else order.shot.move.name,
            "confidence": order.confidence,
            "cost_usd": in_usd(delivery.cost),
            "attempts": delivery.attempts,
            "fell": delivery.fell,
            "found": delivery.found if order.bill.orders else found is not None,
        }
    )


def check_pinned(order: SceneOrder, take: Take | None) -> None:
    """Refuse a take that a person chose where there is none, or where it is not as long as its scene.

    Raises:
        BadInput: saying which, and what to do.
    """
    assert order.shot is not None
    if take is None:
        raise BadInput(f"There is no take {order.fingerprint} of {order.scene}.", "Choose another one, or --reset.")
    if take.frames != order.shot.frames:
        raise BadInput(
            f"The chosen take of {order.scene} has {take.frames} frames, the scene {order.shot.frames}.",
            f"Give the scene {take.frames / order.shot.film.fps:g} seconds, or choose another take.",
        )


def settle_track(
    store: Store,
    campaign: str,
    order: TrackOrder,
    provider: TrackProvider,
    on_progress: OnProgress,
    delivery: Delivery = DELIVERED,
) -> Track:
    """The film's track: found, delivered, or made here. A client's own track is cut to the film here.

    Raises:
        BadInput: the client's track cannot be read.
        BadOutput: the track did not pass verification; nothing was kept.
        StoreFull, StoreError: as making and keeping raise them.
    """
    found = find_track(store, campaign, order.fingerprint)
    track = found or embedded_track(store, campaign, order, provider, on_progress)
    return track.model_copy(
        update={
            "cost_usd": in_usd(delivery.cost),
            "attempts": delivery.attempts,
            "fell": delivery.fell,
            "found": delivery.found if order.bill.orders else found is not None,
        }
    )


def settle_film(store: Store, orders: Orders, clips: Sequence[Clip], track: Track) -> Film:
    """The final video: found, or joined from its clips and track, verified and kept.

    Raises:
        BadOutput: a piece is not the one ordered, or the film did not pass verification; nothing was kept.
        MissingMedia: a piece is no longer in the store.
        StoreFull, StoreError: as making and keeping raise them.
    """
    require("final_video", judge_orders(orders, clips, track.fingerprint))
    shown = [clip for clip in clips if clip.take is not None]
    wishes = orders.wishes
    tags = film_tags(wishes.brief, wishes.campaign)
    name = film_fingerprint(shown, track, tags)
    found = store.read(keys.take(wishes.campaign, "final_video", name), Film)
    if found is not None and not store.holds(found.media):
        found = None
    made = found or _join(store, orders, shown, track, tags, name)
    film = made.model_copy(
        update={
            "client": wishes.brief.client or "",
            "storyboard": wishes.storyboard.name,
            "request": request_fingerprint(orders.listing, wishes.edits),
            "scenes": tuple(clips),
            "track": track,
            "choices": orders.choices,
            "cost_usd": in_usd(_cost(shown, track, orders.choices)),
            "found": found is not None,
        }
    )
    store.write(keys.take(wishes.campaign, "final_video", name), film)
    return film


def _cost(clips: Sequence[Clip], track: Track, choices: Sequence[Chosen]) -> int:
    """All that was paid for a film, in micro-dollars."""
    paid = (*(clip.cost_usd for clip in clips), track.cost_usd, *(chosen.cost_usd for chosen in choices))
    return sum(map(micros, paid))


def _join(store: Store, orders: Orders, shown: Sequence[Clip], track: Track, tags: dict[str, str], name: str) -> Film:
    from property_video.media.join import join
    from property_video.media.loudness import measure_track
    from property_video.media.probe import probe

    watch = Stopwatch()
    takes = [clip.take for clip in shown if clip.take]
    with store.scratch("film") as scratch:
        out = scratch / "film.mp4"
        join([store.media_path(take.media.key) for take in takes], store.media_path(track.media.key), out, FILM, tags)
        found, measures = probe(out), measure_track(out)
        require("final_video", judge_film(found, measures, shown))
        wishes = orders.wishes
        return Film(
            campaign=wishes.campaign,
            client=wishes.brief.client or "",
            title=tags["title"],
            request="",
            storyboard=wishes.storyboard.name,
            fingerprint=name,
            media=store.adopt(out),
            frames=sum(take.frames for take in takes),
            duration_s=round(found.duration, 6),
            measures=measures,
            scenes=(),
            track=track,
            cost_usd=0.0,
            wall_s=round(sum(take.wall_s for take in takes) + track.wall_s + watch.wall_s(), 3),
            cpu_s=round(sum(take.cpu_s for take in takes) + track.cpu_s + watch.cpu_s(), 3),
        )
