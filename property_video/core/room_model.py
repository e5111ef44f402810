"""What room a picture shows: ImageNet's classes and a small trained head, mixed; then the photos of the same place.

Two opinions are mixed. The table says which of ImageNet's classes speak for which room; it knows fourteen rooms and
sees what is no property at all, but takes beds for sofas. The head, trained on photos of 428 houses, tells four rooms
apart in 99 of 100 photos, but has never seen a living room and puts a rocket among the house fronts. Neither is good
enough alone. Figures: photos.md, section 2, and `python -m property_video.bench.rooms`.

Not here: running the network (media/network.py), tags and file names (rooms.py), who outranks whom (analysis.py).
"""

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from property_video.core.photo import Look, Room

Floats = NDArray[np.float64]

TABLE: "Final[Mapping[Room, Mapping[int, float]]]" = {
    "bathroom": {896: 1, 648: 1, 861: 1, 794: 1, 804: 1, 999: 1, 434: 1, 897: 0.5, 700: 0.3},
    "tub": {435: 1, 876: 1},
    "bedroom": {564: 1, 750: 1, 721: 1, 520: 1, 516: 1, 669: 0.7, 894: 0.5, 493: 0.5, 492: 0.3},
    "kitchen": {651: 1, 827: 1, 760: 1, 534: 1, 859: 1, 550: 1, 729: 1, 766: 0.8, 891: 0.8}
    | {567: 0.7, 909: 0.7, 813: 0.5, 925: 0.3, 828: 0.3},
    "dining": {532: 1, 762: 1, 495: 0.6, 572: 0.4, 923: 0.3},
    "living_room": {831: 1, 598: 1, 548: 1, 556: 1, 765: 0.8, 851: 0.7, 453: 0.6, 881: 0.5, 579: 0.5}
    | {624: 0.4, 846: 0.4, 619: 0.4, 559: 0.3},
    "exterior": {660: 1, 716: 1, 425: 1, 698: 1, 637: 1, 858: 1, 436: 1, 656: 1, 853: 1, 663: 0.7, 449: 0.7}
    | {497: 0.7, 717: 0.7, 571: 0.7, 825: 0.5, 743: 0.5, 920: 0.5, 751: 0.5, 468: 0.5, 705: 0.3},
    "terrace": {706: 1, 879: 0.6, 703: 0.5},
    "garden": {621: 1, 580: 1, 912: 0.8, 646: 0.8, 738: 0.5, 573: 0.3, 984: 0.3, 72: 0.3},
    "view": {975: 1, 978: 1, 976: 1, 970: 1, 979: 1, 972: 1, 977: 1, 980: 1, 460: 1, 536: 0.7, 718: 0.5}
    | {839: 0.3, 525: 0.3},
    "entrance": {539: 1, 421: 0.6},
    "amenity": {736: 1, 722: 1, 422: 1, 543: 1, 752: 0.7, 907: 0.5, 498: 0.5, 819: 0.3},
    "detail": {883: 0.7, 849: 0.6, 504: 0.6, 470: 0.6, 899: 0.5, 969: 0.5, 738: 0.3},
    "floor_plan": {916: 1, 918: 1, 922: 1, 611: 1, 549: 0.7, 769: 0.7, 446: 0.5, 921: 0.5, 917: 0.5},
}
"""ImageNet-1k class: weight. What they do in practice: 706 *patio* is the class of pools and terraces (ImageNet has no
pool) but leads on one in five house fronts too; 831 *studio couch* fires on beds; 762 *restaurant* on pendant lamps.
*Window shade*, *shoji* and *sliding door* say only "indoors" and are left out."""

ROOMS: "Final[tuple[Room, ...]]" = tuple(TABLE)
"""The rooms that pictures tell, in the order of every list of masses and probabilities."""

HEAD_ROOMS: "Final[tuple[Room, ...]]" = ("bathroom", "bedroom", "exterior", "kitchen")
"""What the head tells apart, in its order."""

FAMILY: "Final[Mapping[Room, Room]]" = {
    "tub": "bathroom",
    "dining": "kitchen",
    "terrace": "exterior",
    "garden": "exterior",
    "view": "exterior",
    "entrance": "exterior",
    "pool": "exterior",
    "aerial": "exterior",
}
"""Rooms that are part of a wider one, as far as pictures can tell. All others are families of their own."""

OUTSIDE: "Final[frozenset[Room]]" = frozenset({"exterior", "terrace", "garden", "view", "pool", "aerial"})

_TABLE_FLOOR: Final = 0.003
_HEAD_WEIGHT, _HEAD_FLOOR = 2.5, 0.05
_UNSEEN: "Final[Mapping[Room, float]]" = {"living_room": 0.3, "amenity": 0.1, "detail": 0.1, "floor_plan": 0.1}
"""What the head is taken to say of rooms it has never seen. It and the two weights before were chosen on out-of-fold
likelihood of the training houses and on the sample listing."""

