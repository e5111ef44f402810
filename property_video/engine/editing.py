"""Keeping a person's edit from the command line, checked against what the campaign has.

Not here: what edits mean (core/edits.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from property_video.core.edits import Edit, Edits, EditValue, checked_edit
from property_video.core.errors import BadBrief, BadInput
from property_video.core.naming import match_name
from property_video.core.photo import UploadedPhotos
from property_video.intake.sources import find_source
from property_video.settings import Settings
from property_video.store import keys
from property_video.store.edits import add_edit, read_edits
from property_video.store.local import LocalStore
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
        BadInput: there is no such campaign.
        BadBrief: no such scene, photo or move, or a value out of range.
    """
    store = LocalStore(settings.store)
    uploaded = store.read(keys.record("uploaded_photos", campaign), UploadedPhotos)
    if uploaded is None:
        known = [key.rsplit("/", 1)[-1].removesuffix(".json") for key in store.keys("records/uploaded_photos")]
        raise BadInput(f"There is no campaign {campaign!r}.", f"There are: {', '.join(known) or 'none yet'}.")
    names = [photo.name for photo in uploaded.photos]
    whole = {key: match_name(str(value), names) if key in ("first", "last") else value for key, value in values.items()}
    edit = checked_edit(Edit(scene=scene, values=whole, reset=reset), load_moves(), storyboard_names())
    changed = add_edit(store, campaign, edit, check=partial(_check_photos, scene or "", names))
    source = find_source(store, settings.uploads, campaign)
    asset = scene or "the film"
    return Kept(
        changed=changed,
        edits=read_edits(store, campaign),
        next_step=f"property-video make {source} --campaign {campaign}   (or materialize {asset} in the UI)",
    )


def _check_photos(scene: str, names: Sequence[str], edits: Edits) -> None:
    """What stands for a scene after an edit, together with what stood before, names two photos."""
    standing = edits.scene(scene)
    first, last = (match_name(name, names) if name else None for name in (standing.first, standing.last))
    if first is not None and first == last:
        raise BadBrief(f"{first} cannot be both first and last photo of {scene}.", "Name another one.")
