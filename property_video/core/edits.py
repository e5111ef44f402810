"""Edits: a person's standing changes to one campaign.

An edit is an event; events are only ever added. What stands is what they fold to: later ones win, a reset clears.

Not here: where events are kept (store), what a brief says (brief.py).
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError

from property_video.core.brief import Dollars, Mood, Seconds, Seed, explain
from property_video.core.errors import BadBrief
from property_video.core.ladders import Ladder
from property_video.core.records import Record
from property_video.core.spelling import did_you_mean
from property_video.core.storyboard import SCENE_KEYS

EditValue = str | int | float

Chosen = Annotated[str | None, BeforeValidator(lambda value: value or None)]
"""A value that an empty text takes back."""


class SceneEdit(Record):
    """What a person set for one scene; None leaves it to the product.

    `take` is the fingerprint of a take that was made before and is shown again, whatever else changes; "" lets it go.
    """

    first: str | None = None
    last: str | None = None
    move: str | None = None
    seconds: Seconds | None = None
    seed: Seed | None = None
    video: Ladder | None = None
    take: Chosen = None


class Edits(Record):
    """What stands for a campaign."""

    storyboard: str | None = None
    seed: Seed | None = None
    mood: Mood | None = None
    video: Ladder | None = None
    music: Ladder | None = None
    choice: Ladder | None = None
    budget_usd: Dollars | None = None
    scenes: dict[str, SceneEdit] = Field(default_factory=dict)

    def scene(self, key: str) -> SceneEdit:
        """What stands for one scene."""
        return self.scenes.get(key, SceneEdit())


class Edit(Record):
    """One change: values to set for the campaign or one scene, or a reset of it."""

    scene: str | None = None
    values: dict[str, EditValue] = Field(default_factory=dict)
    reset: bool = False


def checked_edit(edit: Edit, moves: Iterable[str], storyboards: Iterable[str]) -> Edit:
    """Return the edit if it obeys the rules that need no photos.

    Raises:
        BadBrief: an unknown scene, move, storyboard or key, or a value out of range.
    """
    if edit.scene is not None and edit.scene not in SCENE_KEYS:
        raise BadBrief(f"There is no scene {edit.scene!r}.", did_you_mean(edit.scene, SCENE_KEYS))
    known = SceneEdit if edit.scene else Edits
    try:
        known.model_validate(edit.values)
    except ValidationError as error:
        raise BadBrief(f"edit of {edit.scene or 'the campaign'}: {explain(error, known)}") from error
    for key, choices in (("move", moves), ("storyboard", storyboards)):
        value = edit.values.get(key)
        if value is not None and value not in set(choices):
            raise BadBrief(f"There is no {key} {value!r}.", did_you_mean(str(value), choices))
    return edit


def fold(events: Iterable[Edit]) -> Edits:
    """What stands after all events, oldest first."""
    campaign: dict[str, Any] = {}
    scenes: dict[str, dict[str, Any]] = {}
    for event in events:
        target = campaign if event.scene is None else scenes.setdefault(event.scene, {})
        if event.reset:
            target.clear()
        target.update(event.values)
    standing = {key: SceneEdit.model_validate(values) for key, values in sorted(scenes.items()) if values}
    return Edits.model_validate({**campaign, "scenes": standing})


def news(edits: Edits, values: Mapping[str, EditValue], scene: str | None) -> dict[str, EditValue]:
    """Those of `values` that would change what stands: launching twice with one configuration is one edit."""
    standing = edits.scene(scene) if scene else edits
    meant = (SceneEdit if scene else Edits).model_validate(values)
    return {key: value for key, value in values.items() if getattr(standing, key) != getattr(meant, key)}
