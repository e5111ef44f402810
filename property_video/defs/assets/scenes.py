"""Seven scenes, one factory: seven assets, so that each has its own status, checks, retries and re-rolls.

Not here: making clips (providers), keeping them (orders/settle.py).
"""

from functools import partial

import dagster as dg

from property_video.core.buying import Market
from property_video.core.edits import Edit, checked_edit
from property_video.core.fingerprints import VERSIONS
from property_video.core.foreign import judge_conformed
from property_video.core.orders import Orders, SceneOrder, TrackOrder, replan
from property_video.core.outputs import Clip
from property_video.core.storyboard import SCENE_KEYS
from property_video.core.verdicts import CLIP_CHECKS, FailedVerification, Finding, judge_clip, judge_maker
from property_video.defs.failures import PATIENTLY, told_to_dagster
from property_video.defs.metadata import Shown, check_results, check_specs, picture, report_failed, result, table
from property_video.defs.partitions import campaigns
from property_video.defs.resources import Progress, Say
from property_video.orders.buyer import Buyer, Delivery, Means
from property_video.orders.settle import settle_scene
from property_video.providers.base import ClipProvider, TrackProvider
from property_video.store.base import Store
from property_video.store.edits import add_edit, read_edits
from property_video.storyboards import load_moves, storyboard_names


class SceneLaunch(dg.Config):
    """What a person may choose for one scene when launching it; kept as an edit."""

    first: str | None = None
    last: str | None = None
    move: str | None = None
    seconds: float | None = None
    seed: int | None = None
    video: str | None = None
    take: str | None = None


def current_orders(store: Store, orders: Orders, market: Market) -> Orders:
    """The orders after every edit that stands now: a scene made alone orders for itself."""
    return replan(orders, read_edits(store, orders.wishes.campaign), load_moves(), market)


def buyer_of(
    context: dg.AssetExecutionContext,
    store: Store,
    orders: Orders,
    means: Means,
    clips: ClipProvider,
    tracks: TrackProvider,
    progress: Progress,
    say: Say,
) -> Buyer:
    """Who buys for a film in a step; what it says is in the step's log, too."""

    def tell(line: str) -> None:
        context.log.info(line)
        say(line)

    return Buyer(store, orders, means, clips, tracks, on_step=progress, say=tell)


def delivered(
    context: dg.AssetExecutionContext, orders: Orders, buyer: Buyer, piece: SceneOrder | TrackOrder
) -> Delivery:
    """How a piece came about; found is only what was there before this run, whichever of its steps bought the rest."""
    delivery = buyer.deliver(piece)
    if orders.run != context.run.run_id:
        return delivery
    return delivery.model_copy(update={"found": delivery.found and piece.found})


def build_scene(key: str, retry: dg.RetryPolicy) -> dg.AssetsDefinition:
    """The asset of one scene of the storyboard."""

    @dg.asset(
        name=key,
        partitions_def=campaigns,
        group_name="scenes",
        kinds={"video"},
        owners=["team:media"],
        code_version=str(VERSIONS["clip"]),
        op_tags={"dagster/priority": "1"},
        check_specs=check_specs(key, CLIP_CHECKS),
        description=f"The clip of {key.replace('_', ' ')}: a camera move from its first photo to its last, or the "
        "reason why the scene is left out. Launch it with other photos, another move or seed to re-roll it; what is "
        "chosen stays.",
    )
    def scene(
        context: dg.AssetExecutionContext,
        config: SceneLaunch,
        orders: Orders,
        store: dg.ResourceParam[Store],
        clips: dg.ResourceParam[ClipProvider],
        tracks: dg.ResourceParam[TrackProvider],
        means: dg.ResourceParam[Means],
        progress: dg.ResourceParam[Progress],
        say: dg.ResourceParam[Say],
    ):
        campaign = context.partition_key
        with told_to_dagster(context, retry):
            chosen = {name: value for name, value in config.model_dump().items() if value is not None}
            edit = checked_edit(Edit(scene=key, values=chosen), load_moves(), storyboard_names())
            add_edit(store, campaign, edit, check=lambda edits: replan(orders, edits, load_moves(), means.market))
            current = current_orders(store, orders, means.market)
            order = current.scene(key)
            buyer = buyer_of(context, store, current, means, clips, tracks, progress, say)
            try:
                delivery = delivered(context, current, buyer, order)
                clip = settle_scene(store, campaign, order, clips, partial(progress, key), delivery)
            except FailedVerification as failed:
                report_failed(context, CLIP_CHECKS, failed)
                raise
            return result(
                clip,
                clip.take.fingerprint if clip.take else "left-out",
                describe(store, clip),
                check_results(CLIP_CHECKS, _findings(store, clip, order)),
            )

    return scene


def build_scenes(retry: dg.RetryPolicy = PATIENTLY) -> list[dg.AssetsDefinition]:
    """The assets of all scenes that a storyboard can have."""
    return [build_scene(key, retry) for key in SCENE_KEYS]


def _findings(store: Store, clip: Clip, order: SceneOrder) -> tuple[Finding, ...]:
    from property_video.media.probe import probe

    if clip.take is None or order.shot is None:
        return ()
    found, made_by = probe(store.media_path(clip.take.media.key)), judge_maker(clip.take.provider, clip.fell)
    if clip.take.conformed is not None:
        return (*judge_conformed(found, clip.take.conformed, order.shot.frames, order.shot.film), made_by)
    return (*judge_clip(found, clip.take.measures, order.shot), made_by)


def describe(store: Store, clip: Clip) -> Shown:
    """What the UI shows of a clip: its pictures, its photos, what making it took."""
    from property_video.media.pictures import strip

    if clip.take is None:
        return {"left out": clip.left_out}
    path, conformed = store.media_path(clip.take.media.key), clip.take.conformed
    stills = [store.media_path(still.key) for still in clip.take.stills]
    return {
        "first, middle, last frame": picture(strip(stills, 720), clip.title),
        "photos": f"{clip.first} → {clip.last}" if clip.last else clip.first,
        "move": clip.move,
        "why": " ".join(clip.reasons),
        "provider": clip.take.provider,
        "found": clip.found,
        "frames": clip.take.frames,
        "bytes": clip.take.media.bytes,
        "wall seconds": clip.take.wall_s,
        "CPU seconds": clip.take.cpu_s,
        "cost in USD": clip.cost_usd,
        "attempts": clip.attempts,
        "fell": "; ".join(clip.fell),
        "clip": dg.MetadataValue.path(str(path)),
        "measures": table([clip.take.measures.model_dump()]),
        **({"as it came": dg.MetadataValue.json(conformed.model_dump())} if conformed else {}),
    }
