"""The shot list, and the orders that follow from it.

Not here: doing the work that is ordered (scenes.py, film.py).
"""

import dagster as dg

from property_video.core.advice import advise
from property_video.core.cost_table import CostRow, chosen_row, cost_rows
from property_video.core.fingerprints import VERSIONS, fingerprint
from property_video.core.money import in_usd
from property_video.core.orders import plan
from property_video.core.pairing import ShotList
from property_video.core.photo import PhotoAnalysis, UploadedPhotos
from property_video.core.verdicts import PAIR_CHECKS, judge_pairs, require
from property_video.core.wishes import Wishes
from property_video.defs.assets.scenes import buyer_of
from property_video.defs.failures import told_to_dagster
from property_video.defs.metadata import check_results, check_specs, choice_shown, inline, result, table
from property_video.defs.partitions import campaigns
from property_video.defs.resources import Progress, Say
from property_video.orders.buyer import Means
from property_video.orders.choosing import pairs_by_rule, with_pairs
from property_video.orders.place import place
from property_video.providers.base import ClipProvider, TrackProvider
from property_video.store import keys
from property_video.store.base import Store
from property_video.storyboards import load_moves


@dg.asset(
    partitions_def=campaigns,
    group_name="storyboard",
    kinds={"python"},
    owners=["team:media"],
    code_version="1",
    check_specs=check_specs("selected_pairs", PAIR_CHECKS),
    description="The shot list: which first and last photo each scene shows, why, and how sure that is. "
    "Pairs that a person chose stand.",
)
def selected_pairs(
    context: dg.AssetExecutionContext,
    photo_analysis: PhotoAnalysis,
    uploaded_photos: UploadedPhotos,
    brief: Wishes,
    store: dg.ResourceParam[Store],
    means: dg.ResourceParam[Means],
):
    """Fill the storyboard's scenes with photos; a vision model chooses them where one is wanted."""
    with told_to_dagster():
        before = store.read(keys.record("selected_pairs", brief.campaign), ShotList)
        by_rule = pairs_by_rule(brief, uploaded_photos, photo_analysis, before)
        chosen = with_pairs(store, means, brief, uploaded_photos, photo_analysis, by_rule)
        for line in chosen.chosen.warnings if chosen.chosen else ():
            context.log.warning(f"Choice of pairs: {line}")
        shot_list = chosen.model_copy(update={"advice": advise(brief.storyboard, chosen, photo_analysis)})
        findings = judge_pairs(shot_list)
        require("selected_pairs", findings)
        metadata = {
            "shot list": dg.MetadataValue.md(_with_thumbnails(store, shot_list, uploaded_photos)),
            "pairs": table(
                {
                    "scene": pair.number,
                    "title": pair.title,
                    "first": pair.first,
                    "last": pair.last,
                    "confidence": pair.confidence,
                    "why": pair.left_out or " ".join(pair.reasons),
                    "next best": pair.alternative.removeprefix("Next best: "),
                }
                for pair in shot_list.pairs
            ),
            "scenes": len(shot_list.shown()),
            "the photographer's note": dg.MetadataValue.md(
                "\n".join(f"- {_cell(advice)}" for advice in shot_list.advice) or "Nothing is missing."
            ),
            **choice_shown(shot_list.chosen),
        }
    return result(
        shot_list, fingerprint("request", pairs=shot_list.pairs), metadata, check_results(PAIR_CHECKS, findings)
    )


THUMBNAIL_BYTES = 2_500
"""Of one thumbnail: fourteen of them then weigh 47 kB in the event log, as base64."""


def _with_thumbnails(store: Store, shot_list: ShotList, uploaded: UploadedPhotos) -> str:
    """The shot list as a Markdown table with a thumbnail of every photo."""
    from property_video.media.pictures import thumbnail

    def shown(name: str) -> str:
        if not name:
            return ""
        jpeg = thumbnail(store.media_path(uploaded.photo(name).preview), 128, THUMBNAIL_BYTES)
        return f"{inline(jpeg, 'photo')} {_cell(name)}"

    rows = [
        f"| {pair.number} {pair.title} | {shown(pair.first)} | {shown(pair.last)} | {pair.confidence:.0%} "
        f"| {_cell(pair.left_out or ' '.join(pair.reasons))} |"
        for pair in shot_list.pairs
    ]
    return "\n".join(("| scene | first | last | sure | why |", "|---|---|---|---|---|", *rows))


def _cell(text: str) -> str:
    """Text for a cell: a file may be named with anything, and Markdown must not read it."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]<>()#+!|~" else sign for sign in " ".join(text.split()))


@dg.asset(
    partitions_def=campaigns,
    group_name="storyboard",
    kinds={"python"},
    owners=["team:media"],
    code_version=f"{VERSIONS['clip']}.{VERSIONS['track']}",
    description="Who makes each scene and the track, at what price, and what exists already. Hosted models are asked "
    "here, so that all of them work at the same time.",
)
def orders(
    context: dg.AssetExecutionContext,
    brief: Wishes,
    selected_pairs: ShotList,
    uploaded_photos: UploadedPhotos,
    photo_analysis: PhotoAnalysis,
    store: dg.ResourceParam[Store],
    clips: dg.ResourceParam[ClipProvider],
    tracks: dg.ResourceParam[TrackProvider],
    means: dg.ResourceParam[Means],
    progress: dg.ResourceParam[Progress],
    say: dg.ResourceParam[Say],
):
    """Order everything the film needs."""
    with told_to_dagster():
        moves, market = load_moves(), means.market
        planned = plan(brief, selected_pairs, uploaded_photos, photo_analysis, moves, market)
        placed = place(store, planned.model_copy(update={"run": context.run.run_id}))
        buyer_of(context, store, placed, means, clips, tracks, progress, say).place()
    work = [order for order in placed.scenes if not order.left_out]
    return result(
        placed,
        fingerprint("request", scenes=[order.fingerprint for order in placed.scenes], track=placed.track.fingerprint),
        {
            "orders": table(_spelled(row) for row in (*map(chosen_row, placed.choices), *cost_rows(placed))),
            "to be made": sum(not order.found for order in work) + (not placed.track.found),
            "estimate in USD": in_usd(sum(piece.bill.estimate for piece in (*work, placed.track) if not piece.found)),
            "budget in USD": in_usd(brief.budget) if brief.budget is not None else "none",
        },
    )


def _spelled(row: CostRow) -> dict[str, str | float]:
    """A row of the cost table with the words that people read."""
    return {
        "piece": row.piece,
        "provider": row.provider,
        "state": row.state,
        "move": row.detail,
        "seconds": row.seconds,
        "estimate in USD": row.estimate_usd,
        "passed over": row.passed_over,
    }
