"""The track and the final video.

Not here: composing (media/synthesize.py), joining (media/join.py).
"""

from functools import partial
from pathlib import Path

import dagster as dg

from property_video.core.film import FILM
from property_video.core.fingerprints import VERSIONS
from property_video.core.orders import Orders
from property_video.core.outbox import of_film
from property_video.core.outputs import Clip, Film, Track
from property_video.core.pairing import ShotList
from property_video.core.verdicts import (
    FILM_CHECKS,
    TRACK_CHECKS,
    FailedVerification,
    judge_film,
    judge_maker,
    judge_makers,
    judge_track,
)
from property_video.defs.assets.scenes import buyer_of, current_orders, delivered
from property_video.defs.failures import PATIENTLY, told_to_dagster
from property_video.defs.metadata import Shown, check_results, check_specs, picture, report_failed, result, table
from property_video.defs.partitions import campaigns
from property_video.defs.resources import Outbox, Progress, Say
from property_video.orders.buyer import Means
from property_video.orders.settle import settle_film, settle_track
from property_video.outbox.messages import announce
from property_video.providers.base import ClipProvider, TrackProvider
from property_video.reports.tables import record_film
from property_video.store import keys
from property_video.store.base import Store


def build_track(retry: dg.RetryPolicy = PATIENTLY) -> dg.AssetsDefinition:
    """The asset of the film's track."""

    @dg.asset(
        partitions_def=campaigns,
        group_name="film",
        kinds={"audio"},
        owners=["team:media"],
        code_version=str(VERSIONS["track"]),
        # The in-process executor would run the track before all scenes.
        op_tags={"dagster/priority": "-1"},
        check_specs=check_specs("audio_track", TRACK_CHECKS),
        description="One stereo track for the whole film: composed for its cuts, or cut on its beats from the client's "
        "own file. Mastered to -14 LUFS.",
    )
    def audio_track(
        context: dg.AssetExecutionContext,
        orders: Orders,
        store: dg.ResourceParam[Store],
        clips: dg.ResourceParam[ClipProvider],
        tracks: dg.ResourceParam[TrackProvider],
        means: dg.ResourceParam[Means],
        progress: dg.ResourceParam[Progress],
        say: dg.ResourceParam[Say],
    ):
        campaign, step = context.partition_key, partial(progress, "audio_track")
        with told_to_dagster(context, retry):
            current = current_orders(store, orders, means.market)
            order = current.track
            buyer = buyer_of(context, store, current, means, clips, tracks, progress, say)
            try:
                track = settle_track(store, campaign, order, tracks, step, delivered(context, current, buyer, order))
            except FailedVerification as failed:
                report_failed(context, TRACK_CHECKS, failed)
                raise
            findings = (*judge_track(track.measures, track.frames), judge_maker(track.provider, track.fell))
            return result(
                track, track.fingerprint, _describe_track(store, track), check_results(TRACK_CHECKS, findings)
            )

    return audio_track


def _describe_track(store: Store, track: Track) -> Shown:
    from property_video.media.loudness import waveform_picture

    wave = waveform_picture(store.media_path(track.media.key), [cut / FILM.fps for cut in track.cuts])
    return {
        "waveform and cuts": picture(wave, "waveform with cuts"),
        "music": track.remark or f"composed: {track.mood}, seed {track.seed}",
        "LUFS": round(track.measures.lufs, 2),
        "true peak in dBTP": round(track.measures.true_peak_dbtp, 2),
        "loudness range in LU": round(track.measures.loudness_range, 2),
        "seconds": track.measures.duration_s,
        "provider": track.provider,
        "cost in USD": track.cost_usd,
        "attempts": track.attempts,
        "fell": "; ".join(track.fell),
        "found": track.found,
        "wall seconds": track.wall_s,
        "CPU seconds": track.cpu_s,
        "track": dg.MetadataValue.path(store.address(track.media.key)),
    }


def build_film(media_url: str, retry: dg.RetryPolicy = PATIENTLY) -> dg.AssetsDefinition:
    """The asset of the final video; `media_url` is where the media server plays it."""

    @dg.asset(
        partitions_def=campaigns,
        group_name="film",
        kinds={"video"},
        owners=["team:media"],
        code_version=str(VERSIONS["film"]),
        check_specs=check_specs("final_video", FILM_CHECKS),
        description="The unbranded master: clips joined without re-encoding, with the track; checked before it counts.",
    )
    def final_video(
        context: dg.AssetExecutionContext,
        orders: Orders,
        scene_1: Clip,
        scene_2: Clip,
        scene_3: Clip,
        scene_4: Clip,
        scene_5: Clip,
        scene_6: Clip,
        scene_7: Clip,
        audio_track: Track,
        store: dg.ResourceParam[Store],
        means: dg.ResourceParam[Means],
        outbox: dg.ResourceParam[Outbox],
    ):
        clips = (scene_1, scene_2, scene_3, scene_4, scene_5, scene_6, scene_7)
        with told_to_dagster(context, retry):
            try:
                film = settle_film(store, current_orders(store, orders, means.market), clips, audio_track)
            except FailedVerification as failed:
                report_failed(context, FILM_CHECKS, failed)
                raise
            if outbox.receivers:
                shot_list = store.read(keys.record("selected_pairs", film.campaign), ShotList)
                note = shot_list.advice if shot_list is not None else ()
                announce(store, of_film(film, orders.wishes.brief, note, FILM.fps))
            record_film(store, film)
            store.publish(film.media, keys.film(film.campaign))
            return result(
                film,
                film.fingerprint,
                _describe_film(store, film, media_url),
                check_results(FILM_CHECKS, _findings(film, store.media_path(film.media.key))),
            )

    return final_video


def _findings(film: Film, path: Path) -> tuple:  # type: ignore[type-arg]
    from property_video.media.probe import probe

    return (*judge_film(probe(path), film.measures, film.scenes), judge_makers(film.scenes, film.track))


def _describe_film(store: Store, film: Film, media_url: str) -> Shown:
    from property_video.media.pictures import small_sheet

    stills = [store.media_path(still.key) for clip in film.scenes if clip.take for still in clip.take.stills[::2]]
    return {
        "play": dg.MetadataValue.url(f"{media_url}/films/{film.campaign}"),
        "contact sheet": picture(small_sheet(stills, columns=4), "first and last frame of each scene"),
        "seconds": film.duration_s,
        "bytes": film.media.bytes,
        "LUFS": round(film.measures.lufs, 2),
        "true peak in dBTP": round(film.measures.true_peak_dbtp, 2),
        "wall seconds": film.wall_s,
        "CPU seconds": film.cpu_s,
        "cost in USD": film.cost_usd,
        "fell": _stand_ins(film) or "nothing",
        "found": film.found,
        "scenes": table(
            {
                "scene": clip.number,
                "title": clip.title,
                "first": clip.first,
                "last": clip.last,
                "provider": clip.take.provider if clip.take else "",
                "cost in USD": clip.cost_usd,
                "attempts": clip.attempts,
                "fell": "; ".join(clip.fell),
                "left out": clip.left_out,
            }
            for clip in film.scenes
        ),
        "file": dg.MetadataValue.path(store.address(keys.film(film.campaign))),
    }


def _stand_ins(film: Film) -> str:
    """The pieces of a film that hosted models did not deliver, though they were asked."""
    fallen = [clip.scene for clip in film.scenes if clip.fallen]
    return ", ".join([*fallen, *(["audio_track"] if film.track.fallen else [])])
