"""Hosted models as data: what may be ordered of each, what it costs, and the exact input to send.

Models differ in the names of their inputs, in how they say length and size, and in what they charge for; none of that
is code. The data is providers/models.yaml.

Not here: reading that file (providers/registry.py), the words of a prompt (prompts.py), chains of music
(music_chain.py), what the provider publishes today (model_drift.py), sending anything (providers).
"""

import datetime as dt
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from pydantic import Field, ValidationError, model_validator

from property_video.core.errors import BadInput
from property_video.core.film import FILM, FilmFormat
from property_video.core.records import Record

NATIVE: Final = "native"
"""The size of a model that has no input for it."""

FASTEST: Final = 1.5
"""How many times faster than ordered a clip may be played while a slower one is to be had: beyond it a calm camera
move looks hurried, and more of what was paid for is thrown away."""

CODING_BLOCK: Final = 16
"""Lines by which a model's picture may be higher than the film without counting as larger: 1088 is 1080 in blocks."""

Fixed = bool | int | float | str


class Lengths(Record):
    """Lengths a model makes, in its own `unit`: those `allowed`, or all whole numbers from `least` to `most`."""

    unit: Literal["seconds", "frames", "milliseconds"] = "seconds"
    allowed: tuple[int, ...] = ()
    least: int = 1
    most: int = 0

    @model_validator(mode="after")
    def _says_something(self) -> "Lengths":
        if bool(self.allowed) == (self.most >= self.least):
            raise ValueError("lengths are either `allowed` or a range from `least` to `most`")
        return self

    @property
    def values(self) -> tuple[int, ...] | range:
        """Every length there is."""
        return self.allowed or range(self.least, self.most + 1)


class Size(Record):
    """One size a model makes: `pixels` of a 16:9 output, its price, and the lengths it is limited to (empty: all).

    `usd` is per second or per clip, as the model's `per` says; a clip's price may depend on its length. None: unknown.
    """

    pixels: tuple[int, int]
    usd: float | dict[int, float] | None
    lengths: tuple[int, ...] = ()


class Sound(Record):
    """Sound that a model adds: whether it does so unless told otherwise, and what that multiplies the price by."""

    by_default: bool
    usd_factor: float = Field(ge=1.0)


class VideoInputs(Record):
    """A video model's names for what we send; None where it has no such input."""

    prompt: str
    first: str
    last: str | None = None
    length: str
    size: str | None = None
    aspect: str | None = None
    negative: str | None = None
    seed: str | None = None
    sound: str | None = None


class Model(Record):
    """What all hosted models have in common.

    `version` is what a model that is not official runs by. `fixed` inputs are sent with every order, `others` never.
    `commercial` says whether the licence allows a marketing film. `limits` and `assumed` are for people.
    """

    slug: str
    version: str | None = None
    fixed: dict[str, Fixed] = Field(default_factory=dict)
    others: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    licence: str = ""
    commercial: bool = True
    limits: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    checked: dt.date


class VideoModel(Model):
    """A model that makes clips from one photo, or from a first and a last one."""

    inputs: VideoInputs
    lengths: Lengths
    fps: float = Field(gt=0)
    sizes: dict[str, Size] = Field(min_length=1)
    per: Literal["second", "clip"]
    aspects: tuple[str, ...] = ()
    sound: Sound | None = None
    prompt_chars: int | None = None

    @model_validator(mode="after")
    def _sizes_have_an_input(self) -> "VideoModel":
        if (self.inputs.size is None) != (set(self.sizes) == {NATIVE}):
            raise ValueError("a model without a size input has one size, `native`, and no other model has it")
        return self

    @property
    def time_billed(self) -> bool:
        """Whether a failed prediction costs what its GPU worked."""
        return False

    def seconds(self, length: int) -> float:
        """What a length in the model's own unit lasts."""
        return length / self.fps if self.lengths.unit == "frames" else float(length)

    def frames(self, length: int) -> int:
        """How many frames a length has."""
        return length if self.lengths.unit == "frames" else round(length * self.fps)


class MusicInputs(Record):
    """A music model's names for what we send; `context` is the recording that it goes on from."""

    prompt: str
    length: str | None = None
    negative: str | None = None
    seed: str | None = None
    context: str | None = None


