"""What a campaign wants, once brief, edits, storyboard and defaults are put together.

Not here: reading any of them.
"""

from collections.abc import Mapping
from typing import Final

from property_video.core.brief import Brief, SceneWishes
from property_video.core.camera import Move
from property_video.core.edits import Edits
from property_video.core.errors import BadBrief
from property_video.core.records import Record
from property_video.core.spelling import did_you_mean
from property_video.core.storyboard import Storyboard

DEFAULT_STORYBOARD: Final = "luxury_property"


class Wishes(Record):
    """The resolved wishes of a campaign: every default is filled in, every name checked."""

    campaign: str
    brief: Brief
    edits: Edits
    storyboard: Storyboard
    seed: int
    mood: str
    music_seed: int


def storyboard_wanted(brief: Brief, edits: Edits) -> str:
    """The name of the storyboard: an edit outranks the brief."""
    return edits.storyboard or brief.storyboard or DEFAULT_STORYBOARD


def resolve(campaign: str, brief: Brief, edits: Edits, storyboard: Storyboard, moves: Mapping[str, Move]) -> Wishes:
    """Put a campaign's wishes together.

    Raises:
        BadBrief: a wish names a scene or a move that does not exist.
    """
    seed = next(value for value in (edits.seed, brief.seed, 0) if value is not None)
    return Wishes(
        campaign=campaign,
        brief=brief,
        edits=edits,
        storyboard=_with_scene_wishes(storyboard, brief, moves),
        seed=seed,
        mood=edits.mood or brief.music.mood or storyboard.mood,
        music_seed=brief.music.seed if brief.music.seed is not None else seed,
    )


def _with_scene_wishes(storyboard: Storyboard, brief: Brief, moves: Mapping[str, Move]) -> Storyboard:
    numbers = [str(number) for number, _ in storyboard.numbered()]
    for number, wish in brief.scenes.items():
        if str(number) not in numbers:
            raise BadBrief(f"scenes.{number}: {storyboard.name} has no such scene.", did_you_mean(str(number), numbers))
        if wish.move is not None and wish.move not in moves:
            raise BadBrief(f"scenes.{number}.move: there is no move {wish.move!r}.", did_you_mean(wish.move, moves))
    scenes = []
    for number, scene in storyboard.numbered():
        wish = brief.scenes.get(number, SceneWishes())
        seconds = wish.seconds or brief.scene_seconds or scene.seconds
        move = wish.move or scene.move
        scenes.append(scene.model_copy(update={"seconds": seconds, "move": move}))
    return storyboard.model_copy(update={"scenes": tuple(scenes)})
