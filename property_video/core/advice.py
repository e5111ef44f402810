"""The photographer's note: what is missing or weak in a listing, in words a person can act on.

What costs the film most comes first: scenes left out, scenes of one photo or a flawed one, then single photos.

Not here: files that could not be used at all, each of which has its own reason and remedy (photo.py, Rejection).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from property_video.core.pairing import Pair, ShotList
from property_video.core.photo import PhotoAnalysis, Room, Verdict
from property_video.core.storyboard import Scene, Storyboard

MANY: Final = 3
"""Photos of one kind that are named one by one; of more, the first ones and how many there are."""

OUTSIDE: Final[frozenset[Room]] = frozenset({"exterior", "pool", "terrace", "garden", "view", "aerial"})


def advise(storyboard: Storyboard, shot_list: ShotList, analysis: PhotoAnalysis) -> tuple[str, ...]:
    """What the photographer could do for a better film of this listing, the most useful first."""
    photos = {verdict.name: verdict for verdict in analysis.verdicts}
    pairs = {pair.number: pair for pair in shot_list.pairs}
    scenes = dict(storyboard.numbered())
    return (
        *_missing(scenes, pairs),
        *_dusk(scenes, pairs, analysis.verdicts),
        *_weak(scenes, pairs, photos),
        *_alone(scenes, pairs, photos),
        *_unused_flaws(shot_list, photos),
        *_unrecognised(analysis.verdicts),
        *_copies(analysis.verdicts),
    )


def _missing(scenes: Mapping[int, Scene], pairs: Mapping[int, Pair]) -> Iterator[str]:
    for number, pair in pairs.items():
        if pair.left_out:
            scene = scenes[number]
            yield f"No photo for scene {number}, {scene.title}: add two that show {scene.wants}."


def _dusk(scenes: Mapping[int, Scene], pairs: Mapping[int, Pair], photos: Sequence[Verdict]) -> Iterator[str]:
    dusk = any(photo.evening and photo.room in OUTSIDE | {"other"} and not photo.flaws for photo in photos)
    shown = [number for number, scene in scenes.items() if scene.evening and not pairs[number].left_out]
    if shown and not dusk:  # a scene that is left out has said what it wants
        yield "No dusk exterior: one from the spot of a daylight photo lets day turn into evening in the last scene."


def _weak(scenes: Mapping[int, Scene], pairs: Mapping[int, Pair], photos: Mapping[str, Verdict]) -> Iterator[str]:
    for number, pair in pairs.items():
        flawed = [photos[name] for name in (pair.first, pair.last) if name and photos[name].flaws]
        for photo in flawed:
            yield f"The only photo for scene {number}, {scenes[number].title}, is {_and(photo.flaws)}: {_remedy(photo)}"


def _alone(scenes: Mapping[int, Scene], pairs: Mapping[int, Pair], photos: Mapping[str, Verdict]) -> Iterator[str]:
    for number, pair in pairs.items():
        if pair.first and not pair.last and not photos[pair.first].flaws:
            yield (
                f"Scene {number}, {scenes[number].title}, has one photo: a second one from another corner of the same "
                "room lets the camera travel through it."
            )


def _unused_flaws(shot_list: ShotList, photos: Mapping[str, Verdict]) -> Iterator[str]:
    used = {name for pair in shot_list.pairs for name in (pair.first, pair.last)}
    for name, photo in photos.items():
        if name not in used and photo.flaws and not photo.duplicate_of:
            yield f"{name} is {_and(photo.flaws)} and not used: {_remedy(photo)}"
        elif name in used and photo.tilted:
            yield f"{name} is tilted by {abs(photo.look.roll):.1f} degrees and loses its edges when straightened."


def _unrecognised(photos: Sequence[Verdict]) -> Iterator[str]:
    unknown = [photo.name for photo in photos if photo.room == "other" and not photo.flaws and not photo.duplicate_of]
    if unknown:
        yield (
            f"{_listed(unknown)}: the room is not recognised. Put it in the file name, or under photos.rooms in the "
            "brief."
        )


def _copies(photos: Sequence[Verdict]) -> Iterator[str]:
    copies = [f"{photo.name} repeats {photo.duplicate_of}" for photo in photos if photo.duplicate_of]
    if copies:
        yield f"{_listed(copies)}: another corner of the room would show more."


def _remedy(photo: Verdict) -> str:
    if photo.blurred:
        return "reshoot it from a tripod."
    if photo.dark:
        return "expose it longer, or brighten it from the raw file."
    return "upload the original, not a thumbnail."


def _and(words: Sequence[str]) -> str:
    return " and ".join(words)


def _listed(names: Sequence[str]) -> str:
    if len(names) <= MANY:
        return ", ".join(names)
    return f"{', '.join(names[:MANY])} and {len(names) - MANY} more"
