"""The brief: what a campaign wants, as `campaign.yaml` says it.

Every key is optional, every value is checked, an unknown key is an error that names the nearest known one.

Not here: reading the file (store), a person's later edits (edits.py).
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError

from property_video.core.errors import BadBrief
from property_video.core.ladders import Ladder, Ladders
from property_video.core.photo import Room
from property_video.core.recording import checked_file_name
from property_video.core.records import Record
from property_video.core.spelling import did_you_mean
from property_video.core.storyboard import LONGEST_SCENE_S, MOST_SCENES, SHORTEST_SCENE_S

Mood = Literal["warm", "elegant", "upbeat", "dusk", "calm"]
MOODS: tuple[str, ...] = get_args(Mood)

Text = Annotated[str, Field(min_length=1, max_length=300)]
Seconds = Annotated[float, Field(ge=SHORTEST_SCENE_S, le=LONGEST_SCENE_S)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Dollars = Annotated[float, Field(ge=0, le=100_000)]
Colour = Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$")]


def _as_text(value: Any) -> Any:
    """Let a photo be named by a bare number, as YAML reads `use: [101]`."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


PhotoName = Annotated[str, BeforeValidator(_as_text), Field(min_length=1, max_length=255)]


class Price(Record):
    """What the property is offered for."""

    amount: float = Field(ge=0)
    currency: str = Field(pattern=r"^[A-Z]{3}$")


class PropertyFacts(Record):
    """Facts of the property; they may appear in an unbranded film's tags."""

    name: Text | None = None
    address: Text | None = None
    headline: Text | None = None
    bedrooms: int | None = Field(default=None, ge=0, le=1000)
    bathrooms: float | None = Field(default=None, ge=0, le=1000)
    area_m2: float | None = Field(default=None, gt=0)
    price: Price | None = None
    highlights: tuple[Text, ...] = ()


class Brand(Record):
    """Who offers the property. Recorded and shown; never in the master, which is unbranded.

    `guidelines` are words on style that hosted models are told.
    """

    agent: Text | None = None
    phone: Text | None = None
    email: Text | None = None
    website: Text | None = None
    colours: tuple[Colour, ...] = ()
    guidelines: Text | None = None


class PhotoWishes(Record):
    """Photos that must or must not be in the film, and what they show. Names are file names, extension optional."""

    use: tuple[PhotoName, ...] = ()
    never: tuple[PhotoName, ...] = ()
    rooms: dict[PhotoName, Room] = Field(default_factory=dict)


class SceneWishes(Record):
    """Wishes for one scene."""

    seconds: Seconds | None = None
    move: Text | None = None
    video: Ladder | None = None


class Music(Record):
    """Wishes for the track: a mood and seed for the composer, or a recording of the client's, which outranks both.

    `file` is the name of a sound file beside the brief.
    """

    file: Annotated[str, Field(max_length=255), AfterValidator(checked_file_name)] | None = None
    mood: Mood | None = None
    seed: Seed | None = None


class Brief(Record):
    """A campaign's wishes, as its client sent them.

    `budget_usd` is the most that hosted models may cost this campaign, all its films together; without it none is
    asked. `on_lost` is what follows when it can no longer be told whether something was paid for.
    """

    client: Text | None = None
    property: PropertyFacts = PropertyFacts()
    brand: Brand = Brand()
    storyboard: Text | None = None
    scene_seconds: Seconds | None = None
    scenes: dict[Annotated[int, Field(ge=1, le=MOST_SCENES)], SceneWishes] = Field(default_factory=dict)
    photos: PhotoWishes = PhotoWishes()
    music: Music = Music()
    seed: Seed | None = None
    providers: Ladders = Ladders()
    budget_usd: Dollars | None = None
    on_lost: Literal["embedded", "pay_again"] = "embedded"
    allow_non_commercial: bool = False


def parse_brief(data: Any, file: str) -> Brief:
    """Validate what a brief's file holds; `file` names it in errors.

    Raises:
        BadBrief: naming every broken rule with its place and the remedy.
    """
    if data is None:
        return Brief()
    if not isinstance(data, Mapping):
        raise BadBrief(f"{file}: a brief is a list of `key: value` lines.", "See docs/brief.md for an example.")
    try:
        return Brief.model_validate(data)
    except ValidationError as error:
        raise BadBrief(f"{file}: " + explain(error, Brief), "See docs/brief.md.") from error


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """All broken rules of a validation as one line, each with its place and, for unknown keys, the nearest known."""
    return "; ".join(_sentence(each["loc"], each["type"], each["msg"], model) for each in error.errors())


def _sentence(place: tuple[int | str, ...], kind: str, message: str, model: type[BaseModel]) -> str:
    where = ".".join(str(part) for part in place if part != "[key]")
    if kind == "extra_forbidden":
        known = _fields_at(model, place[:-1])
        return f"{where}: unknown key. {did_you_mean(str(place[-1]), known)}".rstrip()
    return f"{where}: {message.removeprefix('Value error, ')}"


def _fields_at(model: type[BaseModel], place: tuple[int | str, ...]) -> tuple[str, ...]:
    """Names of the fields that may stand at a place of a nested model; empty where the place is no model."""
    here: type[BaseModel] | None = model
    for part in place:
        field = here.model_fields.get(str(part)) if here else None
        if field is None:
            continue  # a dictionary's key: the model is its value's, found below
        here = _model_in(field.annotation)
    return tuple(here.model_fields) if here else ()


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _model_in(argument)
        if found is not None:
            return found
    return None
