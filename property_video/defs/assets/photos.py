"""What a campaign wants and what it has: its brief, its photos, what they show.

Not here: choosing photos for scenes (pairs.py).
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import dagster as dg

from property_video.core.analysis import contradiction
from property_video.core.brief import Brief
from property_video.core.edits import Edit, checked_edit
from property_video.core.errors import BadInput
from property_video.core.fingerprints import VERSIONS, fingerprint
from property_video.core.photo import PhotoAnalysis, UploadedPhotos, Verdict
from property_video.core.recording import Recording
from property_video.core.verdicts import ANALYSIS_CHECKS, PHOTO_CHECKS, judge_chooser, judge_photos
from property_video.core.wishes import Wishes, photo_wishes
from property_video.defs.failures import told_to_dagster
from property_video.defs.metadata import Shown, check_results, check_specs, choice_shown, picture, result, table
from property_video.defs.partitions import campaigns
from property_video.defs.resources import Progress, UploadsResource
from property_video.defs.wanted import brief_in, wanted
from property_video.intake.sources import find_source, source_address
from property_video.intake.uploads import Uploads, open_uploads
from property_video.orders.buyer import Means
from property_video.orders.choosing import with_rooms
from property_video.store import keys
from property_video.store.base import Store
from property_video.store.edits import add_edit, read_edits
from property_video.storyboards import load_moves, storyboard_names


class CampaignLaunch(dg.Config):
    """What a person may choose for the whole film when launching; kept as an edit."""

    storyboard: str | None = None
    seed: int | None = None
    mood: str | None = None
    video: str | None = None
    music: str | None = None
    choice: str | None = None
    budget_usd: float | None = None


@dg.asset(
    partitions_def=campaigns,
    group_name="request",
    kinds={"yaml"},
    owners=["team:campaigns"],
    code_version=str(VERSIONS["request"]),
    description="What this campaign wants: its campaign.yaml and people's edits, validated, with all defaults. "
    "Launch it with a storyboard, seed, mood, ladders of hosted models and a budget to change the whole film; what is "
    "chosen stays.",
)
def brief(
    context: dg.AssetExecutionContext,
    config: CampaignLaunch,
    store: dg.ResourceParam[Store],
    uploads: dg.ResourceParam[UploadsResource],
):
    """Read the brief, keep what the launch chose, resolve both."""
    campaign = context.partition_key
    with told_to_dagster():
        chosen = {key: value for key, value in config.model_dump().items() if value is not None}
        written, recording = _brief_of(store, find_source(store, open_uploads(uploads.place), campaign), campaign)
        resolved = partial(wanted, campaign, written, recording)
        edit = checked_edit(Edit(values=chosen), load_moves(), storyboard_names())
        add_edit(store, campaign, edit, check=resolved)
        wishes = resolved(read_edits(store, campaign))
    facts = written.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    return result(
        wishes,
        fingerprint("request", wishes=wishes),
        {
            "client": written.client or "-",
            "storyboard": wishes.storyboard.title,
            "scenes": table(
                {
                    "scene": number,
                    "title": scene.title,
                    "wants": scene.wants,
                    "move": scene.move,
                    "seconds": scene.seconds,
                }
                for number, scene in wishes.storyboard.numbered()
            ),
            "music": _music(wishes),
            "seed": wishes.seed,
            "brief": dg.MetadataValue.json(facts),
            "edits": dg.MetadataValue.json(wishes.edits.model_dump(mode="json", exclude_none=True)),
        },
    )


def _brief_of(store: Store, folder: Path, campaign: str) -> tuple[Brief, Recording | None]:
    """The brief in the folder and the client's track that it names; those last read when the folder is gone."""
    if folder.is_dir():
        return brief_in(store, folder)
    last = store.read(keys.record("brief", campaign), Wishes)
    return (last.brief, last.recording) if last else (Brief(), None)


def _music(wishes: Wishes) -> str:
    """What is played, in a sentence for people."""
    if wishes.recording is None:
        return f"composed: {wishes.mood}, seed {wishes.music_seed}"
    named = wishes.edits.mood or wishes.brief.music.mood
    return f"the client's {wishes.recording.name}" + (f"; the mood {named} is not played" if named else "")


@dg.asset(
    partitions_def=campaigns,
    group_name="request",
    kinds={"jpeg"},
    owners=["team:campaigns"],
    code_version=str(VERSIONS["reading"]),
    check_specs=check_specs("uploaded_photos", PHOTO_CHECKS),
    description="Every photo of the campaign, taken into the store: what it is, whether it can be used, and if not, "
    "why and what to do. One broken photo never stops a listing.",
)
def uploaded_photos(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[Store],
    uploads: dg.ResourceParam[UploadsResource],
    progress: dg.ResourceParam[Progress],
):
    """Take the photos in, or keep those taken in before when their folder is gone."""
    with told_to_dagster():
        uploaded = _photos_of(store, open_uploads(uploads.place), context, progress)
        findings = judge_photos(uploaded)
        metadata: Shown = {
            "contact sheet": picture(_sheet(store, uploaded), "all usable photos"),
            "usable": len(uploaded.photos),
            "rejected": len(uploaded.rejected),
            "found": uploaded.found,
            "verdicts": table(_verdict_rows(uploaded)),
            "source": dg.MetadataValue.path(uploaded.source),
        }
    version = fingerprint("reading", photos=[[photo.name, photo.working] for photo in uploaded.photos])
    return result(uploaded, version, metadata, check_results(PHOTO_CHECKS, findings))


