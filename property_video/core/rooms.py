"""What room a photo shows, as far as words say: tags in the brief and file names.

Not here: what pixels say.
"""

import itertools
import re
import unicodedata
from typing import Final

from property_video.core.photo import Room

# Looked up in this order: "bathroom_tub_detail" is a tub, "pool terrace" a pool, "kitchen from garden" a kitchen.
WORDS: Final[tuple[tuple[Room, tuple[str, ...]], ...]] = (
    ("floor_plan", ("floor plan", "floorplan", "grundriss", "plan")),
    ("aerial", ("aerial", "drone", "dji", "birdseye")),
    ("tub", ("tub", "bathtub", "freestanding tub", "shower", "jacuzzi")),
    ("bathroom", ("bathroom", "bath", "ensuite", "vanity", "washroom", "wc", "bad")),
    ("bedroom", ("bedroom", "bed", "master", "guest room", "guestroom", "schlafzimmer", "br")),
    ("dining", ("dining", "dining room", "breakfast", "restaurant")),
    ("kitchen", ("kitchen", "kueche", "kuche", "cocina", "pantry")),
    ("living_room", ("living", "living room", "livingroom", "lounge", "family room", "sitting", "wohnzimmer", "salon")),
    ("pool", ("pool", "swimming pool")),
    ("terrace", ("terrace", "patio", "balcony", "deck", "veranda", "rooftop")),
    ("garden", ("garden", "yard", "backyard", "lawn")),
    ("view", ("view", "panorama", "vista")),
    ("entrance", ("entrance", "entry", "foyer", "hall", "hallway", "lobby")),
    ("amenity", ("amenity", "gym", "spa", "sauna", "fitness", "cinema", "wine")),
    ("exterior", ("exterior", "outside", "facade", "front", "frontal", "house", "street", "building")),
    ("detail", ("detail", "closeup", "close up")),
)

NAME_CONFIDENCE: Final = 0.9
"""How far a file name is believed. In the Houses data at least 6 of 2140 names are wrong; people also move on."""


def words_of(name: str) -> tuple[str, ...]:
    """Lower-case words of a file name: camel case and digits split, accents dropped, extension left out."""
    stem = name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain)
    return tuple(re.findall(r"[a-z]+", spaced.lower()))


def room_in_name(name: str) -> Room | None:
    """The room a file name tells, or None. Whole words only: "bedrock" is no bedroom."""
    words = words_of(name)
    known = set(words) | {f"{one} {two}" for one, two in itertools.pairwise(words)}
    for room, spellings in WORDS:
        if known & set(spellings):
            return room
    return None
