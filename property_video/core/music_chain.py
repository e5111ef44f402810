"""A track made scene by scene: each prediction goes on from the end of the one before, with the scene's own words.

The model (MusicGen) gives back what it was given, re-encoded, and then the new part; the length it is told is that of
both together. The recording it goes on from is cut by us, so that joints lie exactly on the film's cuts although the
model knows whole seconds only.

Not here: the words (prompts.py), prices (models.py), joining the parts (media/join_music.py).
"""

import math
from collections.abc import Sequence
from typing import Any, Final

from property_video.core.models import MusicModel
from property_video.core.records import Record

MOST_CONTEXT_S: Final = 15
"""Seconds that a link goes on from. The model hears 30 at most; 10 to 15 hold key, tempo and instruments."""

TAIL_S: Final = 1.0
"""Seconds made beyond the film's end, so that its fade has something to fade."""


class Link(Record):
    """One prediction of a chain.

    It adds the film's seconds `begin_s` to `end_s`, going on from the `context_s` seconds before (whole, 0 for the
    first link), and its file lasts `length_s` whole seconds, context included.
    """

    number: int
    prompt: str
    begin_s: float
    end_s: float
    context_s: int
    length_s: int


def plan_chain(scenes: Sequence[tuple[str, float]], tail_s: float = TAIL_S) -> tuple[Link, ...]:
    """The links of a film's track.

    Args:
        scenes: each scene's prompt and seconds, in order.
        tail_s: seconds that the last link makes beyond the film's end.
    """
    links, begin = [], 0.0
    for number, (prompt, seconds) in enumerate(scenes, start=1):
        end = begin + seconds
        # To the millionth of a second: sums of frames must not lose a whole second of context to binary dust.
        context = min(MOST_CONTEXT_S, math.floor(begin + 1e-6))
        extra = tail_s if number == len(scenes) else 0.0
        length = context + math.ceil(seconds + extra - 1e-6)
        links.append(
            Link(number=number, prompt=prompt, begin_s=begin, end_s=end + extra, context_s=context, length_s=length)
        )
        begin = end
    return tuple(links)


def link_input(model: MusicModel, link: Link, context: str | None, seed: int) -> dict[str, Any]:
    """The exact input of one link.

    Args:
        model: one that `continues`.
        link: from `plan_chain`.
        context: address of the recording it goes on from: the `context_s` seconds before `begin_s`; None for the first.
        seed: 1 or more; 0 would mean random.

    Raises:
        ValueError: a link without the context it needs, or a model that does not go on.
    """
    names = model.inputs
    if names.context is None or names.length is None or not model.continues:
        raise ValueError(f"{model.slug} does not go on from a recording")
    if (context is None) != (link.context_s == 0):
        raise ValueError(f"link {link.number} goes on from {link.context_s} s")
    sent: dict[str, Any] = {names.prompt: link.prompt, names.length: link.length_s, **model.fixed}
    if names.seed is not None:
        sent[names.seed] = max(1, seed)
    if context is not None:
        sent |= {names.context: context, "continuation": True, "continuation_start": 0}
    return sent