class MusicModel(Model):
    """A model that makes music: of an ordered length, or always `always_s` seconds.

    `continues`: it goes on from a recording it is given, so that a track can be made scene by scene.
    Models that bill by the second of GPU are assumed to work `assumed_gpu_s` for one prediction.
    """

    inputs: MusicInputs
    lengths: Lengths | None = None
    always_s: float | None = None
    continues: bool = False
    per: Literal["second", "run", "gpu_second"]
    usd: float | None
    assumed_gpu_s: float | None = None

    @model_validator(mode="after")
    def _has_a_length(self) -> "MusicModel":
        if (self.lengths is None) == (self.always_s is None) or (self.lengths is None) != (self.inputs.length is None):
            raise ValueError("music has either ordered lengths, with an input for them, or one length always")
        if (self.per == "gpu_second") != (self.assumed_gpu_s is not None):
            raise ValueError("assumed_gpu_s belongs to models billed by the second of GPU")
        return self

    @property
    def time_billed(self) -> bool:
        """Whether a failed prediction costs what its GPU worked."""
        return self.per == "gpu_second"

    @property
    def longest_s(self) -> float:
        """The longest recording of one prediction."""
        if self.lengths is None:
            return self.always_s or 0.0
        return self.lengths.values[-1] / (1000 if self.lengths.unit == "milliseconds" else 1)


class ChoiceModel(Record):
    """A vision model that chooses photos; US dollars per million tokens, None where nobody knows."""

    name: str
    usd_in: float | None
    usd_out: float | None
    checked: dt.date


class Registry(Record):
    """All models that may be ordered, by name."""

    video: dict[str, VideoModel]
    music: dict[str, MusicModel]
    choice: dict[str, ChoiceModel]


class Purchase(Record):
    """What one clip is ordered as.

    `length` is in the model's own unit, `seconds` and `frames` what comes of it; `size` is the model's word, `pixels`
    what comes of that for a 16:9 film; `usd` is the price.
    """

    length: int
    seconds: float
    frames: int
    size: str
    pixels: tuple[int, int]
    usd: float


def parse_registry(data: Mapping[str, Any]) -> Registry:
    """The registry of models from `{video: {slug: {…}}, music: {…}, choice: {…}}`.

    Raises:
        BadInput: naming the rule that the data breaks.
    """
    named = {
        "video": {slug: {"slug": slug, **fields} for slug, fields in data["video"].items()},
        "music": {slug: {"slug": slug, **fields} for slug, fields in data["music"].items()},
        "choice": {name: {"name": name, **fields} for name, fields in data["choice"].items()},
    }
    try:
        return Registry.model_validate(named)
    except ValidationError as error:
        raise BadInput(f"The registry of models cannot be used: {error}.", "Mend models.yaml.") from error


# -- video -------------------------------------------------------------------------------------------------------------


def usable(model: VideoModel, seconds: float, photos: int, *, allow_non_commercial: bool = False) -> str | None:
    """Why a model cannot make a scene of `seconds` from one photo or two; None when it can."""
    if not model.commercial and not allow_non_commercial:
        return _licence_forbids(model)
    if photos > 1 and model.inputs.last is None:
        return f"{model.slug} takes a first photo only, and the scene has two."
    longest = max(model.seconds(length) for length in model.lengths.values)
    if seconds > longest + 1e-6:
        return f"{model.slug} makes at most {longest:g} s, and the scene lasts {seconds:g} s."
    if not any(_offers(model, seconds, FILM)):
        return f"Nobody knows what {model.slug} costs."
    return None


def purchase(model: VideoModel, frames: int, film: FilmFormat = FILM) -> Purchase:
    """What to order of a model for a scene of `frames` frames of the film.

    Never shorter than the scene. The best length has exactly the scene's frames, so that none has to be invented:
    5 s at 24 frames a second are the 120 frames of 4 s at 30. Else it is the cheapest, and of equal prices the one with
    the fewest frames missing. The size is the largest of that length that is not larger than the film.

    Raises:
        ValueError: nothing can be ordered; `usable` says why.
    """
    scene_s = frames / film.fps

    def misfit(offer: Purchase) -> tuple[bool, float, float, int]:
        hurried = offer.seconds > FASTEST * scene_s + 1e-6
        exact = offer.frames == frames and not hurried
        return not exact, offer.seconds if hurried else 0.0, offer.usd, max(0, frames - offer.frames)

    # One offer per length, in its largest size: a length is never chosen for the sake of a smaller picture's price.
    largest: dict[int, Purchase] = {}
    for offer in _offers(model, scene_s, film):
        if offer.length not in largest or offer.pixels > largest[offer.length].pixels:
            largest[offer.length] = offer
    return min(largest.values(), key=misfit)


