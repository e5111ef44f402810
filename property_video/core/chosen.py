"""Who chose: what became of asking vision models for rooms or for pairs.

Not here: what they are asked and how their answers are read (choice.py), the wallet (orders).
"""

from typing import Literal

from property_video.core.ladders import EMBEDDED
from property_video.core.records import Record

Stage = Literal["rooms", "pairs"]


class Chosen(Record):
    """How a choice came about.

    `provider` is "embedded" where the rules chose after all. `cost_usd` is what the answers cost in `attempts`, `fell`
    why those were not it that were asked before, and `repairs` what was not taken over of the answer, as sentences.
    """

    stage: Stage
    provider: str
    cost_usd: float = 0.0
    attempts: int = 0
    fell: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()

    @property
    def fallen(self) -> bool:
        """Whether the rules chose although a model had been asked to."""
        return self.provider == EMBEDDED

    @property
    def warnings(self) -> tuple[str, ...]:
        """All that a person should know of it."""
        return (*self.fell, *self.repairs)
