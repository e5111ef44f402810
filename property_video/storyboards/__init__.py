"""The storyboards and camera moves that ship with the product, read from the YAML files beside this module.

Not here: what a storyboard or a move is (core/storyboard.py, core/camera.py).
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import yaml

from property_video.core.camera import Move, parse_moves
from property_video.core.errors import BadBrief
from property_video.core.spelling import did_you_mean
from property_video.core.storyboard import Storyboard

NOT_STORYBOARDS = frozenset({"moves", "moods"})


def _read(name: str) -> Any:
    return yaml.safe_load((resources.files(__package__) / f"{name}.yaml").read_text(encoding="utf-8"))


@cache
def storyboard_names() -> tuple[str, ...]:
    """Names of all storyboards, sorted."""
    files = (entry.name for entry in resources.files(__package__).iterdir() if entry.name.endswith(".yaml"))
    return tuple(sorted({name.removesuffix(".yaml") for name in files} - NOT_STORYBOARDS))


@cache
def load_storyboard(name: str) -> Storyboard:
    """The storyboard of that name.

    Raises:
        BadBrief: there is none of that name.
    """
    if name not in storyboard_names():
        raise BadBrief(f"There is no storyboard {name!r}.", did_you_mean(name, storyboard_names()))
    return Storyboard.model_validate({"name": name, **_read(name)})


@cache
def load_moves() -> Mapping[str, Move]:
    """The camera moves by name."""
    return parse_moves(_read("moves"))
