"""The storyboard: the ordered scenes of a film, as data.

Not here: the files that hold storyboards (property_video/storyboards) and which photos fill them (pairing.py).
"""

from typing import Final

from pydantic import Field

from property_video.core.photo import Room
from property_video.core.records import Record

MOST_SCENES: Final = 7
"""Scenes a film can have: the graph has one asset for each."""

SHORTEST_SCENE_S: Final = 2.0
LONGEST_SCENE_S: Final = 10.0
"""Seconds of a scene. Below two a move reads as a jerk; ten is what one photo's slow move carries."""


class Scene(Record):
    """One storyboard entry.

    `rooms` are those the scene can show, the most wanted first. `evening` asks for dusk photos where there are any.
    `energy` (0..1) is how full the music is while the scene lasts. `video_prompt`, `negative_prompt` and `music_prompt`
    are what hosted models are told (core/prompts.py); the embedded provider does not read them.
    """

    title: str
    wants: str
    rooms: tuple[Room, ...]
    move: str
    seconds: float = Field(default=4.0, ge=SHORTEST_SCENE_S, le=LONGEST_SCENE_S)
    energy: float = Field(default=0.6, ge=0.0, le=1.0)
    evening: bool = False
    video_prompt: str = ""
    negative_prompt: str = ""
    music_prompt: str = ""


class Storyboard(Record):
    """The scenes of a film, in order."""

    name: str
    title: str
    mood: str
    scenes: tuple[Scene, ...] = Field(min_length=1, max_length=MOST_SCENES)

    def numbered(self) -> tuple[tuple[int, Scene], ...]:
        """Scenes with their numbers, from 1."""
        return tuple(enumerate(self.scenes, start=1))


def scene_key(number: int) -> str:
    """The name of a scene's asset: `scene_1` to `scene_7`."""
    return f"scene_{number}"


SCENE_KEYS: Final = tuple(scene_key(number) for number in range(1, MOST_SCENES + 1))
