"""From readings and looks to verdicts: rooms, the photographer's visits, flaws, duplicates, spaces.

Not here: measuring pixels (media/look.py) and their thresholds (quality.py), what pixels say of rooms (room_model.py).
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final

from property_video.core.joins import Match
from property_video.core.naming import match_name
from property_video.core.photo import Look, Photo, PhotoAnalysis, Reading, Room, RoomSource, Verdict
from property_video.core.picture import SMALL_SIDE
from property_video.core.quality import (
    is_blown,
    is_blurred,
    is_dark,
    is_soft,
    is_tilted,
    near_duplicates,
    quality,
)
from property_video.core.room_model import NO_GUESS, OUTSIDE, Guess, decide, distances, family, known_rooms, mixed
from property_video.core.rooms import NAME_CONFIDENCE, room_in_name

VISIT_GAP: Final = dt.timedelta(minutes=10)
"""Photos taken within this time of the one before belong to one visit. On the sample listing, pauses inside a place
are at most 8 minutes and pauses between places at least 17."""

EVENING_HOURS: Final = frozenset({19, 20, 21, 22, 23})
"""Hours of the camera's clock that are evening, where the picture itself cannot tell."""

DUSK_ABOVE: Final = 0.65
DUSK_WITH_CLOCK: Final = 0.40
DUSK_P50_BELOW: Final = 125.0
"""The head's word for dusk, the same when the clock says evening too, and the median grey level of such a picture: of
22 fronts at dusk 12 are found and of 406 by day one (houses that the head had not seen)."""

FEATURES_NEAR: Final = 0.30
MOST_MATCHES: Final = 6
"""Pairs worth matching: nearer than that, and the nearest few of each photo. Sixty photos then take 4 s, not 39."""

SAME_SPACE: Final = 0.26
"""Distance of features within one visit up to which two photos of one room show one space: 62 % of such pairs of the
sample, and none of its pairs of different rooms; two bedrooms of a house can be as near, hence the visit."""

PICTURE_CONTRADICTS: Final = 0.95
"""Confidence from which a picture that shows another room than a person says is worth a remark."""

_OF_ANY_ROOM: Final[frozenset[Room]] = frozenset({"detail", "amenity", "other"})


