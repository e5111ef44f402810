"""What a campaign is called.

Not here: where its photos live (store) and what it wants (brief.py).
"""

import re
import unicodedata
from typing import Final

from property_video.core.errors import BadInput

SLUG: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""A campaign's name is a partition key, a file name and part of an address; hence so narrow."""

GENERIC_NAMES: Final = frozenset({"photos", "photo", "pictures", "images", "image", "pics", "upload", "uploads", "jpg"})
"""Folder names that say nothing about the listing."""


def is_slug(name: str) -> bool:
    """Whether `name` may be a campaign's name."""
    return SLUG.fullmatch(name) is not None


def checked_slug(name: str) -> str:
    """Return `name` if it is a slug.

    Raises:
        BadInput: it is not; the message proposes one that is.
    """
    if is_slug(name):
        return name
    raise BadInput(
        f"{name!r} cannot be a campaign's name: lower-case letters, digits and hyphens, 63 at most, no hyphen first.",
        f"Try {slug_for(name)!r}.",
    )


def slug_for(name: str) -> str:
    """The slug nearest to a name: accents dropped, everything else becomes a hyphen; never empty."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:63].rstrip("-")
    return slug or "campaign"


def slug_for_folder(parts: tuple[str, ...]) -> str:
    """The campaign's name that follows from a folder's path: its last telling part."""
    telling = [part for part in parts if slug_for(part) not in GENERIC_NAMES and slug_for(part) != "campaign"]
    return slug_for(telling[-1] if telling else (parts[-1] if parts else ""))
