"""Every key of the store is built here and nowhere else.

A key is a relative path with forward slashes. Names that come from people never enter one unchecked: campaigns are
slugs, media and photos are hashes.

Not here: the files themselves (local.py).
"""

from property_video.core.campaign import checked_slug
from property_video.core.errors import StoreError


def media(sha256: str, suffix: str) -> str:
    """A media file by the SHA-256 of its bytes; `suffix` is its extension with the dot."""
    return f"media/{sha256[:2]}/{sha256}{suffix}"


def is_media(key: str) -> bool:
    """Whether a key is one of media, whose content never changes."""
    return key.startswith("media/")


def shown(intent: str, name: str, suffix: str) -> str:
    """A file that a hosted model fetches: one address for every intent and input."""
    return f"{SHOWN}/{intent}-{name}{suffix}"


def is_shown(key: str) -> bool:
    """Whether a key is one of `shown`."""
    return key.startswith(f"{SHOWN}/")


FILMS = "films"
"""The folder of all published films."""

JOURNALS = "journal"
"""The folder of all campaigns' journals."""

LAYOUT = "layout.json"
"""Which layout the store has."""


def backup(layout: int, key: str) -> str:
    """What a key held before the store left a layout."""
    return f"backups/layout-{layout}/{key}"


SHOWN = "shown"
"""What hosted models fetch, as long as their orders are under way."""


def record(asset: str, campaign: str) -> str:
    """The record that an asset last materialized for a campaign."""
    return f"{records(asset)}/{checked_slug(campaign)}.json"


def records(asset: str) -> str:
    """The folder of an asset's records."""
    return f"records/{asset}"


def take(campaign: str, asset: str, fingerprint: str) -> str:
    """What was made for a fingerprint: a clip, a track or a film. All are kept until pruned."""
    return f"{takes(campaign, asset)}/{fingerprint}.json"


def takes(campaign: str, asset: str) -> str:
    """The folder of all takes of an asset."""
    return f"takes/{checked_slug(campaign)}/{asset}"


def reading(sha256: str, version: int) -> str:
    """The reading of a photo, by the photo's bytes."""
    return f"readings/v{version}/{sha256[:2]}/{sha256}.json"


def look(sha256: str, version: int) -> str:
    """The look of a photo, by the photo's bytes."""
    return f"looks/v{version}/{sha256[:2]}/{sha256}.json"


def match(first: str, last: str, version: int) -> str:
    """What two photos have in common, by the bytes of both."""
    return f"matches/v{version}/{first[:2]}/{first}-{last}.json"


def recording(sha256: str, version: int) -> str:
    """A client's recording that was found to be usable, by its bytes."""
    return f"recordings/v{version}/{sha256[:2]}/{sha256}.json"


def edit(campaign: str, number: int) -> str:
    """One edit of a campaign; numbers run from 1."""
    return f"{edits(campaign)}/{number:06d}.json"


def edit_number(key: str) -> int:
    """The number of an edit, from its key.

    Raises:
        StoreError: the key is not one of an edit.
    """
    return _number(key, "an edit")


def edits(campaign: str) -> str:
    """The folder of a campaign's edits."""
    return f"edits/{checked_slug(campaign)}"


def journal_entry(campaign: str, order: str, number: int) -> str:
    """One event of an order; numbers run from 1 without gaps."""
    return f"{journal(campaign, order)}/{number:06d}.json"


def journal(campaign: str, order: str = "") -> str:
    """The folder of all events of an order, or of all orders of a campaign."""
    return f"{JOURNALS}/{checked_slug(campaign)}" + (f"/{order}" if order else "")


def closed_account(name: str) -> str:
    """What a deleted campaign has cost; `name` is a hash that tells nothing of it."""
    return f"closed-accounts/{name}.json"


def deletion(campaign: str) -> str:
    """What is being removed of a campaign, until all of it is."""
    return f"deletions/{checked_slug(campaign)}.json"


def answer(fingerprint: str) -> str:
    """What a vision model answered, by the fingerprint of what it was asked."""
    return f"answers/{fingerprint}.json"


def budget_entry(account: str, number: int) -> str:
    """One entry of an account; numbers run from 1 without gaps."""
    return f"{budget(account)}/{number:06d}.json"


def budget(account: str) -> str:
    """The folder of an account's entries; `account` is made by orders/budget.py of slugs and hashes."""
    return f"budgets/{account}"


