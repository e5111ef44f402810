"""Having hosted models make pieces of a film that is finished, and only those.

The film keeps its photos, its other scenes and its old takes: nothing is read or chosen again.

Not here: buying (orders), making a whole film (make.py).
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from property_video.core.buying import Market
from property_video.core.edits import Edit, Edits, EditValue, checked_edit
from property_video.core.errors import BadInput
from property_video.core.ladders import EMBEDDED
from property_video.core.money import spelled
from property_video.core.orders import Orders, SceneOrder, TrackOrder, replan
from property_video.core.outputs import Film
from property_video.core.storyboard import SCENE_KEYS, scene_key
from property_video.defs.resources import Progress
from property_video.engine.make import Made, run_film
from property_video.orders.budget import Budget
from property_video.orders.journal import Journal
from property_video.orders.place import find_take, find_track
from property_video.providers.registry import load_registry
from property_video.settings import Settings
from property_video.store import keys
from property_video.store.base import Store
from property_video.store.edits import add_edit, edits_with, read_edits
from property_video.store.opening import open_store
from property_video.storyboards import load_moves, storyboard_names

TRACK = "audio_track"


@dataclass(frozen=True)
class Upgrade:
    """What a person asks for.

    Attributes:
        scenes: numbers of scenes that hosted models are to make.
        video: the ladder for them; with `fallen`, for the fallen scenes as well.
        music: the ladder for the track.
        budget_usd: the most that hosted models may cost the campaign, what they have cost already included.
        fallen: whether models are asked again for what the embedded provider stands in for.
    """

    scenes: tuple[int, ...] = ()
    video: str | None = None
    music: str | None = None
    budget_usd: float | None = None
    fallen: bool = False


def upgrade_film(
    settings: Settings,
    instance: dg.DagsterInstance,
    campaign: str,
    upgrade: Upgrade,
    *,
    progress: Progress,
    on_wait: Callable[[str], None] = lambda holder: None,
    say: Callable[[str], None] = lambda line: None,
) -> Made:
    """Have pieces of a finished film made by hosted models.

    Args:
        settings: where things are.
        instance: the run is recorded here.
        campaign: whose film.
        upgrade: which pieces, by whom, for how much.
        progress: told how far each step is.
        on_wait: told who holds the campaign, when there is somebody to wait for.
        say: told what a person should know at once.

    Raises:
        BadInput: there is no such film, or what is asked for breaks a rule; then nothing was changed.
        CampaignBusy, KeyboardInterrupt, PropertyVideoError: as `make_film`.
    """
    store = open_store(settings.store)
    film, orders = _finished(store, campaign)
    _check_asked(upgrade, film)
    fallen = _fallen(film) if upgrade.fallen else ()
    asked = {*map(scene_key, upgrade.scenes), *fallen, *((TRACK,) if upgrade.music else ())}
    edits = _edits(upgrade, fallen)
    market = Market(registry=load_registry())

    def prepare() -> None:
        _check_together(store, orders, edits, asked, market)
        for edit in edits:
            add_edit(store, campaign, edit)
        current = replan(orders, read_edits(store, campaign), load_moves(), market)
        for piece in current.pieces():
            if _name(piece) in fallen:
                _reopen(store, campaign, piece)
        if upgrade.fallen and not fallen:
            say("Nothing had fallen.")

    made = [key for key in SCENE_KEYS if key in asked]
    return run_film(
        settings,
        instance,
        campaign,
        prepare=prepare,
        assets=(*made, TRACK, "final_video"),
        progress=progress,
        on_wait=on_wait,
        say=say,
    )


def _finished(store: Store, campaign: str) -> tuple[Film, Orders]:
    film = store.read(keys.record("final_video", campaign), Film)
    orders = store.read(keys.record("orders", campaign), Orders)
    if film is None or orders is None:
        known = [key.rsplit("/", 1)[-1].removesuffix(".json") for key in store.keys("records/final_video")]
        raise BadInput(f"There is no film of {campaign!r}.", f"There are films of: {', '.join(known) or 'none yet'}.")
    return film, orders


def _check_asked(upgrade: Upgrade, film: Film) -> None:
    if not (upgrade.scenes or upgrade.music or upgrade.fallen):
        raise BadInput("Nothing to upgrade.", "Name --scenes with --video, --music, or --fallen.")
    if upgrade.scenes and not upgrade.video:
        raise BadInput("--scenes needs to know who is asked.", "Name --video, such as replicate:OWNER/MODEL.")
    shown = {clip.number: clip for clip in film.scenes}
    for number in upgrade.scenes:
        if number not in shown or shown[number].take is None:
            there = ", ".join(str(clip.number) for clip in film.scenes if clip.take)
            raise BadInput(f"Scene {number} is not in the film.", f"These are: {there}.")


def _fallen(film: Film) -> tuple[str, ...]:
    """The pieces that the embedded provider stands in for."""
    return (*(clip.scene for clip in film.scenes if clip.fallen), *((TRACK,) if film.track.fallen else ()))


def _edits(upgrade: Upgrade, fallen: Sequence[str]) -> tuple[Edit, ...]:
    """What the upgrade changes for good, checked by itself. A scene that shows a chosen take lets it go."""
    whole: dict[str, EditValue] = {}
    if upgrade.budget_usd is not None:
        whole["budget_usd"] = upgrade.budget_usd
    if upgrade.music:
        whole["music"] = upgrade.music
    scenes = [scene_key(number) for number in upgrade.scenes]
    if upgrade.video:
        scenes += [key for key in fallen if key != TRACK and key not in scenes]
    wanted = [Edit(values=whole)] if whole else []
    wanted += [Edit(scene=key, values={"video": upgrade.video or "", "take": ""}) for key in scenes]
    return tuple(checked_edit(edit, load_moves(), storyboard_names()) for edit in wanted)


def _check_together(
    store: Store,
    orders: Orders,
    edits: Sequence[Edit],
    pieces: Collection[str],
    market: Market,
) -> None:
    """Refuse all of it before any of it is kept: unknown models, no budget, one that pays for nothing more.

    What is under way or bought already, as after an upgrade that was killed, goes on whatever is left.
    """
    campaign = orders.wishes.campaign
    standing: Edits = edits_with(store, campaign, *edits)
    current = replan(orders, standing, load_moves(), market)
    journal = Journal(store, campaign)
    wanted = [order for piece in current.pieces() if _name(piece) in pieces for order in piece.bill.orders]
    fresh = [order for order in wanted if (state := journal.state(order.id)).attempt is None or state.fell]
    if len(fresh) < len(wanted) or not fresh or current.wishes.budget is None:
        return
    cheapest = min(rung.price for order in fresh for rung in order.rungs)
    budget, account = current.wishes.budget, Budget(store, campaign, campaign_limit=0).account(f"campaigns/{campaign}")
    if account.committed + cheapest > budget:
        raise BadInput(
            f"The budget of {spelled(budget)} pays for none of it: {spelled(account.committed)} of it are spent, and "
            f"the cheapest call costs {spelled(cheapest)}.",
            "Name a larger --budget; it counts what was spent before.",
        )


def _reopen(store: Store, campaign: str, piece: SceneOrder | TrackOrder) -> None:
    """Let the orders of a fallen piece be bought anew; links of a chain that were delivered stay."""
    journal = Journal(store, campaign)
    stands_in = _maker(store, campaign, piece) == EMBEDDED
    for order in piece.bill.orders:
        state = journal.state(order.id)
        if state.fell is not None or (state.closed and stands_in and order is piece.bill.orders[-1]):
            journal.reopen(order.id, "A person asked again.", datetime.now(UTC))


def _maker(store: Store, campaign: str, piece: SceneOrder | TrackOrder) -> str:
    if isinstance(piece, SceneOrder):
        take = find_take(store, campaign, piece.scene, piece.fingerprint)
        return take.provider if take else ""
    track = find_track(store, campaign, piece.fingerprint)
    return track.provider if track else ""


def _name(piece: SceneOrder | TrackOrder) -> str:
    return piece.scene if isinstance(piece, SceneOrder) else TRACK
