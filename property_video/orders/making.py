"""Making pieces: a clip or a track is made, verified, and kept as a take under its order's fingerprint.

A record is committed last, after its media were verified and adopted: a bad clip never replaces a good one, and a
process killed at any moment leaves either the whole output or none.

Not here: whether it has to be made (place.py, settle.py), what hosted models are asked (buyer.py).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from property_video.core.conformed import Conformed
from property_video.core.film import SAMPLE_RATE
from property_video.core.foreign import STRAYS_SSIM, judge_conformed
from property_video.core.orders import SceneOrder, TrackOrder
from property_video.core.outputs import Take, Track
from property_video.core.room_model import distances
from property_video.core.verdicts import judge_clip, judge_track, require
from property_video.orders.place import find_take, find_track
from property_video.orders.stopwatch import Stopwatch
from property_video.providers.base import ClipProvider, OnProgress, TrackProvider
from property_video.store import keys
from property_video.store.base import Store

FRAME_SIZE: Final = (1280, 720)
"""Pixels of the pictures that a hosted clip's ends are compared with; `media.conform` compares at half of it."""

WANTED: Final = ("begin", "end")
"""Names of these pictures."""


def embedded_take(
    store: Store, campaign: str, order: SceneOrder, provider: ClipProvider, on_progress: OnProgress
) -> Take:
    """The clip that this machine's camera makes for an order: found, or made and kept.

    Raises:
        BadOutput: the clip did not pass verification; nothing was kept.
        MissingMedia: a photo of the order is no longer in the store.
        StoreFull, StoreError, BadPhoto: as making and keeping raise them.
    """

    def make(first: Path, last: Path | None, out: Path) -> None:
        provider.make_clip(order, first, last, out, on_progress)

    own = order.embedded()
    return find_take(store, campaign, own.scene, own.fingerprint) or _take(store, campaign, own, own.provider, make)


def hosted_take(store: Store, campaign: str, order: SceneOrder, provider: str, raw: Path, *, takes_last: bool) -> Take:
    """The take of a clip that a hosted model made: conformed, verified and kept.

    Args:
        store: where it is kept.
        campaign: whose.
        order: the scene's.
        provider: who made it.
        raw: the clip as it came.
        takes_last: whether the model was told what to end on.

    Raises:
        BadOutput: it cannot be used, or did not pass verification; nothing was kept.
        MissingMedia, StoreFull, StoreError, BadPhoto: as for `embedded_take`.
    """
    from property_video.media.conform import conform
    from property_video.media.hosted_frames import save_end_frames

    assert order.shot is not None
    shot = order.shot

    def bring(first: Path, last: Path | None, out: Path) -> Conformed:
        begin, end = (out.with_name(f"{name}.jpg") for name in WANTED)
        save_end_frames(first, last, shot, FRAME_SIZE, begin, end)
        return conform(raw, shot.frames, shot.film, out, first=begin, last=end if takes_last else None)

    return _take(store, campaign, order, provider, bring)


def _take(
    store: Store,
    campaign: str,
    order: SceneOrder,
    provider: str,
    make: Callable[[Path, Path | None, Path], Conformed | None],
) -> Take:
    from property_video.media.measure_clip import measure_clip
    from property_video.media.probe import probe

    assert order.first is not None and order.shot is not None
    shot, watch = order.shot, Stopwatch()
    first = store.media_path(order.first.working)
    last = store.media_path(order.last.working) if order.last else None
    with store.scratch(order.scene) as scratch:
        out = scratch / f"{order.scene}.mp4"
        conformed = make(first, last, out)
        measures, found = measure_clip(out, first, last, shot, stills=scratch), probe(out)
        if conformed is not None:
            conformed = _looked_at(conformed, scratch)
        require(
            order.scene,
            judge_conformed(found, conformed, shot.frames, shot.film)
            if conformed is not None
            else judge_clip(found, measures, shot),
        )
        take = Take(
            fingerprint=order.fingerprint,
            media=store.adopt(out),
            stills=tuple(store.adopt(scratch / f"{name}.jpg") for name in ("first", "middle", "last")),
            provider=provider,
            frames=shot.frames,
            measures=measures,
            wall_s=watch.wall_s(),
            cpu_s=watch.cpu_s(),
            first=order.first.name,
            last=order.last.name if order.last else "",
            move=shot.move.name,
            conformed=conformed,
        )
    store.write(keys.take(campaign, order.scene, order.fingerprint), take)
    return take


