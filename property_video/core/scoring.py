"""What a photo, or a pair, is worth in a scene: readable weights, and arithmetic on them.

All values are in one currency: 1 is a scene whose most wanted room is surely shown.

Not here: choosing between candidates over the whole film (pairing.py), how good a picture is by itself (quality.py).
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from property_video.core.joins import Match
from property_video.core.photo import Verdict
from property_video.core.records import Record
from property_video.core.room_model import OUTSIDE, ROOMS
from property_video.core.storyboard import Scene

Part = Literal["room", "light", "quality", "joint"]


class Taste(Record):
    """The weights.

    Attributes:
        covered: a scene that is in the film at all; more than a second photo is worth anywhere, so that every scene
            gets a photo before any gets two.
        room: the most wanted room, surely shown.
        next_room: factor for each place further down a scene's list of wanted rooms.
        second_room: factor for what a photo shows beside its room: a kitchen with a dining table.
        house: on top for a pool or terrace behind which the house is seen, where the scene wants the house as well.
        doubt: share of `room` that a photo keeps whose room is a mere guess.
        light: dusk where the scene asks for it, daylight where it does not. Above two steps of `next_room`: a film
            ends at dusk even when the dusk picture is only the scene's second room.
        quality: the best picture above the worst one.
        opening: factor of `quality` in the first scene, which decides whether anybody watches the second.
        pair: two photos of one room, seen minutes apart or alike.
        space: on top, photos that analysis found to show one space.
        one_move: on top, photos whose geometry one camera move explains.
        keep: what was in the film before. A new photo has to be better by more than this, so that a listing that
            grows does not re-make (or re-buy) its clips: a fifth of the range of `quality`.
        wish: what the brief asks for outranks everything.
        coin: the seed's choice between equals; smaller than one step of quality.
        earlier: between equal scenes the earlier one is filled first, per place.
    """

    covered: float = 1.0
    room: float = 1.0
    next_room: float = 0.85
    second_room: float = 0.6
    house: float = 0.1
    doubt: float = 0.4
    light: float = 0.4
    quality: float = 0.5
    opening: float = 1.5
    pair: float = 0.30
    space: float = 0.10
    one_move: float = 0.10
    keep: float = 0.10
    wish: float = 5.0
    coin: float = 0.02
    earlier: float = 0.001


TASTE: Final = Taste()

HOUSE_SEEN: Final = 0.025
"""ImageNet mass of houses from which a picture shows one: the sample's terrace has 0.002 without the house in view, its
other pictures of the pool 0.028 to 0.073."""

QUALITY_STEPS: Final = 20
"""Steps of quality, per unit: photos nearer than a twentieth are equals, and the seed decides between them."""


class Score(Record):
    """What one photo or pair is worth in one scene, part by part."""

    room: float = 0.0
    light: float = 0.0
    quality: float = 0.0
    joint: float = 0.0
    standing: float = 0.0

    @property
    def total(self) -> float:
        """All parts together."""
        return self.room + self.light + self.quality + self.joint + self.standing

    def weakest_against(self, other: "Score") -> Part:
        """The part in which this score falls behind another one the most."""
        parts: tuple[Part, ...] = ("room", "light", "quality", "joint")
        return max(parts, key=lambda part: getattr(other, part) - getattr(self, part))


def fit(photo: Verdict, scene: Scene, taste: Taste = TASTE) -> float:
    """How well a photo's room is one of those the scene wants: 0 (not at all) to 1 (the most wanted, surely)."""
    shown = [(photo.room, 1.0)]
    if photo.second_room is not None:
        shown.append((photo.second_room, taste.second_room))
    sure = taste.doubt + (1.0 - taste.doubt) * photo.room_confidence
    return max(
        (
            taste.next_room ** scene.rooms.index(room) * share * sure
            for room, share in shown
            if room != "other" and room in scene.rooms
        ),
        default=0.0,
    )


def score_photo(photo: Verdict, scene: Scene, number: int, seed: int, taste: Taste = TASTE) -> Score:
    """A photo alone in a scene; see `Taste`."""
    quality = taste.quality * (taste.opening if number == 1 else 1.0)
    return Score(
        room=taste.room * fit(photo, scene, taste) + taste.house * (wants_house(scene) and shows_house(photo)),
        light=taste.light if photo.evening == scene.evening else 0.0,
        quality=quality * round(photo.quality * QUALITY_STEPS) / QUALITY_STEPS,
        standing=taste.covered - taste.earlier * number + taste.coin * coin(seed, photo.name),
    )


def wants_house(scene: Scene) -> bool:
    """Whether a scene can show the house from outside."""
    return "exterior" in scene.rooms


def shows_house(photo: Verdict) -> bool:
    """Whether the house is seen in a photo taken outside."""
    masses = dict(zip(ROOMS, photo.look.rooms, strict=False))
    return photo.room == "exterior" or (photo.room in OUTSIDE and masses.get("exterior", 0.0) >= HOUSE_SEEN)


def coin(seed: int, name: str) -> float:
    """A number in 0..1 that no other photo influences."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:4], "big") / 2**32


def joint(first: Verdict, last: Verdict, match: Match | None, taste: Taste = TASTE) -> float:
    """What a second photo adds to a scene: 0 when the two do not belong together.

    They do when one camera move explains them, when analysis saw one space, or when they show the same room and
    nothing says that it is another one: two bedrooms of a house have one name but two visits.
    """
    if match is not None and match.one_move:
        return taste.pair + taste.space + taste.one_move
    if first.space and first.space == last.space:
        return taste.pair + taste.space
    same_room = first.room == last.room != "other"
    if same_room and (first.visit == last.visit or not (first.visit and last.visit)):
        return taste.pair
    return 0.0


def score_pair(first: Score, last: Score, together: float) -> Score:
    """Two photos in a scene: the mean of both, and what they are worth together."""
    return Score(
        room=(first.room + last.room) / 2,
        light=(first.light + last.light) / 2,
        quality=(first.quality + last.quality) / 2,
        joint=together,
        standing=(first.standing + last.standing) / 2,
    )


def match_of(matches: Sequence[Match]) -> Mapping[frozenset[str], Match]:
    """Matches by the two names, whatever their order."""
    return {frozenset((match.first, match.last)): match for match in matches}
