"""What a campaign wants, once brief, edits, storyboard and defaults are put together.

Not here: reading any of them.
"""

from collections.abc import Collection, Mapping
from typing import Final

from pydantic import Field

from property_video.core.brief import Brief, PhotoWishes, SceneWishes
from property_video.core.camera import Move
from property_video.core.edits import Edits
from property_video.core.errors import BadBrief
from property_video.core.ladders import Ladders, Work, check_ladder, hosted
from property_video.core.money import Micros, micros
from property_video.core.naming import names_alike
from property_video.core.photo import UploadedPhotos
from property_video.core.recording import Recording
from property_video.core.records import Record
from property_video.core.spelling import did_you_mean
from property_video.core.storyboard import Storyboard, scene_key

DEFAULT_STORYBOARD: Final = "luxury_property"

NO_MODELS: Final[Mapping[Work, Collection[str]]] = {"video": (), "music": (), "choice": ()}


class Wishes(Record):
    """The resolved wishes of a campaign: every default is filled in, every name checked.

    `recording` is the client's own track; where there is one, mood and music seed are not played.
    `budget` is the most that hosted models may cost the campaign, in micro-dollars; None where none is asked.
    """

    campaign: str
    brief: Brief
    edits: Edits
    storyboard: Storyboard
    seed: int
    mood: str
    music_seed: int
    ladders: Ladders = Ladders()
    scene_ladders: dict[int, tuple[str, ...]] = Field(default_factory=dict)
    budget: Micros | None = None
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
    models: Mapping[Work, Collection[str]] = NO_MODELS,
    recording: Recording | None = None,
) -> Wishes:
    """Put a campaign's wishes together.

    Args:
        campaign: whose.
        brief: what its client wrote.
        edits: what people changed.
        storyboard: the one that is wanted.
        moves: the camera moves there are.
        models: the hosted models that may be ordered.
        recording: the file that the brief names, taken in.

    Raises:
        BadBrief: a wish names a scene, a move or a provider that does not exist, or a hosted one without a budget.
    """
    seed = next(value for value in (edits.seed, brief.seed, 0) if value is not None)
    ladders = Ladders(
        video=edits.video or brief.providers.video,
        music=edits.music or brief.providers.music,
        choice=edits.choice or brief.providers.choice,
    )
    scene_ladders = {
        number: edits.scene(scene_key(number)).video or brief.scenes.get(number, SceneWishes()).video or ladders.video
        for number, _ in storyboard.numbered()
    }
    budget = _budget_usd(brief, edits)
    _check_ladders(ladders, scene_ladders, budget, models)
    return Wishes(
        campaign=campaign,
        brief=brief,
        edits=edits,
        storyboard=_with_scene_wishes(storyboard, brief, moves),
        seed=seed,
        mood=edits.mood or brief.music.mood or storyboard.mood,
        music_seed=brief.music.seed if brief.music.seed is not None else seed,
        ladders=ladders,
        scene_ladders={number: ladder for number, ladder in scene_ladders.items() if ladder},
        budget=None if budget is None else micros(budget),
        recording=recording,
    )


def with_money(wishes: Wishes, edits: Edits) -> Wishes:
    """The wishes after later edits that change neither photos nor scenes: who makes the track, and the budget."""
    budget = _budget_usd(wishes.brief, edits)
    music = edits.music or wishes.brief.providers.music
    return wishes.model_copy(
        update={
            "edits": edits,
            "ladders": wishes.ladders.model_copy(update={"music": music}),
            "budget": None if budget is None else micros(budget),
        }
    )


def _budget_usd(brief: Brief, edits: Edits) -> float | None:
    return edits.budget_usd if edits.budget_usd is not None else brief.budget_usd


def _check_ladders(
    ladders: Ladders,
    scenes: Mapping[int, tuple[str, ...] | None],
    budget_usd: float | None,
    models: Mapping[Work, Collection[str]],
) -> None:
    work: Work
    named: list[tuple[Work, str, tuple[str, ...] | None]] = [
        ("video", "providers.video", ladders.video),
        ("music", "providers.music", ladders.music),
        ("choice", "providers.choice", ladders.choice),
        *(("video", f"scenes.{number}.video", ladder) for number, ladder in scenes.items()),
    ]
    for work, where, ladder in named:
        check_ladder(work, ladder or (), where, models[work])
        if hosted(ladder) and budget_usd is None:
            raise BadBrief(
                f"{where}: {hosted(ladder)[0]} costs money, and nobody said how much it may be.",
                "Say budget_usd in the brief, or --budget.",
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
