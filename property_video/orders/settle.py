"""Settling orders: bring each to its end and its output into the store.

A record is committed last, after its media were verified and adopted: a bad clip never replaces a good one, and a
process killed at any moment leaves either the whole output or none.

Not here: which asset asks for what (defs/assets).
"""

from collections.abc import Sequence
from pathlib import Path

from property_video.core.film import FILM, SAMPLE_RATE
from property_video.core.fingerprints import fingerprint
from property_video.core.orders import Orders, SceneOrder, TrackOrder, film_tags, request_fingerprint
from property_video.core.outputs import Clip, Film, Take, Track
from property_video.core.verdicts import judge_clip, judge_film, judge_orders, judge_track, require
from property_video.orders.place import find_take, find_track
from property_video.orders.stopwatch import Stopwatch
from property_video.providers.base import ClipProvider, OnProgress, TrackProvider
from property_video.store import keys
from property_video.store.local import LocalStore


def settle_scene(
    store: LocalStore, campaign: str, order: SceneOrder, provider: ClipProvider, on_progress: OnProgress
) -> Clip:
    """The scene's clip: found, or made, verified and kept.

    Raises:
        BadOutput: the clip did not pass verification; nothing was kept.
        MissingMedia: a photo of the order is no longer in the store.
        StoreFull, StoreError, BadPhoto: as making and keeping raise them.
    """
    base = Clip(scene=order.scene, number=order.number, title=order.title, reasons=order.reasons)
    if order.left_out or order.first is None or order.shot is None:
        return base.model_copy(update={"left_out": order.left_out})
    found = find_take(store, campaign, order.scene, order.fingerprint)
    take = found or _make_take(store, campaign, order, provider, on_progress)
    return base.model_copy(
        update={
            "take": take,
            "first": order.first.name,
            "last": order.last.name if order.last else "",
            "move": order.shot.move.name,
            "confidence": order.confidence,
            "cost_usd": order.cost_usd,
            "found": found is not None,
        }
    )


def _make_take(
    store: LocalStore, campaign: str, order: SceneOrder, provider: ClipProvider, on_progress: OnProgress
) -> Take:
    from property_video.media.measure_clip import measure_clip
    from property_video.media.probe import probe

    assert order.first is not None and order.shot is not None
    watch = Stopwatch()
    first = store.media_path(order.first.working)
    last = store.media_path(order.last.working) if order.last else None
    with store.scratch(order.scene) as scratch:
        out = scratch / f"{order.scene}.mp4"
        provider.make_clip(order, first, last, out, on_progress)
        measures = measure_clip(out, first, last, order.shot, stills=scratch)
        require(order.scene, judge_clip(probe(out), measures, order.shot))
        take = Take(
            fingerprint=order.fingerprint,
            media=store.adopt(out),
            stills=tuple(store.adopt(scratch / f"{name}.jpg") for name in ("first", "middle", "last")),
            provider=order.provider,
            frames=order.shot.frames,
            measures=measures,
            wall_s=watch.wall_s(),
            cpu_s=watch.cpu_s(),
        )
    store.write(keys.take(campaign, order.scene, order.fingerprint), take)
    return take


def settle_track(
    store: LocalStore, campaign: str, order: TrackOrder, provider: TrackProvider, on_progress: OnProgress
) -> Track:
    """The film's track: found, or made, verified and kept. A client's own track is cut to the film here.

    Raises:
        BadInput: the client's track cannot be read.
        BadOutput: the track did not pass verification; nothing was kept.
        StoreFull, StoreError: as making and keeping raise them.
    """
    from property_video.media.loudness import measure_track

    found = find_track(store, campaign, order.fingerprint)
    if found is not None:
        return found.model_copy(update={"found": True})
    watch = Stopwatch()
    with store.scratch("track") as scratch:
        out = scratch / "track.wav"
        remark = _make_track(store, order, provider, out, on_progress)
        measures = measure_track(out)
        require("audio_track", judge_track(measures, order.frames, order.fps))
        track = Track(
            fingerprint=order.fingerprint,
            media=store.adopt(out),
            provider=order.provider,
            mood=order.mood,
            seed=order.seed,
            file=order.recording.name if order.recording else "",
            remark=remark,
            frames=order.frames,
            cuts=order.cuts(),
            measures=measures,
            wall_s=watch.wall_s(),
            cpu_s=watch.cpu_s(),
            cost_usd=order.cost_usd,
        )
    store.write(keys.take(campaign, "audio_track", order.fingerprint), track)
    return track


def _make_track(
    store: LocalStore, order: TrackOrder, provider: TrackProvider, out: Path, on_progress: OnProgress
) -> str:
    """Have the track composed, or cut from the client's recording; what there is to say of it."""
    if order.recording is None:
        provider.make_track(order, out, on_progress)
        return ""
    from property_video.media.recordings import fit_recording

    *cuts, samples = (round(frame * SAMPLE_RATE / order.fps) for frame in (*order.cuts(), order.frames))
    path = store.media_path(order.recording.media.key)
    return fit_recording(path, order.recording.name, cuts, samples, out, on_progress).sentence(order.recording.name)


def settle_film(store: LocalStore, orders: Orders, clips: Sequence[Clip], track: Track) -> Film:
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
    name = fingerprint(
        "film",
        clips=[clip.take.media.key for clip in shown if clip.take],
        track=track.media.key,
        tags=tags,
        film=FILM,
    )
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
            "cost_usd": round(sum(clip.cost_usd for clip in shown) + track.cost_usd, 4),
            "found": found is not None,
        }
    )
    store.write(keys.take(wishes.campaign, "final_video", name), film)
    return film


def _join(
    store: LocalStore, orders: Orders, shown: Sequence[Clip], track: Track, tags: dict[str, str], name: str
) -> Film:
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