def _offers(model: VideoModel, scene_s: float, film: FilmFormat) -> Iterator[Purchase]:
    """Everything of a model that is long enough, not larger than the film, and has a price."""
    for length in model.lengths.values:
        seconds = model.seconds(length)
        for name, size in model.sizes.items():
            usd = size.usd.get(length) if isinstance(size.usd, dict) else size.usd
            fits = size.pixels[1] <= film.height + CODING_BLOCK and (not size.lengths or length in size.lengths)
            if fits and usd is not None and seconds >= scene_s - 1e-6:
                yield Purchase(
                    length=length,
                    seconds=seconds,
                    frames=model.frames(length),
                    size=name,
                    pixels=size.pixels,
                    usd=dollars(usd * seconds if model.per == "second" else usd),
                )


def frame_size(bought: Purchase) -> tuple[int, int]:
    """Pixels to send both photos in: models that follow the first photo's shape then give that of the film."""
    return (1280, 720) if bought.pixels[1] <= 768 else (1920, 1080)


def clip_input(
    model: VideoModel, bought: Purchase, prompt: str, negative: str, first: str, last: str | None, seed: int
) -> dict[str, Any]:
    """The exact input of one clip: every key that costs money explicit, none that the model does not have.

    Args:
        model: the model.
        bought: from `purchase`.
        prompt: what to show.
        negative: what to avoid; left out for models that have no input for it.
        first: address of the first photo.
        last: address of the last photo; left out for models that take a first one only.
        seed: 1 or more; left out likewise.
    """
    names = model.inputs
    sent: dict[str | None, Any] = {
        names.prompt: shortened(prompt, model.prompt_chars),
        names.first: first,
        names.length: bought.length,
        names.size: bought.size,
        names.aspect: "16:9",
        names.negative: negative or None,
        names.seed: seed,
        names.sound: False,
        names.last: last,
    }
    return {**{key: value for key, value in sent.items() if key is not None and value is not None}, **model.fixed}


# -- music -------------------------------------------------------------------------------------------------------------


def music_usable(model: MusicModel, seconds: float, *, allow_non_commercial: bool = False) -> str | None:
    """Why a model cannot make a track of `seconds`; None when it can. A model that goes on has no longest track."""
    if not model.commercial and not allow_non_commercial:
        return _licence_forbids(model)
    if model.usd is None:
        return f"Nobody knows what {model.slug} costs."
    if seconds > model.longest_s and not model.continues:
        return f"{model.slug} makes at most {model.longest_s:g} s, and the film lasts {seconds:g} s."
    return None


def music_length(model: MusicModel, seconds: float) -> int | None:
    """The shortest length that a model makes and that is not shorter than `seconds`; None where none is ordered."""
    if model.lengths is None:
        return None
    wanted = math.ceil(round(seconds * 1000)) if model.lengths.unit == "milliseconds" else math.ceil(seconds - 1e-6)
    return max(wanted, model.lengths.values[0])


def music_price(model: MusicModel, seconds: float) -> float:
    """US dollars of one prediction of `seconds`; for models billed by time, what is assumed.

    Raises:
        ValueError: nobody knows.
    """
    if model.usd is None:
        raise ValueError(f"{model.slug} has no price")
    match model.per:
        case "run":
            return dollars(model.usd)
        case "gpu_second":
            return dollars(model.usd * (model.assumed_gpu_s or 0.0))
        case "second":
            length = music_length(model, seconds)
            unit = 1000 if model.lengths is not None and model.lengths.unit == "milliseconds" else 1
            return dollars(model.usd * (model.always_s or (length or 0) / unit))


def music_input(model: MusicModel, prompt: str, negative: str, seconds: float, seed: int) -> dict[str, Any]:
    """The exact input of a track made in one prediction; `seed` is 1 or more, because 0 means random to some."""
    names = model.inputs
    sent: dict[str | None, Any] = {
        names.prompt: prompt,
        names.length: music_length(model, seconds),
        names.negative: negative or None,
        names.seed: seed,
    }
    return {**{key: value for key, value in sent.items() if key is not None and value is not None}, **model.fixed}


# -- both --------------------------------------------------------------------------------------------------------------


def dollars(amount: float) -> float:
    """A price without the dust of binary fractions: millionths of a dollar."""
    return round(amount, 6)


def shortened(text: str, most: int | None) -> str:
    """The text, cut after a whole word where a model takes only `most` characters."""
    if most is None or len(text) <= most:
        return text
    return text[:most].rsplit(" ", 1)[0]


def _licence_forbids(model: Model) -> str:
    return f"{model.slug} is licensed {model.licence}: not for a marketing film, unless allow_non_commercial is set."