def _verdict_rows(uploaded: UploadedPhotos) -> Iterator[dict[str, str]]:
    for photo in uploaded.photos:
        size = f"{photo.reading.width}x{photo.reading.height} {photo.reading.format}"
        yield {"file": photo.name, "verdict": "usable", "size": size, "remark": " ".join(photo.reading.warnings)}
    for each in uploaded.rejected:
        yield {"file": each.file, "verdict": "rejected", "size": "", "remark": f"{each.reason} {each.remedy}"}


def _photos_of(store: Store, uploads: Uploads, context: dg.AssetExecutionContext, progress: Progress) -> UploadedPhotos:
    from property_video.intake.photos import take_in

    address = source_address(store, uploads, context.partition_key)
    folder = find_source(store, uploads, context.partition_key)
    if not folder.exists():
        last = store.read(keys.record("uploaded_photos", context.partition_key), UploadedPhotos)
        if last is None:
            raise BadInput(f"{address} does not exist.", "Name the folder that holds the photos.")
        context.log.warning(f"{address} is gone; working with the {len(last.photos)} photos taken in before.")
        return last.model_copy(update={"found": len(last.photos)})
    uploaded = take_in(store, folder, partial(progress, "uploaded_photos"))
    return uploaded.model_copy(update={"source": address})


def _sheet(store: Store, uploaded: UploadedPhotos) -> bytes:
    from property_video.media.pictures import small_sheet

    return small_sheet([store.media_path(photo.preview) for photo in uploaded.photos])


@dg.asset(
    partitions_def=campaigns,
    group_name="request",
    kinds={"opencv"},
    owners=["team:media"],
    code_version=str(VERSIONS["look"]),
    check_specs=check_specs("photo_analysis", ANALYSIS_CHECKS),
    description="What each photo shows and how good it is: room, light, sharpness, exposure, tilt, duplicates, "
    "and which photos show one space.",
)
def photo_analysis(
    context: dg.AssetExecutionContext,
    uploaded_photos: UploadedPhotos,
    brief: Wishes,
    store: dg.ResourceParam[Store],
    means: dg.ResourceParam[Means],
    progress: dg.ResourceParam[Progress],
):
    """Measure and judge every usable photo; a vision model tells the rooms where one is wanted."""
    from property_video.intake.photos import analyse

    with told_to_dagster():
        rooms = photo_wishes(brief.brief.photos, uploaded_photos).rooms
        measured = analyse(store, uploaded_photos, rooms, partial(progress, "photo_analysis"))
        analysis = with_rooms(store, means, brief, uploaded_photos, measured)
    if analysis.warning:
        context.log.warning(f"Rooms are told by words alone. {analysis.warning}")
    for line in analysis.chosen.warnings if analysis.chosen else ():
        context.log.warning(f"Choice of rooms: {line}")
    return result(
        analysis,
        fingerprint("look", verdicts=analysis.verdicts, matches=analysis.matches),
        {
            "photos": table(_shown_rows(analysis)),
            "one camera move joins": table(
                {"first": match.first, "last": match.last, "points in common": match.inliers}
                for match in analysis.matches
                if match.one_move
            ),
            "found": analysis.found,
            "rooms known": sum(verdict.room != "other" for verdict in analysis.verdicts),
            **({"warning": analysis.warning} if analysis.warning else {}),
            **choice_shown(analysis.chosen),
        },
        check_results(ANALYSIS_CHECKS, (judge_chooser(analysis.chosen),)),
    )


def _remark(verdict: Verdict) -> str:
    room = contradiction(verdict)
    return f"the picture shows {room.replace('_', ' ')}" if room else ""


def _shown_rows(analysis: PhotoAnalysis) -> Iterator[dict[str, str | int | float]]:
    for verdict in analysis.verdicts:
        yield {
            "file": verdict.name,
            "room": verdict.room,
            "as well": verdict.second_room or "",
            "confidence": round(verdict.room_confidence, 2),
            "who says so": verdict.room_source,
            "remark": _remark(verdict),
            "outdoors": round(verdict.outdoors, 2),
            "light": "dusk" if verdict.evening else "day",
            "sharpness": round(verdict.look.sharpness, 3),
            "tilt": round(verdict.look.roll, 1),
            "quality": round(verdict.quality, 2),
            "flaws": " and ".join(verdict.flaws),
            "duplicate of": verdict.duplicate_of,
            "space": verdict.space,
            "visit": verdict.visit,
        }
