"""Which campaigns are due: wanted, not there, not under way.

Not here: reading uploads, films and runs (defs/sensors.py gathers them).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MOST_ATTEMPTS: Final = 3
"""Runs for one request. What failed three times fails for a reason of its own and waits for a changed request."""

MOST_A_TICK: Final = 25
"""Run requests of one tick: each costs the daemon 0.2 CPU s, and a tick may take 60 s."""


@dataclass(frozen=True)
class Standing:
    """How one campaign stands.

    Attributes:
        campaign: its name.
        wanted: the fingerprint of its request; empty when its uploads could not be read.
        there: the request that its last film answers, or empty.
        under_way: whether a run of it is queued or running.
        quiet_s: seconds since the youngest change of its uploads.
        attempts: runs that this request has had.
    """

    campaign: str
    wanted: str
    there: str
    under_way: bool
    quiet_s: float
    attempts: int


@dataclass(frozen=True)
class Due:
    """A run to be requested. The key is the guarantee: one key is one run, whoever asks and however often."""

    campaign: str
    run_key: str
    request: str
    quiet_s: float


def due(standings: Iterable[Standing], settle_s: float, most: int = MOST_A_TICK) -> tuple[Due, ...]:
    """The campaigns that want a run, newest uploads first, `most` at the most."""
    found = [
        Due(
            campaign=standing.campaign,
            run_key=f"{standing.campaign}:{standing.wanted}:{standing.attempts + 1}",
            request=standing.wanted,
            quiet_s=standing.quiet_s,
        )
        for standing in standings
        if standing.wanted
        and standing.wanted != standing.there
        and not standing.under_way
        and standing.quiet_s >= settle_s
        and standing.attempts < MOST_ATTEMPTS
    ]
    return tuple(sorted(found, key=lambda each: each.quiet_s)[:most])
