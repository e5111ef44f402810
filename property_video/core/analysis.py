"""From readings and looks to verdicts: rooms by words, the photographer's visits, flaws, duplicates.

Not here: measuring pixels (media/look.py) and their thresholds (quality.py).
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final

from property_video.core.naming import match_name
from property_video.core.photo import Look, Photo, PhotoAnalysis, Reading, Room, Verdict
from property_video.core.picture import SMALL_SIDE
from property_video.core.quality import is_blurred, is_dark, near_duplicates, quality
from property_video.core.rooms import NAME_CONFIDENCE, room_in_name

VISIT_GAP: Final = dt.timedelta(minutes=10)
"""Photos taken within this time of the one before belong to one visit. On the sample listing, pauses inside a place
are at most 8 minutes and pauses between places at least 17."""

EVENING_HOURS: Final = frozenset({19, 20, 21, 22, 23})
"""Hours of the camera's clock at which an exterior is a dusk picture."""


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
        tags: rooms a person gave, by photo name as people write it; they outrank file names.
    """
    names = [photo.name for photo in photos]
    tagged = {match_name(written, names): room for written, room in tags.items()}
    numbers = visits([photo.reading for photo in photos])
    verdicts = []
    for photo, look, visit in zip(photos, looks, numbers, strict=True):
        room, confidence, source = _room(photo.name, tagged)
        verdicts.append(
            Verdict(
                name=photo.name,
                room=room,
                room_confidence=confidence,
                room_source=source,
                visit=visit,
                evening=is_evening(photo.reading),
                look=look,
                quality=quality(look),
                blurred=is_blurred(look),
                dark=is_dark(look),
                small=min(photo.reading.width, photo.reading.height) < SMALL_SIDE,
            )
        )
    return PhotoAnalysis(verdicts=_mark_duplicates(verdicts, [photo.reading for photo in photos]))


def _room(name: str, tagged: Mapping[str, Room]) -> tuple[Room, float, str]:
    if name in tagged:
        return tagged[name], 1.0, "brief"
    named = room_in_name(name)
    return (named, NAME_CONFIDENCE, "file name") if named else ("other", 0.0, "unknown")


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
