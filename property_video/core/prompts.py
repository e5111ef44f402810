"""Words for hosted models: what a clip shows and how its music sounds, from the storyboard's text and known facts.

Every prompt for pictures says that nothing may be added to or removed from the property. Words of clients are data:
they are brought to one line, kept short, and stand before our own rules, which have the last word.

Not here: the storyboard's text (property_video/storyboards) and which model understands what (models.py).
"""

import re
from collections.abc import Sequence
from typing import Final

from property_video.core.photo import Room
from property_video.core.storyboard import Scene

FAITHFUL: Final = (
    "Show the property exactly as photographed: nothing is added to it, removed from it, moved or changed; walls, "
    "windows, furniture, views and colours stay as they are. No people, no animals, no text, no logos."
)
"""The rule that no client's words replace. Listing rules and law forbid invented rooms."""

MOST_GUIDELINES: Final = 300
"""Characters of a client's guidelines that a prompt carries."""

SHOWN_AS: Final[dict[Room, str]] = {
    "exterior": "the house from outside",
    "entrance": "the entrance",
    "living_room": "the living room",
    "kitchen": "the kitchen",
    "dining": "the dining room",
    "bedroom": "the bedroom",
    "bathroom": "the bathroom",
    "tub": "the bathtub and shower",
    "pool": "the pool",
    "terrace": "the terrace",
    "garden": "the garden",
    "view": "the view",
    "aerial": "the property from above",
    "amenity": "the amenities",
    "detail": "a detail of the interior",
    "floor_plan": "the floor plan",
    "other": "the room",
}
"""How a sentence names a room."""


def video_prompt(
    scene: Scene,
    first: Room,
    last: Room | None,
    *,
    evening: bool = False,
    guidelines: str = "",
    takes_last: bool = True,
) -> str:
    """What a clip shows.

    Args:
        scene: its `video_prompt` may name `{room}` and `{light}`; without one, what the scene wants is said plainly.
        first: what the first photo shows.
        last: what the last photo shows; None for a scene with one photo.
        evening: whether the photos were taken at dusk.
        guidelines: the brand's own words.
        takes_last: whether the model gets a last picture, too.
    """
    text = scene.video_prompt or f"A slow, steady camera move through {{room}}: {scene.wants}."
    light = "the last light of the day" if evening else "natural daylight"
    shown = text.replace("{room}", SHOWN_AS[first]).replace("{light}", light)
    path = "One continuous, even, slow camera move without cuts, beginning exactly on the first picture"
    path += " and ending exactly on the last." if takes_last else "."
    if last is not None and last != first:
        path += f" It begins with {SHOWN_AS[first]} and ends with {SHOWN_AS[last]}."
    return " ".join(part for part in (shown, path, _style(guidelines), FAITHFUL) if part)


def track_prompt(scenes: Sequence[tuple[Scene, float]], mood: str, tempo: float) -> str:
    """The music of a whole film in one go: its mood, and what happens when.

    Args:
        scenes: scenes in the film, with their seconds.
        mood: one of core/moods.py.
        tempo: beats a minute.
    """
    lines, begins = [], 0.0
    for scene, seconds in scenes:
        lines.append(f"[{_clock(begins)} - {_clock(begins + seconds)}] {_scene_music(scene)}")
        begins += seconds
    return f"{_bed(mood, tempo)} {' '.join(lines)}"


def link_prompt(scene: Scene, mood: str, tempo: float) -> str:
    """The music of one scene, for models that make a track scene by scene."""
    return f"{_bed(mood, tempo)} {_scene_music(scene)}"


NEGATIVE_MUSIC: Final = "vocals, speech, sound effects, abrupt ending, distortion"


def _bed(mood: str, tempo: float) -> str:
    return f"Instrumental background music for a property film, {mood}, {tempo:g} BPM, 4/4, no vocals, no speech."


def _scene_music(scene: Scene) -> str:
    if scene.music_prompt:
        return scene.music_prompt
    fullness = "sparse and quiet" if scene.energy < 0.5 else "flowing" if scene.energy < 0.8 else "full and bright"
    return f"{scene.title}: {fullness}."


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _style(guidelines: str) -> str:
    """A client's words on one line without control characters, cut after a whole word."""
    line = re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in guidelines)).strip()
    if len(line) > MOST_GUIDELINES:
        line = line[:MOST_GUIDELINES].rsplit(" ", 1)[0]
    return f"Style: {line.rstrip('.')}." if line else ""
