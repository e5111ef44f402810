"""Knobs: which trouble an emulated service makes, on which route, for which model, at which call."""

import random
import threading
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Knob:
    """One kind of trouble.

    It strikes calls of `route` (any, if empty) for `model` (any, if empty): of those that match, the `nth` (from 1;
    all, if empty), each with `probability`, drawn from `seed`. `value` says how, for kinds that need to be told.
    """

    kind: str
    route: str = ""
    model: str = ""
    nth: tuple[int, ...] = ()
    probability: float = 1.0
    seed: int = 0
    value: Any = None
    matched: int = 0
    struck: int = 0
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)

    def strikes(self, route: str, model: str) -> bool:
        if (self.route and self.route != route) or (self.model and self.model != model):
            return False
        self.matched += 1
        if self.nth and self.matched not in self.nth:
            return False
        if self.probability < 1.0 and self.dice.random() >= self.probability:
            return False
        self.struck += 1
        return True


class Knobs:
    """All knobs that are turned; each call is shown to every one of them, and those that strike are given back."""

    def __init__(self) -> None:
        self._knobs: list[Knob] = []
        self._lock = threading.Lock()

    def turn(self, kind: str, *, nth: int | tuple[int, ...] = (), **how: Any) -> Knob:
        knob = Knob(kind=kind, nth=(nth,) if isinstance(nth, int) else tuple(nth), **how)
        with self._lock:
            self._knobs.append(knob)
        return knob

    def strike(self, route: str, model: str = "") -> dict[str, Any]:
        """Kinds of trouble for this call, with their values."""
        with self._lock:
            return {knob.kind: knob.value for knob in self._knobs if knob.strikes(route, model)}

    def clear(self) -> None:
        with self._lock:
            self._knobs.clear()