def taken_at(reading: Reading) -> dt.datetime | None:
    """When the photo was taken, by its camera's clock; None when it does not say or says nonsense."""
    try:
        return dt.datetime.strptime(reading.taken, "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None


def is_evening(reading: Reading) -> bool:
    """Whether the camera's clock says evening."""
    moment = taken_at(reading)
    return moment is not None and moment.hour in EVENING_HOURS


def visits(readings: Sequence[Reading]) -> tuple[int, ...]:
    """Number each photo's visit, from 1 in order of time; 0 where the time is unknown."""
    timed = sorted(
        (moment, index) for index, reading in enumerate(readings) if (moment := taken_at(reading)) is not None
    )
    numbers = [0] * len(readings)
    current, before = 0, None
    for moment, index in timed:
        if before is None or moment - before > VISIT_GAP:
            current += 1
        numbers[index], before = current, moment
    return tuple(numbers)


def judge(photos: Sequence[Photo], looks: Sequence[Look], tags: Mapping[str, Room]) -> PhotoAnalysis:
    """Give every photo its verdict.

    Args:
        photos: usable photos, in upload order.
        looks: their measurements, in the same order.
        tags: rooms a person gave, by photo name as people write it; they outrank file names, which outrank pictures.
    """
    names = [photo.name for photo in photos]
    said = _said([photo.name for photo in photos], {match_name(written, names): room for written, room in tags.items()})
    told = {index: (room, confidence) for index, (room, confidence, _) in said.items()}
    numbers = visits([photo.reading for photo in photos])
    guesses = known_rooms(looks, told, distances([look.feature for look in looks]), numbers)
    verdicts = [
        _verdict(photo, look, visit, _room(said.get(index), guess), guess)
        for index, (photo, look, visit, guess) in enumerate(zip(photos, looks, numbers, guesses, strict=True))
    ]
    return PhotoAnalysis(verdicts=_mark_duplicates(verdicts, [photo.reading for photo in photos]))


def contradiction(verdict: Verdict) -> Room | None:
    """What the picture surely shows instead of what a person says; None where the two go together.

    Details and amenities show a piece of any room, and what a person calls `other` may be one too.
    """
    look, by_person = verdict.look, verdict.room_source in ("brief", "file name")
    if not by_person or not look.rooms or verdict.room in _OF_ANY_ROOM:
        return None
    guess = decide(mixed(look.rooms, look.head), look.rooms, look.head, look.pool)
    surely = guess.confidence >= PICTURE_CONTRADICTS
    return guess.room if surely and family(guess.room) != family(verdict.room) else None


_Room = tuple[Room, float, RoomSource]


def _said(names: Sequence[str], tagged: Mapping[str, Room]) -> dict[int, _Room]:
    """What people say of photos, by index: in the brief, else by the file's name."""
    said: dict[int, _Room] = {}
    for index, name in enumerate(names):
        named = room_in_name(name)
        if name in tagged:
            said[index] = tagged[name], 1.0, "brief"
        elif named is not None:
            said[index] = named, NAME_CONFIDENCE, "file name"
    return said


def _room(said: _Room | None, guess: Guess) -> _Room:
    if said is not None:
        return said
    return (guess.room, guess.confidence, "picture") if guess.room != "other" else ("other", 0.0, "unknown")


def _verdict(photo: Photo, look: Look, visit: int, known: _Room, guess: Guess) -> Verdict:
    room, confidence, source = known
    # Without the network only words tell whether a room is outside.
    outdoors = guess.outdoors if look.rooms else float(room in OUTSIDE)
    return Verdict(
        name=photo.name,
        room=room,
        room_confidence=confidence,
        room_source=source,
        second_room=_second(room, guess),
        outdoors=outdoors,
        visit=visit,
        evening=_evening(look, outdoors, photo.reading),
        look=look,
        quality=quality(look),
        blurred=is_blurred(look),
        dark=is_dark(look),
        small=min(photo.reading.width, photo.reading.height) < SMALL_SIDE,
        soft=is_soft(look),
        blown=is_blown(look),
        tilted=is_tilted(look),
    )


def _second(room: Room, guess: Guess) -> Room | None:
    """What the picture shows beside its room: a kitchen by its name may be a dining room as well."""
    if family(guess.room) != family(room) or guess == NO_GUESS:
        return None
    return guess.room if guess.room != room else guess.second


def _evening(look: Look, outdoors: float, reading: Reading) -> bool:
    """Outside the picture tells, helped by the clock; indoors, or without the network, the clock alone."""
    late = is_evening(reading)
    if not look.rooms or outdoors < 0.5:
        return late
    return looks_like_dusk(look, DUSK_WITH_CLOCK if late else DUSK_ABOVE)


def looks_like_dusk(look: Look, above: float = DUSK_ABOVE) -> bool:
    """Whether a picture taken outside shows dusk."""
    return look.dusk >= above and look.p50 < DUSK_P50_BELOW


def pairs_to_match(analysis: PhotoAnalysis) -> tuple[tuple[int, int], ...]:
    """Pairs of photos, as indices in upload order, that may show one space: of one family of rooms and alike.

    Duplicates are left out: they pass every test.
    """
    verdicts = analysis.verdicts
    apart = distances([verdict.look.feature for verdict in verdicts])
    wanted: set[tuple[int, int]] = set()
    for i, one in enumerate(verdicts):
        near = [
            (float(apart[i, j]), j)
            for j, other in enumerate(verdicts)
            if j != i
            and apart[i, j] < FEATURES_NEAR
            and family(one.room) == family(other.room)
            and not (one.duplicate_of or other.duplicate_of)
        ]
        wanted |= {(min(i, j), max(i, j)) for _, j in sorted(near)[:MOST_MATCHES]}
    return tuple(sorted(wanted))


def with_matches(analysis: PhotoAnalysis, matches: Sequence[Match]) -> PhotoAnalysis:
    """The analysis with its matches, and the spaces that follow from them."""
    numbers = _spaces(analysis.verdicts, matches)
    verdicts = tuple(
        verdict.model_copy(update={"space": number}) for verdict, number in zip(analysis.verdicts, numbers, strict=True)
    )
    return analysis.model_copy(update={"verdicts": verdicts, "matches": tuple(matches)})


def _spaces(verdicts: Sequence[Verdict], matches: Sequence[Match]) -> tuple[int, ...]:
    """Number the spaces that two photos or more show, from 1 in upload order; 0 for photos that stand alone.

    Photos show one space when one camera move joins them, when they are alike and of one visit, or when they are one
    picture; and so do those in between.
    """
    place = {verdict.name: index for index, verdict in enumerate(verdicts)}
    apart = distances([verdict.look.feature for verdict in verdicts])
    leader = list(range(len(verdicts)))

    def first_of(index: int) -> int:
        while leader[index] != index:
            index = leader[index]
        return index

    def join(i: int, j: int) -> None:
        low, high = sorted((first_of(i), first_of(j)))
        leader[high] = low

    for match in matches:
        if match.one_move:
            join(place[match.first], place[match.last])
    for i, one in enumerate(verdicts):
        if one.duplicate_of:
            join(i, place[one.duplicate_of])
        for j in range(i):
            together = one.visit == verdicts[j].visit != 0 and family(one.room) == family(verdicts[j].room) != "other"
            if together and apart[i, j] < SAME_SPACE:
                join(i, j)
    heads = [first_of(index) for index in range(len(verdicts))]
    numbered = {head: number for number, head in enumerate(sorted({h for h in heads if heads.count(h) > 1}), start=1)}
    return tuple(numbered.get(head, 0) for head in heads)


def _mark_duplicates(verdicts: Sequence[Verdict], readings: Sequence[Reading]) -> tuple[Verdict, ...]:
    """Let all but the best photo of one picture name the best one: fewest flaws, most pixels, quality, upload order.

    Pixels come before quality, because a copy that was made small looks the sharper for it.
    """
    pixels = [reading.width * reading.height for reading in readings]
    marked = list(verdicts)
    for group in near_duplicates([verdict.look for verdict in verdicts]):
        best = min(group, key=lambda i: (len(verdicts[i].flaws), -pixels[i], -round(verdicts[i].quality, 1), i))
        for index in group:
            if index != best:
                marked[index] = verdicts[index].model_copy(update={"duplicate_of": verdicts[best].name})
    return tuple(marked)
