"""What `make --json` says of a film.

Not here: printing it (cli.py).
"""

from typing import Any

from property_video.core.outputs import Film
from property_video.core.pairing import ShotList
from property_video.core.photo import PhotoAnalysis, UploadedPhotos


def summarise(
    film: Film,
    uploaded: UploadedPhotos,
    analysis: PhotoAnalysis,
    shot_list: ShotList,
    path: str,
    run_id: str,
    spent_usd: float,
) -> dict[str, Any]:
    """One object of plain values: the film, its scenes, its photos, what was found and not made again.

    `cost_usd` is everything the film cost, whenever it was paid; `spent_usd` what this run paid.
    """
    alternatives = {pair.scene: pair.alternative for pair in shot_list.pairs}
    used = {name for clip in film.scenes if clip.take for name in (clip.first, clip.last) if name}
    return {
        "campaign": film.campaign,
        "film": path,
        "duration_s": film.duration_s,
        "cost_usd": film.cost_usd,
        "spent_usd": spent_usd,
        "choice": [chosen.model_dump(mode="json") for chosen in film.choices],
        "music": {
            "provider": film.track.provider,
            "cost_usd": film.track.cost_usd,
            "attempts": film.track.attempts,
            "fell": list(film.track.fell),
            "file": film.track.file or None,
            "mood": film.track.mood or None,
            "remark": film.track.remark or None,
        },
        "scenes": [
            {
                "scene": clip.scene,
                "title": clip.title,
                "first": clip.first or None,
                "last": clip.last or None,
                "provider": clip.take.provider if clip.take else None,
                "cost_usd": clip.cost_usd,
                "attempts": clip.attempts,
                "fell": list(clip.fell),
                "confidence": clip.confidence,
                "reasons": list(clip.reasons),
                "alternative": alternatives.get(clip.scene) or None,
                "left_out": clip.left_out or None,
            }
            for clip in film.scenes
        ],
        "photos": [
            {
                "file": verdict.name,
                "used": verdict.name in used,
                "room": verdict.room,
                "room_confidence": verdict.room_confidence,
                "room_source": verdict.room_source,
                "sharp": not verdict.blurred,
                "duplicate_of": verdict.duplicate_of or None,
            }
            for verdict in analysis.verdicts
        ],
        "advice": list(shot_list.advice),
        "rejected": [each.model_dump(include={"file", "reason", "remedy"}) for each in uploaded.rejected],
        "run_id": run_id,
        "reused": reused(film, uploaded, analysis),
    }


def reused(film: Film, uploaded: UploadedPhotos, analysis: PhotoAnalysis) -> list[str]:
    """Assets whose outputs were all found, in the order of the graph."""
    found = {
        "uploaded_photos": uploaded.found == len(uploaded.photos),
        "photo_analysis": analysis.found == len(analysis.verdicts),
        **{clip.scene: clip.found for clip in film.scenes},
        "audio_track": film.track.found,
        "final_video": film.found,
    }
    return [asset for asset, was_found in found.items() if was_found]
