"""The edits of a campaign: an append-only row of events, one file each.

Not here: what edits mean and how they fold (core/edits.py).
"""

from collections.abc import Callable

from property_video.core.edits import Edit, Edits, fold, news
from property_video.core.errors import BadRecord
from property_video.store import keys
from property_video.store.base import Store
from property_video.store.changes import note_change


def read_edits(store: Store, campaign: str) -> Edits:
    """What stands for a campaign."""
    return fold(_events(store, campaign).values())


def edits_with(store: Store, campaign: str, *edits: Edit) -> Edits:
    """What would stand for a campaign after more edits; nothing is kept."""
    return fold([*_events(store, campaign).values(), *edits])


def add_edit(store: Store, campaign: str, edit: Edit, check: Callable[[Edits], object] = lambda edits: None) -> bool:
    """Keep an edit; return False when it changes nothing that stands.

    Two writers at once both get their say: a number that is taken means another try with the next one.

    Args:
        store: where to.
        campaign: whose edit.
        edit: what to keep.
        check: told what would stand; whatever it raises keeps the edit from being kept.
    """
    while True:
        events = _events(store, campaign)
        standing = fold(events.values())
        values = news(standing, edit.values, edit.scene) if not edit.reset else dict(edit.values)
        if not values and not edit.reset:
            return False
        event = edit.model_copy(update={"values": values})
        check(fold([*events.values(), event]))
        number = max(events, default=0) + 1
        if store.create(keys.edit(campaign, number), event):
            note_change(store, campaign, f"edit-{number}")
            return True


def _events(store: Store, campaign: str) -> dict[int, Edit]:
    """All events by number, oldest first; a number is missing where a person removed an event."""
    events = {}
    for key in store.keys(keys.edits(campaign)):
        event = store.read(key, Edit)
        if event is None:  # leaving one out would silently undo what a person did
            raise BadRecord(f"{key} is not an edit.", "Restore it from a backup, or remove it to drop that edit.")
        events[keys.edit_number(key)] = event
    return events