def _looked_at(conformed: Conformed, folder: Path) -> Conformed:
    """How far a clip's ends that stray are from what they were to show, as photo analysis sees it.

    Args:
        conformed: what conforming found.
        folder: has the clip's ends and those that were wanted.
    """
    from property_video.media.look_worker import look_at_all

    similar = {"first": conformed.ssim_first, "last": conformed.ssim_last}
    stray = [end for end, ssim in similar.items() if ssim is not None and ssim < STRAYS_SSIM]
    wanted = dict(zip(similar, WANTED, strict=True))
    features: list[str] = []
    look_at_all(
        [folder / f"{name}.jpg" for end in stray for name in (end, wanted[end])],
        lambda number, look: features.append(look.feature),
    )
    if not all(features):
        return conformed  # without the network nothing can be told
    pairs = zip(features[::2], features[1::2], strict=True)
    apart = {f"apart_{end}": float(distances(pair)[0, 1]) for end, pair in zip(stray, pairs, strict=True)}
    return conformed.model_copy(update=apart)


def embedded_track(
    store: Store, campaign: str, order: TrackOrder, provider: TrackProvider, on_progress: OnProgress
) -> Track:
    """The track that this machine composes, or cuts from the client's recording: found, or made and kept.

    Raises:
        BadInput: the client's track cannot be read.
        BadOutput: the track did not pass verification; nothing was kept.
        StoreFull, StoreError: as making and keeping raise them.
    """
    own = order if order.recording is not None else order.embedded()
    found = find_track(store, campaign, own.fingerprint)
    if found is not None:
        return found
    return make_track(store, campaign, own, own.provider, lambda out: _make(store, own, provider, out, on_progress))


def _make(store: Store, order: TrackOrder, provider: TrackProvider, out: Path, on_progress: OnProgress) -> str:
    """Have the track composed, or cut from the client's recording; what there is to say of it."""
    if order.recording is None:
        provider.make_track(order, out, on_progress)
        return ""
    from property_video.media.recordings import fit_recording

    *cuts, samples = (round(frame * SAMPLE_RATE / order.fps) for frame in (*order.cuts(), order.frames))
    path = store.media_path(order.recording.media.key)
    return fit_recording(path, order.recording.name, cuts, samples, out, on_progress).sentence(order.recording.name)


def make_track(store: Store, campaign: str, order: TrackOrder, provider: str, make: Callable[[Path], str]) -> Track:
    """Have `make` write a mastered track to a path and say what there is to say of it; verify and keep it.

    Raises:
        BadOutput: the track did not pass verification; nothing was kept.
        StoreFull, StoreError: as making and keeping raise them.
    """
    from property_video.media.loudness import measure_track

    watch = Stopwatch()
    with store.scratch("track") as scratch:
        out = scratch / "track.wav"
        remark = make(out)
        measures = measure_track(out)
        require("audio_track", judge_track(measures, order.frames, order.fps))
        track = Track(
            fingerprint=order.fingerprint,
            media=store.adopt(out),
            provider=provider,
            mood=order.mood,
            seed=order.seed,
            file=order.recording.name if order.recording else "",
            remark=remark,
            frames=order.frames,
            cuts=order.cuts(),
            measures=measures,
            wall_s=watch.wall_s(),
            cpu_s=watch.cpu_s(),
        )
    store.write(keys.take(campaign, "audio_track", order.fingerprint), track)
    return track
