"""Keeping a person's edit from the command line, checked against what the campaign has.

Not here: what edits mean (core/edits.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from property_video.core.buying import Market
from property_video.core.edits import Edit, Edits, EditValue, checked_edit
from property_video.core.errors import BadBrief, BadInput
from property_video.core.film import FILM
from property_video.core.naming import match_name
from property_video.core.orders import Orders, replan
from property_video.core.outputs import Film
from property_video.core.photo import UploadedPhotos
from property_video.core.records import Record
from property_video.core.spelling import did_you_mean
from property_video.core.storyboard import SCENE_KEYS
from property_video.core.wishes import Wishes
from property_video.defs.wanted import wanted
from property_video.intake.sources import source_address
from property_video.intake.uploads import open_uploads
from property_video.orders.place import find_take
from property_video.orders.settle import check_pinned
from property_video.providers.registry import load_registry
from property_video.settings import Settings
from property_video.store import keys
from property_video.store.base import Store
from property_video.store.edits import add_edit, read_edits
from property_video.store.opening import open_store
from property_video.storyboards import load_moves, storyboard_names


@dataclass(frozen=True)
class Kept:
    """What stands after an edit, whether it changed anything, and how to see it."""

    changed: bool
    edits: Edits
    next_step: str


def keep_edit(
    settings: Settings, campaign: str, scene: str | None, values: Mapping[str, EditValue], reset: bool
) -> Kept:
    """Keep an edit of a campaign, or of one of its scenes.

    Raises:
        BadInput: there is no such campaign, or no such take.
        BadBrief: no such scene, photo, move or model, a value out of range, or hosted models without a budget.
    """
    store = open_store(settings.store)
    uploaded = store.read(keys.record("uploaded_photos", campaign), UploadedPhotos)
    if uploaded is None:
        known = [key.rsplit("/", 1)[-1].removesuffix(".json") for key in store.keys("records/uploaded_photos")]
        raise BadInput(f"There is no campaign {campaign!r}.", f"There are: {', '.join(known) or 'none yet'}.")
    names = [photo.name for photo in uploaded.photos]
    whole = {key: match_name(str(value), names) if key in ("first", "last") else value for key, value in values.items()}
    if whole.get("take"):
        whole["take"] = _full_take(store, campaign, scene or "", str(whole["take"]))
    edit = checked_edit(Edit(scene=scene, values=whole, reset=reset), load_moves(), storyboard_names())

    def check(edits: Edits) -> None:
        _check_photos(scene or "", names, edits)
        last = store.read(keys.record("brief", campaign), Wishes)
        if last is not None:
            wanted(campaign, last.brief, last.recording, edits)
        if whole.get("take"):
            _check_take(store, campaign, scene or "", edits)

    changed = add_edit(store, campaign, edit, check=check)
    source = source_address(store, open_uploads(settings.uploads), campaign)
    asset = scene or "the film"
    return Kept(
        changed=changed,
        edits=read_edits(store, campaign),
        next_step=f"property-video make {source} --campaign {campaign}   (or materialize {asset} in the UI)",
    )


class TakeLine(Record):
    """A take of a scene that an edit can bring back; `shown` says that it is in the film now."""

    fingerprint: str
    provider: str
    first: str
    last: str
    move: str
    seconds: float
    shown: bool


def list_takes(settings: Settings, campaign: str, scene: str) -> list[TakeLine]:
    """All takes of a scene that are whole, the one that the film shows first.

    Raises:
        BadInput: there is no such scene.
    """
    if scene not in SCENE_KEYS:
        raise BadInput(f"There is no scene {scene!r}.", did_you_mean(scene, SCENE_KEYS))
    return _takes(open_store(settings.store), campaign, scene)


def _takes(store: Store, campaign: str, scene: str) -> list[TakeLine]:
    film = store.read(keys.record("final_video", campaign), Film)
    shown = {clip.take.fingerprint for clip in film.scenes if clip.take and clip.scene == scene} if film else set()
    names = [key.rsplit("/", 1)[-1].removesuffix(".json") for key in store.keys(keys.takes(campaign, scene))]
    found = [take for name in names if (take := find_take(store, campaign, scene, name)) is not None]
    lines = [
        TakeLine(
            fingerprint=take.fingerprint,
            provider=take.provider,
            first=take.first,
            last=take.last,
            move=take.move,
            seconds=take.frames / FILM.fps,
            shown=take.fingerprint in shown,
        )
        for take in found
    ]
    return sorted(lines, key=lambda line: (not line.shown, line.provider, line.fingerprint))


def _full_take(store: Store, campaign: str, scene: str, begins: str) -> str:
    """The fingerprint of the one take that a person means by its first letters."""
    takes = _takes(store, campaign, scene) if scene in SCENE_KEYS else []
    meant = [take.fingerprint for take in takes if take.fingerprint.startswith(begins)]
    if len(meant) == 1:
        return meant[0]
    there = ", ".join(f"{take.fingerprint[:12]} ({take.provider})" for take in takes) or "none"
    many = "stands for several takes" if meant else "is no take"
    raise BadInput(f"{begins!r} {many} of {scene or 'the whole film'}.", f"There are: {there}.")


def _check_take(store: Store, campaign: str, scene: str, edits: Edits) -> None:
    """The take that stands for a scene is as long as it."""
    orders = store.read(keys.record("orders", campaign), Orders)
    if orders is None:
        return
    order = replan(orders, edits, load_moves(), Market(registry=load_registry())).scene(scene)
    if order.pinned:
        check_pinned(order, find_take(store, campaign, scene, order.fingerprint))


def _check_photos(scene: str, names: Sequence[str], edits: Edits) -> None:
    """What stands for a scene after an edit, together with what stood before, names two photos."""
    standing = edits.scene(scene)
    first, last = (match_name(name, names) if name else None for name in (standing.first, standing.last))
    if first is not None and first == last:
        raise BadBrief(f"{first} cannot be both first and last photo of {scene}.", "Name another one.")
