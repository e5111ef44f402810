"""Placing orders: which work exists already.

Not here: doing the work that does not (settle.py).
"""

from property_video.core.orders import Orders
from property_video.core.outputs import Take, Track
from property_video.store import keys
from property_video.store.base import Store


def find_take(store: Store, campaign: str, scene: str, fingerprint: str) -> Take | None:
    """The clip that was made for a fingerprint, if record and media are whole."""
    take = store.read(keys.take(campaign, scene, fingerprint), Take)
    return take if take is not None and all(map(store.holds, (take.media, *take.stills))) else None


def find_track(store: Store, campaign: str, fingerprint: str) -> Track | None:
    """The track that was made for a fingerprint, if record and media are whole."""
    track = store.read(keys.take(campaign, "audio_track", fingerprint), Track)
    return track if track is not None and store.holds(track.media) else None


def place(store: Store, orders: Orders) -> Orders:
    """Mark every order whose output exists."""
    campaign = orders.wishes.campaign
    scenes = tuple(
        order.model_copy(
            update={
                "found": bool(order.fingerprint)
                and find_take(store, campaign, order.scene, order.fingerprint) is not None
            }
        )
        for order in orders.scenes
    )
    found = find_track(store, campaign, orders.track.fingerprint) is not None
    return orders.model_copy(update={"scenes": scenes, "track": orders.track.model_copy(update={"found": found})})
