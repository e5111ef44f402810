"""Ladders: who is asked for each piece of a film, first choice first, and what may be spent.

A name is `embedded` or `VENDOR:MODEL`. What stands behind `embedded` in a ladder is never reached; a ladder that does
not name it ends with it all the same.

Not here: what a model can do and costs (models.py), what is done when a rung fails (ladder.py).
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from property_video.core.errors import BadBrief
from property_video.core.records import Record
from property_video.core.spelling import did_you_mean

EMBEDDED: Final = "embedded"

Work = Literal["video", "music", "choice"]

VENDORS: Final[dict[Work, tuple[str, ...]]] = {
    "video": ("replicate",),
    "music": ("replicate",),
    "choice": ("xai", "openai"),
}
"""Who can be asked for what."""


def _split(value: Any) -> Any:
    """Let a ladder be written as one text with commas, as the command line and an edit do."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _no_repeats(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("a provider stands twice in it")
    return names


Name = Annotated[str, Field(min_length=1, max_length=200)]
Ladder = Annotated[tuple[Name, ...], BeforeValidator(_split), AfterValidator(_no_repeats), Field(min_length=1)]
"""Names, first choice first; also a text with commas."""


class Ladders(Record):
    """Ladders that somebody named; None leaves a piece to the embedded provider."""

    video: Ladder | None = None
    music: Ladder | None = None
    choice: Ladder | None = None


def hosted(ladder: Sequence[str] | None) -> tuple[str, ...]:
    """The hosted names of a ladder, down to the embedded provider."""
    names = tuple(ladder or ())
    return names[: names.index(EMBEDDED)] if EMBEDDED in names else names


def vendor_and_model(name: str) -> tuple[str, str]:
    """The two halves of a hosted name."""
    vendor, _, model = name.partition(":")
    return vendor, model


def check_ladder(work: Work, ladder: Sequence[str], where: str, known: Iterable[str]) -> None:
    """Refuse names that nobody answers to.

    Args:
        work: what is to be made.
        ladder: the names.
        where: the key in the brief, or the option, for the error.
        known: models that may be ordered, without vendor; for `choice` any model name is taken.

    Raises:
        BadBrief: naming the first unknown one and the nearest known one.
    """
    models = tuple(known)
    for name in hosted(ladder):
        vendor, model = vendor_and_model(name)
        if vendor not in VENDORS[work] or not model:
            forms = " or ".join(f"{each}:MODEL" for each in VENDORS[work])
            raise BadBrief(f"{where}: {name!r} is no provider of {work}.", f"Write {forms}, or {EMBEDDED}.")
        if work != "choice" and model not in models:
            raise BadBrief(f"{where}: there is no model {model!r} in the registry.", did_you_mean(model, models))