_EVEN: Final = 0.24
_SPREAD: Final = 0.03
"""Distance of features at which two photos of a listing show one room as likely as not, and how fast that changes.
Chosen on the sample listing, where 0.27 is the nearest pair of different rooms, and on the houses, where every photo
shows another room: listening to neighbours there must change next to nothing (98.8 % are told right by the head alone,
98.6 % by everything)."""

_SAME_VISIT: Final = 4.0
"""Odds by which two photos taken within minutes of each other are likelier to show one room, at most. With it, the
sample's kitchen island is no tub any more. A visit that is all of the listing says nothing, and counts nothing."""

_LEAST_TRUST: Final = 0.02
"""Of two photos less likely than this to show one room, neither hears of the other."""

LEAST_MASS: Final = 0.20
SURE_HEAD: Final = 0.90
"""Mass of all rooms' classes below which a picture is no room, unless the head is as sure as this. Of 31 foreign
pictures (portraits, cats, text, logos, noise) 26 have less mass, and the head gives none of those more than 0.74;
fronts of houses that resemble no class of ImageNet have 0.98 and more."""

_FULL_MASS: Final = 0.35
"""Mass from which confidence is not lowered; 1 % of photos of houses have less than 0.32."""

LEAST_FAMILY: Final = 0.50
"""Probability of a family below which the room is `other`."""

_MORE_THAN: "Final[Mapping[Room, float]]" = {
    "dining": 0.8,
    "tub": 0.5,
    "terrace": 0.8,
    "view": 0.7,
    "garden": 0.8,
    "entrance": 0.8,
}
"""Share of the mass of a room and its family's head from which the room is named. At these limits 7.5 % of kitchens are
dining places, 10 % of bathrooms are tubs, 6.5 % of fronts are terraces and 0.9 % views; two in three are by eye."""

_AS_WELL: Final = 0.25
"""Share from which the other one of the two is named as second room."""

POOL_TERRACE: Final = 0.25
POOL_WATER: Final = 0.02
"""Terrace mass and share of pool water that make a pool: 6 of 535 house fronts, 5 of them real pools."""

_FLOOR_PLAN: Final = 0.15
"""Probability from which a picture is a floor plan: 12 of 12 drawn plans, none of 2140 photos (at most 0.006)."""


class Guess(NamedTuple):
    """What a picture shows, as far as pixels and neighbours tell; `other` with confidence 0 when they do not."""

    room: "Room"
    confidence: float
    second: "Room | None"
    outdoors: float


NO_GUESS: Final = Guess("other", 0.0, None, 0.0)


def masses(probabilities: Sequence[float] | NDArray[np.float32]) -> tuple[float, ...]:
    """How much of ImageNet's probabilities (1000) speaks for each of `ROOMS`: weighted sums, about 0..1 each."""
    return tuple(
        round(sum(float(probabilities[index]) * weight for index, weight in classes.items()), 5)
        for classes in TABLE.values()
    )


def mixed(table: Sequence[float], head: Sequence[float]) -> Floats:
    """Probabilities of `ROOMS` by table and head.

    Args:
        table: masses of `ROOMS`.
        head: probabilities of `HEAD_ROOMS`.
    """
    parents = dict(zip(HEAD_ROOMS, head, strict=True))
    prior = np.array([_UNSEEN[room] if room in _UNSEEN else parents[family(room)] for room in ROOMS])
    return _normal(np.log(np.array(table) + _TABLE_FLOOR) + _HEAD_WEIGHT * np.log(prior + _HEAD_FLOOR))


def known_rooms(
    looks: "Sequence[Look]", told: "Mapping[int, tuple[Room, float]]", apart: Floats, visits: Sequence[int]
) -> "tuple[Guess, ...]":
    """What each picture of a listing shows, by itself and by its neighbours.

    Args:
        looks: of all photos of one listing.
        told: rooms that are known otherwise, and how surely, by index: their neighbours hear of them.
        apart: distances of each two photos, (n, n).
        visits: number of each photo's visit; 0 is unknown.
    """
    beliefs = [
        _told(*told[index]) if index in told else mixed(look.rooms, look.head) if look.rooms else None
        for index, look in enumerate(looks)
    ]
    heard = smoothed(beliefs, apart, visits)
    return tuple(
        decide(belief, look.rooms, look.head, look.pool) if belief is not None and look.rooms else NO_GUESS
        for belief, look in zip(heard, looks, strict=True)
    )


def _told(room: "Room", confidence: float) -> Floats | None:
    """Probabilities of `ROOMS` of a photo whose room is known otherwise; None for rooms that pictures do not tell."""
    known = "terrace" if room == "pool" else room
    if known not in ROOMS:
        return None
    rest = (1.0 - confidence) / (len(ROOMS) - 1)
    return np.array([confidence if each == known else rest for each in ROOMS])