def sign_of_life(owner: str) -> str:
    """When a process that works on orders was last alive; `owner` is a hash."""
    return f"owners/{owner}.json"


def slot_event(provider: str, which: int, number: int) -> str:
    """One event of a slot at a provider; both numbers run from 1."""
    return f"{slot(provider, which)}/{number:06d}.json"


def slot(provider: str, which: int) -> str:
    """The folder of a slot's events."""
    return f"{slots(provider)}/{which:04d}"


def slots(provider: str) -> str:
    """The folder of all slots at a provider."""
    return f"slots/{provider}"


def slot_numbers(key: str) -> tuple[int, int]:
    """The slot and the number of an event, from its key.

    Raises:
        StoreError: the key is not one of them.
    """
    folder = key.rsplit("/", 1)[0]
    return _number(folder, "a slot"), _number(key, "an event")


def entry_number(key: str) -> int:
    """The number of an event or entry, from its key.

    Raises:
        StoreError: the key is not one of them.
    """
    return _number(key, "an event")


def _number(key: str, what: str) -> int:
    name = key.rsplit("/", 1)[-1].removesuffix(".json")
    if not (name.isascii() and name.isdigit()):
        raise StoreError(f"{key} is not {what}.", "Remove that file.")
    return int(name)


def source(campaign: str) -> str:
    """Where a campaign's photos were last taken from."""
    return f"sources/{checked_slug(campaign)}.json"


def change(campaign: str, what: str) -> str:
    """A word that something about a campaign has changed, for whoever reconciles; `what` tells changes apart."""
    return f"{CHANGES}/{checked_slug(campaign)}.{what}.json"


def outbox_due(campaign: str, message: str) -> str:
    """A message that some place may not have yet."""
    return f"{OUTBOX_DUE}/{checked_slug(campaign)}.{message}.json"


def outbox_done(campaign: str, message: str, place: str) -> str:
    """That a place, by its hash, has a message, or "all" have it."""
    return f"{outbox(campaign)}/{message}/done-{place}.json"


def outbox_try(campaign: str, message: str, place: str, number: int) -> str:
    """One try to deliver a message to a place; numbers run from 1."""
    return f"{outbox_tries(campaign, message, place)}/{number:06d}.json"


def outbox_tries(campaign: str, message: str, place: str) -> str:
    """The folder of all tries to deliver a message to a place."""
    return f"{outbox(campaign)}/{message}/tries-{place}"


def outbox(campaign: str) -> str:
    """The folder of all that is known of a campaign's messages."""
    return f"outbox/campaigns/{checked_slug(campaign)}"


OUTBOX_DUE = "outbox/due"
"""Messages that some place may not have yet, of all campaigns."""

CHANGES = "changes"
"""Changes that nobody has looked at yet: a slug has no dot, so that the campaign is what stands before the first."""

MEMORY = "automation/memory.json"
"""What the sensor on uploads remembers between two ticks."""


def film(campaign: str) -> str:
    """A campaign's last film under its own name, for people and the media server: a link to the media file."""
    return f"{FILMS}/{checked_slug(campaign)}.mp4"


def table(name: str, campaign: str) -> str:
    """One campaign's rows of a recorded table: many runs write at once, each its own file."""
    return f"tables/{name}/{checked_slug(campaign)}.parquet"


def tables(name: str) -> str:
    """The folder of a recorded table."""
    return f"tables/{name}"


def compacted_table(name: str) -> str:
    """The rows of a recorded table that were brought together from the campaigns' own files."""
    return f"compacted/{name}/rows.parquet"


def lease(campaign: str) -> str:
    """The lock that one run at a time holds on a campaign."""
    return f"leases/{checked_slug(campaign)}.lock"


LEASES = "leases"
"""The folder of all leases."""


def claims(campaign: str) -> str:
    """The folder of a campaign's claims, where a store has no locks."""
    return f"{LEASES}/{checked_slug(campaign)}"


STORE_LOCK = "leases/.store.lock"
"""Shared by every run, held alone by pruning."""

SCRATCH_LOCK = "leases/.scratch.lock"
"""Shared by those who make a folder in scratch, held alone by those who sweep it."""

SCRATCH = "scratch"
"""Unfinished work, on the same file system as finished work so that it can be renamed into place."""
