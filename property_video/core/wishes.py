"""What a campaign wants, once brief, edits, storyboard and defaults are put together.

Not here: reading any of them.
"""

from collections.abc import Mapping
from typing import Final

from property_video.core.brief import Brief, PhotoWishes, SceneWishes
from property_video.core.camera import Move
from property_video.core.edits import Edits
from property_video.core.errors import BadBrief
from property_video.core.naming import names_alike
from property_video.core.photo import UploadedPhotos
from property_video.core.recording import Recording
from property_video.core.records import Record
from property_video.core.spelling import did_you_mean
from property_video.core.storyboard import Storyboard

DEFAULT_STORYBOARD: Final = "luxury_property"


class Wishes(Record):
    """The resolved wishes of a campaign: every default is filled in, every name checked.

    `recording` is the client's own track; where there is one, mood and music seed are not played.
    """

    campaign: str
    brief: Brief
    edits: Edits
    storyboard: Storyboard
    seed: int
    mood: str
    music_seed: int
    recording: Recording | None = None


def photo_wishes(wishes: PhotoWishes, uploaded: UploadedPhotos) -> PhotoWishes:
    """The wishes for photos, as far as they concern usable ones: one that was rejected never stops a film.

    A wish for a file with the same bytes as another is one for that other. Names that no file answers to stay, so that
    a misspelt one is told where it is matched.
    """
    names = [photo.name for photo in uploaded.photos]

    def meant(written: str) -> str | None:
        if written in names or names_alike(written, names):
            return written
        rejected = [each for each in uploaded.rejected if names_alike(written, [each.file])]
        return next((each.same_as or None for each in rejected), written)

    rooms = {meant(written): room for written, room in wishes.rooms.items()}
    return PhotoWishes(
        use=tuple(name for written in wishes.use if (name := meant(written))),
        never=tuple(name for written in wishes.never if (name := meant(written))),
        rooms={name: room for name, room in rooms.items() if name},
    )


def storyboard_wanted(brief: Brief, edits: Edits) -> str:
    """The name of the storyboard: an edit outranks the brief."""
    return edits.storyboard or brief.storyboard or DEFAULT_STORYBOARD


def resolve(
    campaign: str,
    brief: Brief,
    edits: Edits,
    storyboard: Storyboard,
    moves: Mapping[str, Move],
    recording: Recording | None = None,
) -> Wishes:
    """Put a campaign's wishes together; `recording` is the file that the brief names, taken in.

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
        recording=recording,
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