def family(room: "Room") -> "Room":
    """The wider room that a room belongs to; mostly itself."""
    return FAMILY.get(room, room)


def distances(features: Sequence[str]) -> Floats:
    """1 - cosine of each two features, (n, n), 0..1; 1 from and to an empty one, and on the diagonal 0."""
    decoded = np.zeros((len(features), max((len(base64.b64decode(each)) for each in features), default=0)))
    for row, each in zip(decoded, features, strict=True):
        if each:
            row[:] = np.frombuffer(base64.b64decode(each), np.uint8)
    lengths = np.linalg.norm(decoded, axis=1, keepdims=True)
    unit = decoded / np.maximum(lengths, 1e-9)
    apart = 1.0 - np.clip(unit @ unit.T, 0.0, 1.0)
    np.fill_diagonal(apart, 0.0)
    return np.asarray(apart)


def smoothed(beliefs: Sequence[Floats | None], apart: Floats, visits: Sequence[int]) -> list[Floats | None]:
    """Each photo's probabilities after hearing the others: photos of one listing that look alike show one room.

    Of each other photo a photo hears a mixture: what that one shows, as likely as both show one room, else anything.

    Args:
        beliefs: probabilities of `ROOMS` of each photo; None where there are none.
        apart: distances of each two photos, (n, n).
        visits: number of each photo's visit; 0 is unknown.
    """
    heard: list[Floats | None] = []
    for i, own in enumerate(beliefs):
        if own is None:
            heard.append(None)
            continue
        logs = np.log(np.maximum(own, 1e-9))
        for j, other in enumerate(beliefs):
            trust = _same_room(apart[i, j], _visit_odds(i, j, visits))
            if other is not None and j != i and trust >= _LEAST_TRUST:
                logs = logs + np.log(trust * other + (1.0 - trust) / len(ROOMS))
        heard.append(_normal(logs))
    return heard


def _same_room(distance: float, odds: float) -> float:
    odds = odds * float(np.exp((_EVEN - distance) / _SPREAD))
    return odds / (1.0 + odds)


def _visit_odds(i: int, j: int, visits: Sequence[int]) -> float:
    if not visits[i] or visits[i] != visits[j]:
        return 1.0
    return min(_SAME_VISIT, len(visits) / visits.count(visits[i]))


def decide(belief: Floats, table: Sequence[float], head: Sequence[float], water: float) -> Guess:
    """Name the room: the best family, then its part; `other` when no family is likely or the picture is foreign.

    Args:
        belief: probabilities of `ROOMS`.
        table: the picture's own masses of `ROOMS`.
        head: the picture's own probabilities of `HEAD_ROOMS`.
        water: share of the picture that looks like pool water.
    """
    mass = dict(zip(ROOMS, table, strict=True))
    sure = dict(zip(ROOMS, belief, strict=True))
    outdoors = float(sum(sure[room] for room in ROOMS if room in OUTSIDE))
    total = sum(table)
    if sure["floor_plan"] >= _FLOOR_PLAN:
        return Guess("floor_plan", round(sure["floor_plan"], 4), None, 0.0)
    families: dict[Room, float] = {}
    for room, p in sure.items():
        families[family(room)] = families.get(family(room), 0.0) + float(p)
    best = max(families, key=lambda each: families[each])
    known = 1.0 if max(head) >= SURE_HEAD else min(1.0, total / _FULL_MASS) if total >= LEAST_MASS else 0.0
    if not known or families[best] < LEAST_FAMILY:
        return Guess("other", 0.0, None, round(outdoors, 4))
    room, second = _part(best, mass, water)
    return Guess(room, round(min(1.0, families[best] * known), 4), second, round(outdoors, 4))


def _part(head: "Room", mass: "Mapping[Room, float]", water: float) -> "tuple[Room, Room | None]":
    """Which part of a family the picture shows, and what it shows as well."""
    if head == "exterior" and mass["terrace"] >= POOL_TERRACE and water >= POOL_WATER:
        return "pool", "terrace"
    shares = {
        part: mass[part] / (mass[part] + mass[head]) if mass[part] + mass[head] else 0.0
        for part, parent in FAMILY.items()
        if parent == head and part in mass
    }
    if not shares:
        return head, None
    part = max(shares, key=lambda each: shares[each])
    if shares[part] > _MORE_THAN[part]:
        return part, head if shares[part] < 1.0 - _AS_WELL / 4 else None
    return head, part if shares[part] > _AS_WELL else None


def _normal(logs: Floats) -> Floats:
    raised = np.exp(logs - logs.max())
    return np.asarray(raised / raised.sum())
