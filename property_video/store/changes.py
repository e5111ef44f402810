"""Words that something about a campaign has changed: left by whoever changes it, taken away by whoever reconciles.

So reconciling reads what has changed, not every campaign. A word that is lost costs time, no film: all campaigns that
have uploads are looked at in turn as well.

Not here: what follows from a change (core/reconcile.py).
"""

from property_video.core.records import Record
from property_video.store import keys
from property_video.store.base import Store


class Change(Record):
    """A word that something has changed; its key says about which campaign."""


def note_change(store: Store, campaign: str, what: str) -> None:
    """Say that a campaign has changed; `what` tells this change from others: letters, digits, `_` and `-`.

    Raises:
        StoreFull, StoreError: the store cannot be written.
    """
    store.write(keys.change(campaign, what), Change())


def noted_changes(store: Store) -> dict[str, str]:
    """The campaigns of all changes that nobody has taken away yet, by key.

    Raises:
        StoreError: the store cannot be read.
    """
    return {key: key.rsplit("/", 1)[-1].split(".", 1)[0] for key in store.keys(keys.CHANGES)}
